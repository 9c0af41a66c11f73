"""Finds the project around a folder, and reads and rewrites which turn its params.yaml is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.store import write_bytes
from pipelines.versions.locks import load_yaml, locked_params
from schemas.errors import UserError


class ProjectError(UserError):
    """A folder is no project, or its params.yaml no turn; the message names the mend."""


@dataclass(frozen=True)
class TurnParams:
    """The `turn` section of params.yaml, or what dvc.lock recorded of it."""

    number: int
    parent: str | None


def find_root(start: Path) -> Path:
    """The project's folder: the nearest one, from `start` upwards, with .dvc and dvc.yaml.

    Raises:
        ProjectError: there is none.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / ".dvc").is_dir() and (folder / "dvc.yaml").is_file():
            return folder
    raise ProjectError(
        f"{start.absolute()} is in no project of a flywheel: go into one, or make one with `flywheel init DIR`"
    )


def find_dvc_root(start: Path) -> Path:
    """The folder of the nearest project of DVC, ours or not, from `start` upwards.

    Raises:
        ProjectError: there is none.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise ProjectError(f"{start.absolute()} is in no project of DVC: go into one, or make one with `flywheel init DIR`")


def read_turn(root: Path) -> TurnParams:
    """Which turn params.yaml says this is.

    Raises:
        ProjectError: it says none.
    """
    section = load_yaml(root / "params.yaml").get("turn")
    number = section.get("number") if isinstance(section, Mapping) else None
    if not isinstance(section, Mapping) or not isinstance(number, int):
        raise ProjectError(f"{root / 'params.yaml'} has no turn.number: restore it from `git show HEAD:params.yaml`")
    parent = section.get("parent")
    return TurnParams(number, None if parent is None else str(parent))


def read_locked_turn(lock: Mapping[str, Any]) -> TurnParams | None:
    """Which turn a dvc.lock's stages were last run for; None when none was run."""
    recorded = locked_params(lock)
    number, parent = recorded.get("turn.number"), recorded.get("turn.parent")
    return TurnParams(number, parent) if isinstance(number, int) else None


def rewrite_turn(text: str, number: int, parent: str | None) -> str:
    """params.yaml with another turn.number and turn.parent; every other character stays.

    Raises:
        ProjectError: it has no such keys.
    """
    values = {"number": str(number), "parent": "null" if parent is None else f'"{parent}"'}
    spans = _find_turn_values(text)
    for key in sorted(values, key=lambda key: spans[key], reverse=True):
        start, end = spans[key]
        before = text[:start] + (" " if re.search(r"[:,]$", text[:start]) else "")
        text = before + values[key] + text[end:]
    return text


def _find_turn_values(text: str) -> dict[str, tuple[int, int]]:
    """Where in the text the values of turn.number and turn.parent stand."""
    import yaml  # late: commands that read another turn need none

    try:
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ProjectError(f"params.yaml: not YAML: {' '.join(str(error).split())}") from None
    section = dict(_entries(top)).get("turn")
    spans = {key: (node.start_mark.index, node.end_mark.index) for key, node in _entries(section)}
    if not {"number", "parent"} <= set(spans):
        raise ProjectError(
            "params.yaml has no turn.number and turn.parent: restore them from `git show HEAD:params.yaml`"
        )
    return spans


def _entries(node: Any) -> list[tuple[str, Any]]:
    """Keys and values of a mapping."""
    if getattr(node, "id", None) != "mapping":
        return []
    return [(str(key.value), value) for key, value in node.value]


def write_turn(root: Path, number: int, parent: str | None) -> None:
    """Set turn.number and turn.parent in params.yaml, whole or not at all."""
    path = root / "params.yaml"
    with path.open(encoding="utf-8", newline="") as file:  # keeps the line ends as they are
        text = file.read()
    mode = path.stat().st_mode
    write_bytes(rewrite_turn(text, number, parent).encode(), path)
    path.chmod(mode)
