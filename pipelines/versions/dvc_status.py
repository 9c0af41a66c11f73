"""Asks DVC what is out of date, and says of each stage why: data, params, version, command, or never run."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.locks import entry_paths, flatten_keys, load_yaml, locked_params, written_paths
from schemas.errors import UserError

VERSIONS = "versions.yaml"


class DvcError(UserError):
    """DVC failed; the message is what it said, in one line."""


@dataclass(frozen=True)
class Reason:
    """Why a stage would run."""

    kind: str
    """data, param, version, command, outs, never_run or waits."""
    what: str
    """A path, a dotted key, or a stage; empty where the stage itself is meant."""
    change: str
    """modified, deleted, new, `not in cache`, or `old -> new` of a value."""

    def __str__(self) -> str:
        return " ".join(word for word in (self.kind.replace("_", " "), self.what, self.change) if word)


@dataclass(frozen=True)
class StageState:
    """A stage of dvc.yaml, or a `.dvc` file: what would make it run; nothing when it is up to date."""

    name: str
    reasons: tuple[Reason, ...]

    @property
    def state(self) -> str:
        """up_to_date, never_run, stale, or waits (only for stages before it)."""
        kinds = {reason.kind for reason in self.reasons}
        if not kinds:
            return "up_to_date"
        if "never_run" in kinds:
            return "never_run"
        return "waits" if kinds == {"waits"} else "stale"


def run_dvc(root: Path, *arguments: str) -> str:
    """Output of a dvc command run in `root` by this python.

    Raises:
        DvcError: it failed; carries what it said, in one line.
    """
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", "CI": "true"}  # CI: no look for a newer DVC
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise DvcError(f"dvc {arguments[0]}: {_join_error(done.stderr)}")
    return done.stdout


def _join_error(stderr: str) -> str:
    """What DVC said, from its first error on and in one line: who holds a lock stands in the lines after it."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines) - 1)
    said = " ".join(line.removeprefix("ERROR: ") for line in lines[max(first, 0) :])
    return said.partition("Having any troubles?")[0].strip() or "failed without a word"


def read_states(root: Path) -> list[StageState]:
    """The state of each stage of dvc.yaml, in its order, then of the `.dvc` files that are not as they should be.

    Raises:
        DvcError: DVC cannot tell, such as when `dvc repro` runs right now.
    """
    changes = json.loads(run_dvc(root, "status", "--json"))
    stages = load_yaml(root / "dvc.yaml").get("stages") or {}
    lock = load_yaml(root / "dvc.lock")
    states: dict[str, StageState] = {}
    for name, entry in stages.items():
        reasons = _read_reasons(root, name, changes.get(name) or [], lock)
        stale = [other for other in _stages_before(entry, stages) if other in states and states[other].reasons]
        waits = [] if any(reason.kind == "never_run" for reason in reasons) else [Reason("waits", s, "") for s in stale]
        states[name] = StageState(name, (*reasons, *waits))
    others = [
        StageState(name, _read_reasons(root, name, found, {})) for name, found in changes.items() if name not in stages
    ]
    return [*states.values(), *(state for state in others if state.reasons)]


def _stages_before(entry: Mapping[str, Any], stages: Mapping[str, Any]) -> list[str]:
    """Stages that write what this one reads."""
    needed = list(entry_paths(entry.get("deps")))
    before: list[str] = []
    for name, other in stages.items():
        if any(overlap(path, need) for path in written_paths(other) for need in needed):
            before.append(name)
    return before


def overlap(first: str, second: str) -> bool:
    """Whether two paths are one, or one holds the other."""
    return first == second or first.startswith(f"{second}/") or second.startswith(f"{first}/")


def _read_reasons(root: Path, name: str, changes: Sequence[Any], lock: Mapping[str, Any]) -> tuple[Reason, ...]:
    """Reasons from the entries of `dvc status --json` for one stage."""
    if changes and not name.endswith(".dvc") and name not in (lock.get("stages") or {}):
        return (Reason("never_run", "", ""),)
    reasons: list[Reason] = []
    for change in changes:
        if not isinstance(change, Mapping):
            kind = "command" if "command" in str(change) else "data"
            reasons.append(Reason(kind, "" if kind == "command" else name, "changed"))
            continue
        for path, how in (change.get("changed deps") or {}).items():
            if isinstance(how, Mapping):
                reasons += _param_reasons(root, name, path, how, lock)
            else:
                reasons.append(Reason("data", path, str(how)))
        reasons += [Reason("outs", path, str(how)) for path, how in (change.get("changed outs") or {}).items()]
    return tuple(reasons)


def _param_reasons(
    root: Path, stage: str, file: str, changes: Mapping[str, Any], lock: Mapping[str, Any]
) -> list[Reason]:
    """One reason for each value that changed below the keys that DVC names, with the old and the new value."""
    kind = "version" if file == VERSIONS else "param"
    was, now = locked_params(lock, file, stage), dict(flatten_keys(load_yaml(root / file)))
    reasons: list[Reason] = []
    for key, how in changes.items():
        leaves = sorted({leaf for leaf in (*was, *now) if leaf == key or leaf.startswith(f"{key}.")})
        changed = [leaf for leaf in leaves if was.get(leaf, _ABSENT) != now.get(leaf, _ABSENT)]
        shown = [Reason(kind, leaf, f"{_show(was, leaf)} -> {_show(now, leaf)}") for leaf in changed]
        reasons += shown or [Reason(kind, key, str(how))]
    return reasons


_ABSENT = object()


def _show(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "absent"
    value = values[key]
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) < 40 else f"{text[:10]}..."
