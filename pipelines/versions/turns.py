"""Closes a turn and opens the next: commits and tags what was run, then points params.yaml at it."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.dvc_status import StageState, read_states
from pipelines.versions.git import (
    SHORT,
    UNSHALLOW,
    Repository,
    changed_files,
    current_branch,
    git_succeeds,
    has_identity,
    open_repository,
    resolve_commits,
    run_git,
    unfinished_operation,
)
from pipelines.versions.locks import committed_outs, load_yaml
from pipelines.versions.project import TurnParams, read_locked_turn, read_turn, write_turn
from pipelines.versions.summary import TURN_METRICS, read_json_file
from schemas.errors import UserError

IDENTITY_MEND = '`git config --global user.name "NAME"` and `git config --global user.email "EMAIL"`'
TURN_FILES = (
    "dvc.lock", "dvc.yaml", "params.yaml", "versions.yaml", "imports/imports.json",
    "*.dvc", ".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore", "*/.gitignore",
)  # fmt: skip
"""What the commit of a turn takes in beside the outputs that dvc.yaml keeps in git."""
NOT_IN_CACHE = "not in cache"
DEFINING_FILES = ("dvc.lock", "params.yaml")


class TurnError(UserError):
    """A turn cannot be closed; the message says why and the mend, in one line."""


@dataclass(frozen=True)
class ClosedTurn:
    """What `close_turn` did."""

    number: int
    tag: str
    commit: str
    committed: bool
    """False when the turn had been committed before."""


def close_turn(root: Path) -> ClosedTurn:
    """Commit and tag the turn that was run, and set params.yaml to the next; going on where it was interrupted.

    Raises:
        TurnError: git or the turn is not ready for it.
    """
    repository = open_repository(root)
    turn = read_turn(root)
    _check_git(repository)
    _check_run(root, turn)
    ours = _check_files(repository)
    _check_states(read_states(root))
    committed = bool(ours) and _commit_turn(repository, turn, ours)
    [head] = resolve_commits(repository, ["HEAD"])
    tag, commit = _tag_turn(repository, turn.number, head)
    write_turn(root, turn.number + 1, commit)
    return ClosedTurn(turn.number, tag, commit, committed)


def _check_git(repository: Repository) -> None:
    if not has_identity(repository.root):
        raise TurnError(f"git does not know who you are: {IDENTITY_MEND}")
    if repository.shallow:
        raise TurnError(UNSHALLOW)
    operation = unfinished_operation(repository)
    if operation is not None:
        raise TurnError(f"a {operation} is unfinished: end it with `git {operation} --continue` or `--abort`")
    if current_branch(repository) is None:
        raise TurnError("HEAD is on no branch, so the turn's commit would be lost: `git switch -c NAME`")


def _check_run(root: Path, turn: TurnParams) -> None:
    recorded = read_locked_turn(load_yaml(root / "dvc.lock"))
    if recorded is None:
        raise TurnError(f"turn {turn.number} has not been run yet: `dvc repro`")
    if recorded != turn:
        was = f"turn {recorded.number}" if recorded.number != turn.number else "another parent"
        raise TurnError(f"turn {turn.number} has not been run yet (dvc.lock is of {was}): `dvc repro`")


def _check_files(repository: Repository) -> list[str]:
    """Files the turn's commit takes in; refuses when others are changed too."""
    patterns = [*TURN_FILES, *(f"{path}" for path in committed_outs(load_yaml(repository.root / "dvc.yaml")))]
    ours: list[str] = []
    others: list[str] = []
    for file in changed_files(repository):
        if file.inside and any(_matches(file.path, pattern) for pattern in patterns):
            ours.append(file.path)
        elif file.inside or file.staged:
            others.append(file.path)
    if others:
        raise TurnError(
            f"changed files that are not part of the turn: {shorten(others)}; commit them, or `git stash -u`"
        )
    return ours


def _matches(path: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern) or path.startswith(f"{pattern}/")


def _check_states(states: Sequence[StageState]) -> None:
    """Refuse what is out of date, and outputs that are not in the cache: no later turn could go on from them."""
    found = [(state.name, reason) for state in states for reason in state.reasons if reason.kind != "waits"]
    uncached = [reason.what for _, reason in found if reason.change == NOT_IN_CACHE]
    if not found:
        return
    if len(uncached) == len(found):
        raise TurnError(f"not in the cache: {shorten(uncached)}; put it there with `dvc commit`")
    name, reason = next(pair for pair in found if pair[1].change != NOT_IN_CACHE)
    names = shorten([state.name for state in states if state.reasons])
    raise TurnError(f"out of date: {names} ({name}: {reason}); run `dvc repro` first, `flywheel status` says more")


def _commit_turn(repository: Repository, turn: TurnParams, paths: Sequence[str]) -> bool:
    """Commit the turn's files; False when adding them changed nothing."""
    root = repository.root
    run_git(root, "add", "--all", "--", *paths)
    if git_succeeds(root, "diff", "--cached", "--quiet"):
        return False
    run_git(
        root, "commit", "--quiet", "--file=-", stdin=write_message(turn, read_json_file(root / TURN_METRICS)).encode()
    )
    return True


def write_message(turn: TurnParams, metrics: Mapping[str, Any]) -> str:
    """The commit message of a turn: its headline, then each metric on a line."""
    named = {"gold": "gold_policy", "pass": "pass_policy", "win rate": "win_rate"}
    headline = [
        f"{word} {metrics[key]:.3f}" for word, key in named.items() if isinstance(metrics.get(key), int | float)
    ]
    lines = [f"turn {turn.number}: {', '.join(headline) or 'run to the end'}", ""]
    lines += [f"{key}: {value}" for key, value in metrics.items() if isinstance(value, int | float | str)]
    return "\n".join([*lines, f"parent: {turn.parent or 'none, a cold start'}", ""])


def _tag_turn(repository: Repository, number: int, head: str) -> tuple[str, str]:
    """Tag the turn's commit unless it is; `turn-N-<branch>` where another commit has the name.

    Returns:
        The tag and the commit it names: HEAD, or an earlier commit of HEAD's history with the same turn.
    """
    branch = (current_branch(repository) or "fork").replace("/", "-")
    names = [f"turn-{number}", f"turn-{number}-{branch}"]
    names += [f"turn-{number}-{branch}-{count}" for count in range(2, 100)]
    for name in names:
        if not git_succeeds(repository.root, "show-ref", "--verify", "--quiet", f"refs/tags/{name}"):
            message = f"turn {number} of the flywheel"
            run_git(repository.root, "tag", "--annotate", "--message", message, name, head)
            return name, head
        [tagged] = resolve_commits(repository, [f"refs/tags/{name}"])
        if tagged == head or _holds_same_turn(repository, tagged, head):
            return name, tagged
    raise TurnError(f"all of turn-{number} to {names[-1]} name other commits: remove some with `git tag -d`")


def _holds_same_turn(repository: Repository, tagged: str, head: str) -> bool:
    """Whether nothing of the turn differs between a tagged commit and HEAD, which descends from it."""
    return git_succeeds(repository.root, "merge-base", "--is-ancestor", tagged, head) and git_succeeds(
        repository.root, "diff", "--quiet", tagged, head, "--", *DEFINING_FILES
    )


def shorten(names: Sequence[str], shown: int = 4) -> str:
    """A list of names in a line: the first few, and how many more."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def describe_closed(closed: ClosedTurn) -> str:
    """What was done and what to do next, in one line."""
    done = "committed and tagged" if closed.committed else "was committed before, tagged"
    number = closed.number + 1
    return (
        f"turn {closed.number} {done} as {closed.tag} ({closed.commit[:SHORT]}); turn {number} is open: run `dvc repro`"
    )
