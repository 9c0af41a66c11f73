"""Reads dvc.lock, dvc.yaml and params.yaml as DVC does (YAML 1.2), and DVC's config without importing DVC."""

import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import UserError, describe_yaml_fault


class LockError(UserError):
    """A file of DVC's that cannot be read; the message names it."""


def parse_yaml(text: str | bytes, name: str) -> dict[str, Any]:
    """A YAML mapping; an empty file is an empty one.

    Raises:
        LockError: not YAML, or not a mapping.
    """
    import yaml

    from pipelines.versions.yaml12 import Yaml12Loader

    try:
        parsed = yaml.load(text, Loader=Yaml12Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise LockError(describe_yaml_fault(name, text, error)) from None
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise LockError(f"{name}: a mapping was expected, this is a {type(parsed).__name__}")
    return parsed


def load_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as a mapping; empty when there is no such file."""
    try:
        return parse_yaml(path.read_bytes(), path.name)
    except FileNotFoundError:
        return {}


@dataclass(frozen=True)
class Out:
    """One output of a stage as dvc.lock has it: a file, or a directory (md5 ends in `.dir`)."""

    path: str
    md5: str
    size: int | None
    stage: str
    legacy: bool = False
    """True for DVC 2's md5 of text files, kept elsewhere in the cache."""

    @property
    def is_directory(self) -> bool:
        return self.md5.endswith(".dir")


def list_outs(lock: Mapping[str, Any]) -> dict[str, Out]:
    """Outputs of a parsed dvc.lock by their path; those that are not hashed by md5 (external ones) left out."""
    return {
        out["path"]: Out(out["path"], out["md5"], out.get("size"), stage, out.get("hash", "md5-dos2unix") != "md5")
        for stage, entry in (lock.get("stages") or {}).items()
        for out in entry.get("outs") or []
        if "md5" in out
    }


def flatten_keys(values: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of nested mappings as (dotted key, value)."""
    if isinstance(values, Mapping) and values:
        for name, value in values.items():
            yield from flatten_keys(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, values


def locked_params(lock: Mapping[str, Any], file: str = "params.yaml", stage: str | None = None) -> dict[str, Any]:
    """Values a dvc.lock was made with, by dotted key: of one stage, or of all (the first stage's wins)."""
    found: dict[str, Any] = {}
    for name, entry in (lock.get("stages") or {}).items():
        if stage in (None, name):
            for key, value in flatten_keys((entry.get("params") or {}).get(file) or {}):
                found.setdefault(key, value)
    return found


def entry_paths(entries: Any) -> dict[str, Mapping[str, Any]]:
    """A deps, outs, metrics or plots list of dvc.yaml as {path: options}."""
    listed = [{e: {}} if isinstance(e, str) else e for e in entries or []]
    return {path: options or {} for entry in listed for path, options in entry.items()}


def written_paths(stage: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What a stage of dvc.yaml writes, as {path: options}."""
    parts = ("outs", "metrics", "plots")
    return {path: options for part in parts for path, options in entry_paths(stage.get(part)).items()}


def committed_outs(pipeline: Mapping[str, Any]) -> list[str]:
    """Paths that dvc.yaml gives with `cache: false`: they belong into git, not into the cache."""
    return [
        path
        for entry in (pipeline.get("stages") or {}).values()
        for path, options in written_paths(entry).items()
        if isinstance(options, Mapping) and options.get("cache") is False
    ]


@functools.cache
def _config_directories() -> tuple[Path, ...]:
    import platformdirs

    system = os.environ.get("DVC_SYSTEM_CONFIG_DIR") or platformdirs.site_config_dir("dvc", "iterative")
    user = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or platformdirs.user_config_dir("dvc", "iterative")
    return Path(system), Path(user)


def read_config(root: Path) -> dict[str, dict[str, str]]:
    """DVC's config by section, from the system, the user, the project and its `config.local`; later ones win.

    A relative `cache.dir` comes back joined to the folder of the file that says it.
    """
    dvc_directory = root / ".dvc"
    files = [folder / "config" for folder in _config_directories()]
    merged: dict[str, dict[str, str]] = {}
    for file in (*files, dvc_directory / "config", dvc_directory / "config.local"):
        for section, key, value in _config_lines(file):
            if (section, key) == ("cache", "dir"):
                value = str(file.parent / Path(value).expanduser())
            merged.setdefault(section, {})[key] = value
    return merged


def _config_lines(file: Path) -> Iterator[tuple[str, str, str]]:
    """(section, key, value) of a file in ConfigObj's format, as far as DVC writes it."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    section = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]").strip("'")
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            yield section, key.strip().lower(), value[1:-1] if quoted else value.partition(" #")[0].strip()
