"""Asks git for commits and files of any revision, through its plumbing and without a checkout."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from schemas.errors import UserError

SHORT = 10
UNSHALLOW = "this is a shallow clone, older turns are not in it: run `git fetch --unshallow --tags`"


class GitError(UserError):
    """Git is missing, refuses, or lacks what was asked for; the message is one line with the mend."""


@dataclass(frozen=True)
class Repository:
    """A git work tree as seen from a project's folder in it."""

    root: Path
    """The project's folder, where dvc.yaml lies."""
    prefix: str
    """Path of that folder inside the work tree: empty, or ending in a slash."""
    git_directory: Path
    shallow: bool


@dataclass(frozen=True)
class GitObject:
    """An object of git's store."""

    oid: str
    kind: str
    content: bytes


def run_git(root: Path, *arguments: str, stdin: bytes | None = None) -> str:
    """Output of a git command run in `root`.

    Raises:
        GitError: git is not installed, or the command failed; carries the first line git said.
    """
    done = _spawn_git(root, arguments, stdin)
    if done.returncode:
        raise GitError(f"git {arguments[0]}: {_first_fault(done.stderr)}")
    return done.stdout.decode(errors="replace")


def git_succeeds(root: Path, *arguments: str) -> bool:
    """Whether a git command exits with 0; for the questions that git answers by its exit status."""
    return _spawn_git(root, arguments, None).returncode == 0


def _spawn_git(root: Path, arguments: Sequence[str], stdin: bytes | None) -> subprocess.CompletedProcess[bytes]:
    settings = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_LITERAL_PATHSPECS": "1"}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=root, input=stdin, capture_output=True, env={**os.environ, **settings}
        )
    except FileNotFoundError:
        if not root.is_dir():
            raise GitError(f"{root}: no such folder") from None
        raise GitError("git is not installed (not found on PATH)") from None


def _first_fault(stderr: bytes) -> str:
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    faults = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return faults[0].removeprefix("fatal: ").removeprefix("error: ") if faults else "failed without a word"


def open_repository(root: Path) -> Repository:
    """The git work tree around a project's folder.

    Raises:
        GitError: not in a work tree.
    """
    asked = ("--is-shallow-repository", "--absolute-git-dir", "--show-prefix")
    done = _spawn_git(root, ("rev-parse", "--show-toplevel", *asked), None)
    if done.returncode:
        fault = _first_fault(done.stderr)
        if "not a git repository" in fault or "work tree" in fault:
            raise GitError(f"{root} is not in a git repository: run `git init` there, and commit")
        raise GitError(f"git: {fault}")
    shallow, git_directory, prefix = (*done.stdout.decode().split("\n")[1:], "", "")[:3]
    return Repository(root, prefix, Path(git_directory), shallow == "true")


def read_objects(repository: Repository, names: Sequence[str]) -> list[GitObject | None]:
    """Objects by name (`turn-1^{commit}`, `COMMIT:path`), in one git process; None for those not there."""
    if not names:
        return []
    if any("\n" in name for name in names):
        raise GitError("a revision's name has no line breaks")
    done = _spawn_git(repository.root, ("cat-file", "--batch"), "".join(f"{name}\n" for name in names).encode())
    if done.returncode:
        raise GitError(f"git cat-file: {_first_fault(done.stderr)}")
    found: list[GitObject | None] = []
    output, position = done.stdout, 0
    for _ in names:
        end = output.index(b"\n", position)
        header = output[position:end].decode().rsplit(" ", 2)
        position = end + 1
        if len(header) != 3 or not header[2].isdigit():  # "NAME missing", "NAME ambiguous"
            found.append(None)
            continue
        oid, kind, size = header[0], header[1], int(header[2])
        found.append(GitObject(oid, kind, output[position : position + size]))
        position += size + 1
    return found


def resolve_commits(repository: Repository, names: Sequence[str]) -> list[str]:
    """Full commit ids of revisions: a commit, tag, branch, `HEAD~1`, or an experiment of DVC.

    Raises:
        GitError: the name is unknown, ambiguous, or older than a shallow clone reaches.
    """
    found = read_objects(repository, [f"{name}^{{commit}}" for name in names])
    return [
        commit.oid if commit is not None and name else _resolve_experiment(repository, name)
        for name, commit in zip(names, found, strict=True)
    ]


def _resolve_experiment(repository: Repository, name: str) -> str:
    refs = run_git(repository.root, "for-each-ref", "--format=%(objectname)", f"refs/exps/**/{name}").split()
    if name and len(set(refs)) == 1:
        return refs[0]
    if repository.shallow:
        raise GitError(f"revision {name} is not here: {UNSHALLOW}")
    if git_succeeds(repository.root, "rev-parse", "--verify", "--quiet", "HEAD"):
        known = "`git tag`, `git branch -a`, `git log` and `dvc exp list` name those there are"
        raise GitError(f"unknown revision {name!r}: {known}")
    raise GitError(f"unknown revision {name!r}: nothing is committed here yet")


def read_file(repository: Repository, commit: str, path: str) -> bytes | None:
    """A file of the project as committed, or None; the path is relative to the project's folder."""
    [blob] = read_objects(repository, [f"{commit}:{repository.prefix}{path}"])
    return blob.content if blob is not None and blob.kind == "blob" else None


def current_branch(repository: Repository) -> str | None:
    """Name of the branch that HEAD is on; None when it is on none (detached)."""
    done = _spawn_git(repository.root, ("symbolic-ref", "--quiet", "--short", "HEAD"), None)
    return done.stdout.decode().strip() or None


def name_commit(repository: Repository, commit: str) -> str:
    """A tag of the commit, `turn-` ones first, or its short id."""
    tags = run_git(repository.root, "for-each-ref", "--points-at", commit, "--format=%(refname:short)", "refs/tags")
    named = sorted(tags.split(), key=lambda tag: (not tag.startswith("turn-"), tag))
    return named[0] if named else commit[:SHORT]


def has_identity(root: Path) -> bool:
    """Whether git knows who commits here, without guessing it from the host's name."""
    names = ("GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT")
    return all(git_succeeds(root, "-c", "user.useConfigOnly=true", "var", name) for name in names)


def unfinished_operation(repository: Repository) -> str | None:
    """The merge, rebase, cherry-pick, revert or bisect that waits to be finished, or None."""
    marks = {
        "MERGE_HEAD": "merge", "rebase-merge": "rebase", "rebase-apply": "rebase",
        "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert",
    }  # fmt: skip
    return next((word for mark, word in marks.items() if (repository.git_directory / mark).exists()), None)


@dataclass(frozen=True)
class ChangedFile:
    """A path that differs from HEAD: relative to the project's folder, or `../` outside of it."""

    path: str
    staged: bool
    inside: bool


def changed_files(repository: Repository) -> list[ChangedFile]:
    """Files that are modified, added, removed or untracked, in the whole work tree; ignored ones left out."""
    output = run_git(repository.root, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
    changed: list[ChangedFile] = []
    for record in output.split("\0"):
        if not record:
            continue
        status, path = record[:2], record[3:]
        inside = path.startswith(repository.prefix)
        shown = path.removeprefix(repository.prefix) if inside else f"{_upwards(repository.prefix)}{path}"
        changed.append(ChangedFile(shown, status[0] not in " ?", inside))
    return changed


def _upwards(prefix: str) -> str:
    return "../" * len(PurePosixPath(prefix).parts)
