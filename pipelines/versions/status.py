"""Says which turn a project is at, what of it is out of date and why, and what is missing to go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.dvc_status import VERSIONS, StageState, overlap, read_states
from pipelines.versions.git import (
    UNSHALLOW,
    GitError,
    Repository,
    current_branch,
    has_identity,
    name_commit,
    open_repository,
    resolve_commits,
    unfinished_operation,
)
from pipelines.versions.locks import entry_paths, load_yaml, written_paths
from pipelines.versions.project import TurnParams, read_locked_turn, read_turn
from pipelines.versions.summary import read_json_file
from pipelines.versions.turns import IDENTITY_MEND, shorten


@dataclass(frozen=True)
class ProjectStatus:
    """Where a project stands."""

    turn: TurnParams
    parent_name: str | None
    branch: str | None
    stages: tuple[StageState, ...]
    missing: tuple[str, ...]
    """One line for each thing that is not there, with the mend."""
    next_step: str


def read_status(root: Path) -> ProjectStatus:
    """Where the project at `root` stands.

    Raises:
        ProjectError: params.yaml has no turn.
        LockError: a file of DVC's is no YAML.
        DvcError: DVC cannot tell what is out of date.
    """
    turn = read_turn(root)
    for name in ("dvc.yaml", "dvc.lock", VERSIONS):
        load_yaml(root / name)  # of a fault in one DVC says less
    missing: list[str] = []
    repository, branch, parent_name = None, None, turn.parent
    try:
        repository = open_repository(root)
        branch = current_branch(repository)
    except GitError as error:
        missing.append(str(error))
    if repository is not None:
        parent_name = _name_parent(repository, turn, missing)
        missing += _list_git_needs(repository)
    missing += [*_list_file_needs(root), *_list_code_needs(root)]
    states = read_states(root)
    missing += [_describe_import(state) for state in states if state.name.endswith(".dvc")]
    missing += _list_rankings_needs(root)
    stages = tuple(state for state in states if not state.name.endswith(".dvc"))
    return ProjectStatus(turn, parent_name, branch, stages, tuple(missing), _choose_step(root, turn, states))


def _name_parent(repository: Repository, turn: TurnParams, missing: list[str]) -> str | None:
    if turn.parent is None:
        return None
    try:
        [commit] = resolve_commits(repository, [turn.parent])
    except GitError as error:
        missing.append(f"turn.parent: {error}")
        return turn.parent
    return name_commit(repository, commit)


def _list_git_needs(repository: Repository) -> list[str]:
    needs = [] if has_identity(repository.root) else [f"git does not know who you are: {IDENTITY_MEND}"]
    needs += [UNSHALLOW] if repository.shallow else []
    operation = unfinished_operation(repository)
    needs += [f"a {operation} is unfinished: `git {operation} --continue` or `--abort`"] if operation else []
    return needs


def _describe_import(state: StageState) -> str:
    path = state.name.removesuffix(".dvc")
    changes = {reason.change for reason in state.reasons}
    if changes & {"deleted", "not in cache"}:
        return f"{path} is not here: `dvc pull {state.name}`"
    return f"{path} differs from what {state.name} says: `dvc checkout {state.name}`, or `dvc commit {state.name}`"


def _list_file_needs(root: Path) -> list[str]:
    """Files in git that stages read and that are not here: of these DVC says no more than that."""
    stages = (load_yaml(root / "dvc.yaml").get("stages") or {}).values()
    written = {path for stage in stages for path in written_paths(stage)}
    read = {path for stage in stages for path in entry_paths(stage.get("deps"))}
    sources = [path for path in sorted(read) if not any(overlap(path, out) for out in written)]
    return [f"{path} is not here: `git checkout -- {path}`" for path in sources if not (root / path).exists()]


def _list_code_needs(root: Path) -> list[str]:
    """Where the project's own numbers are not those of the installed code, as after an upgrade: faults in params.yaml,
    and stages whose code is newer than versions.yaml says, which DVC would not run again."""
    from pipelines.init import find_pipeline_file

    stages = load_yaml(root / "dvc.yaml").get("stages") or {}
    ours = [name for name, stage in stages.items() if str(stage.get("cmd")).endswith(f"pipelines.stage {name}")]
    here, installed = load_yaml(root / VERSIONS).get("stages") or {}, load_yaml(find_pipeline_file(VERSIONS))["stages"]
    newer = [f"{name}: {installed[name]}" for name in ours if here.get(name, 0) < installed.get(name, 0)]
    line = f"{VERSIONS} is older than the installed code: write `{', '.join(newer)}` there"
    return [*(_list_param_faults(root) if ours else []), *([line] if newer else [])]


def _list_param_faults(root: Path) -> list[str]:
    from schemas.params import ParamsError, parse_params

    try:
        parse_params(load_yaml(root / "params.yaml"))
    except ParamsError as error:
        return str(error).splitlines()
    return []


def _list_rankings_needs(root: Path) -> list[str]:
    """What the rankings stage noted: how many prompts no labeler has ranked."""
    waiting = read_json_file(root / "metrics" / "rankings.json").get("prompts_without_ranking")
    if not isinstance(waiting, int) or not waiting:
        return []
    return [f"{waiting} prompts with candidates have no ranking: `flywheel ingest FILE` takes in a snapshot of labels"]


def _choose_step(root: Path, turn: TurnParams, states: Sequence[StageState]) -> str:
    if any(state.reasons for state in states):
        return "dvc repro"
    recorded = read_locked_turn(load_yaml(root / "dvc.lock"))
    return "flywheel next" if recorded == turn else "dvc repro"


def list_status(status: ProjectStatus) -> dict[str, Any]:
    """The status as plain values, for JSON."""
    return {
        "turn": status.turn.number,
        "parent": None if status.turn.parent is None else {"commit": status.turn.parent, "name": status.parent_name},
        "branch": status.branch,
        "stages": [
            {
                "stage": stage.name,
                "state": stage.state,
                "reasons": [{"kind": r.kind, "what": r.what, "change": r.change} for r in stage.reasons],
            }
            for stage in status.stages
        ],
        "missing": list(status.missing),
        "next": status.next_step,
    }


def describe_status(status: ProjectStatus) -> list[str]:
    """The status as lines to read."""
    parent = f"from {status.parent_name}" if status.turn.parent else "a cold start"
    lines = [f"turn {status.turn.number}, {parent}" + (f", on branch {status.branch}" if status.branch else "")]
    width = max((len(stage.name) for stage in status.stages), default=0)
    for stage in status.stages:
        first, *others = _tell_reasons(stage) or [""]
        lines.append(f"  {stage.name:<{width}}  {stage.state.replace('_', ' '):<10}  {first}".rstrip())
        lines += [f"  {'':<{width}}  {'':<10}  {reason}" for reason in others]
    lines += [f"missing: {line}" for line in status.missing]
    return [*lines, f"next: `{status.next_step}`"]


def _tell_reasons(stage: StageState) -> list[str]:
    """A stage's reasons as lines; the stages it waits for in one."""
    own = [str(reason) for reason in stage.reasons if reason.kind not in ("waits", "never_run")]
    waits = [reason.what for reason in stage.reasons if reason.kind == "waits"]
    return [*own, *([f"after {shorten(waits)}"] if waits else [])]
