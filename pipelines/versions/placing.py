"""Says where the outs of a dvc.lock lie: its paths are relative to their stage's `wdir`, which only dvc.yaml has."""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from pipelines.versions.locks import Out, flatten_keys, list_outs, written_paths

LOCK, PIPELINE, PARAMS = "dvc.lock", "dvc.yaml", "params.yaml"
FILES_OF_DVC = ("*.dvc", LOCK, PIPELINE, PARAMS)
"""Patterns of the names of the files that are read here."""
_TEMPLATE = re.compile(r"\$\{\s*([^}\s]+)\s*\}")

Parsed = Mapping[str, Mapping[str, Any]]
"""Files of DVC's by path, parsed."""


def list_files_of_dvc(paths: Iterable[str]) -> list[str]:
    """The .dvc and dvc.lock files among some paths, and the dvc.yaml and params.yaml that go with a dvc.lock."""
    listed = set(paths)
    tracking = [
        path for path in listed if _name_of(path) == LOCK or (path.endswith(".dvc") and _name_of(path) != ".dvc")
    ]
    beside = [_beside(path, name) for path in tracking if _name_of(path) == LOCK for name in (PIPELINE, PARAMS)]
    return sorted([*tracking, *(path for path in beside if path in listed)])


def place_outs(parsed: Parsed) -> Iterator[Out]:
    """Every out of some .dvc and dvc.lock files, its path that in the project; those left to git left out.

    A path outside of the project begins with `..` or `/`, one of a cloud has its URL.
    """
    for path, found in parsed.items():
        if _name_of(path) == LOCK:
            stages = found.get("stages") if "schema" in found or "stages" in found else found  # DVC 1 has no heading
            pipeline, params = (parsed.get(_beside(path, name)) or {} for name in (PIPELINE, PARAMS))
            flat = dict(flatten_keys(params))
            for name, entry in (stages or {}).items():
                stage, values = _find_stage(name, pipeline, params, flat)
                wdir = fill_template(str(stage.get("wdir") or ""), values)
                yield from _place(path, _address_stage(path, name), entry, wdir, _list_committed(stage, values))
        elif path.endswith(".dvc"):
            in_git = {out.get("path") for out in found.get("outs") or [] if out.get("cache") is False}
            yield from _place(path, path, found, str(found.get("wdir") or ""), in_git)


def _place(path: str, stage: str, entry: Mapping[str, Any], wdir: str, in_git: set[Any]) -> Iterator[Out]:
    folder = PurePosixPath(path).parent / wdir
    for out in list_outs({"stages": {stage: entry}}).values():
        if out.path not in in_git:
            full = out.path if "://" in out.path else os.path.normpath(folder / out.path).replace(os.sep, "/")
            yield Out(full, out.md5, out.size, stage, out.legacy)


def _address_stage(lock: str, name: str) -> str:
    """A stage as `dvc repro` takes it: in a folder below with its dvc.yaml."""
    return name if lock == LOCK else f"{_beside(lock, PIPELINE)}:{name}"


def _name_of(path: str) -> str:
    return path.rpartition("/")[2]


def _beside(path: str, name: str) -> str:
    return f"{path.removesuffix(_name_of(path))}{name}"


def _list_committed(stage: Mapping[str, Any], values: Mapping[str, Any]) -> set[Any]:
    """Paths that a stage gives with `cache: false`: they belong into git."""
    return {
        fill_template(path, values)
        for path, options in written_paths(stage).items()
        if isinstance(options, Mapping) and options.get("cache") is False
    }


def _find_stage(
    name: str, pipeline: Mapping[str, Any], params: Mapping[str, Any], flat: Mapping[str, Any]
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """What dvc.yaml says of a stage of dvc.lock, empty where it has none, and the values of its templates."""
    stages = pipeline.get("stages") or {}
    base, _, item = name.partition("@")
    entry = stages.get(name) or stages.get(base) or {}
    values = dict(flat)
    inner: Mapping[str, Any] = entry["do"] if isinstance(entry.get("do"), Mapping) else entry
    for some in (*(pipeline.get("vars") or []), *(entry.get("vars") or []), *(inner.get("vars") or [])):
        values |= dict(flatten_keys(some)) if isinstance(some, Mapping) else {}
    if item:
        values |= dict(flatten_keys(_list_items(entry, {**params, **values}).get(item, {})))
    return inner, values


def _list_items(entry: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The `item` (and `key`) of each stage that `foreach` or `matrix` makes, by what follows @ in its name."""
    each = _look_up(entry.get("foreach"), values)
    if isinstance(each, Mapping):
        return {str(key): {"item": item, "key": key} for key, item in each.items()}
    if isinstance(each, list):
        plain = not any(isinstance(item, Mapping | list) for item in each)
        return {_print(item) if plain else str(place): {"item": item} for place, item in enumerate(each)}
    matrix = entry.get("matrix")
    if not isinstance(matrix, Mapping):
        return {}
    axes = [
        [(f"{axis}{place}" if isinstance(value, Mapping | list) else _print(value), axis, value)
         for place, value in enumerate(_look_up(some, values) or [])]
        for axis, some in matrix.items()
    ]  # fmt: skip
    return {
        "-".join(name for name, _, _ in chosen): {"item": {axis: value for _, axis, value in chosen}}
        for chosen in itertools.product(*axes)
    }


def _look_up(value: Any, values: Mapping[str, Any]) -> Any:
    """A value, or what a template that is all of it stands for."""
    whole = _TEMPLATE.fullmatch(value) if isinstance(value, str) else None
    if whole is None:
        return value
    found: Any = values
    for key in whole[1].split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def fill_template(text: str, values: Mapping[str, Any]) -> str:
    """A text of dvc.yaml with each `${name}` filled in, as far as the values are known."""
    return _TEMPLATE.sub(lambda found: _print(values[found[1]]) if found[1] in values else found[0], text)


def _print(value: Any) -> str:
    """A value as DVC writes it into a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
