"""Gathers the tables that no file holds: the tagged turns, and the metrics of every turn."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pipelines.versions.contents import Contents, fetch_listings, open_history, read_contents
from pipelines.versions.git import Repository, read_objects, run_git
from pipelines.versions.locks import LockError, entry_paths, flatten_keys, load_yaml, parse_yaml
from pipelines.versions.project import read_locked_turn
from pipelines.versions.revisions import parse_blob

TAG = re.compile(r"turn-(\d+)(-.+)?")


@dataclass(frozen=True)
class Turn:
    """A tagged turn and what it holds."""

    tag: str
    commit: str
    number: int
    parent: str | None
    date: str
    """When it was committed, in ISO 8601."""
    contents: Contents


class Metric(NamedTuple):
    """One number, or word, of a metrics file at a revision."""

    revision: str
    file: str
    key: str
    """Dotted; places in a list are counted from 0."""
    value: float | None
    text: str | None
    """What is no number."""


def list_turns(root: Path) -> list[Turn]:
    """Every turn that is tagged, forks too, by number and date.

    Raises:
        RevisionError: a tag's commit has no dvc.lock.
    """
    repository = open_history(root)
    listed = run_git(
        repository.root, "for-each-ref", "--format=%(refname:short)%09%(committerdate:iso-strict)"
        "%(*committerdate:iso-strict)", "refs/tags/",
    )  # fmt: skip
    dates = dict(line.split("\t") for line in listed.splitlines() if TAG.fullmatch(line.partition("\t")[0]))
    turns = []
    several = read_contents(root, list(dates), repository) if dates else []
    for (tag, date), contents in zip(dates.items(), several, strict=True):
        revision, match = contents.revision, TAG.fullmatch(tag)
        assert match is not None
        recorded = read_locked_turn(revision.lock)
        number, parent = (recorded.number, recorded.parent) if recorded else (int(match[1]), None)
        turns.append(Turn(tag, revision.commit, number, parent, date, contents))
    fetch_listings([turn.contents for turn in turns])
    return sorted(turns, key=lambda turn: (turn.number, turn.date, turn.tag))


def read_metrics(contents: Contents, repository: Repository) -> list[Metric]:
    """Every number of the metrics files that dvc.yaml names, at a revision or in the workspace."""
    root, commit = contents.revision.cache.root, contents.revision.commit
    if contents.on_disk:
        paths = _metric_paths(load_yaml(root / "dvc.yaml"))
        texts = {path: (root / path).read_bytes() for path in paths if (root / path).is_file()}
    else:
        [pipeline] = read_objects(repository, [f"{commit}:{repository.prefix}dvc.yaml"])
        paths = _metric_paths(parse_blob(root, pipeline, "dvc.yaml") if pipeline else {})
        blobs = read_objects(repository, [f"{commit}:{repository.prefix}{path}" for path in paths])
        texts = {path: blob.content for path, blob in zip(paths, blobs, strict=True) if blob is not None}
    return [metric for path, text in texts.items() for metric in _flatten_file(contents.name, path, text)]


def _metric_paths(pipeline: dict[str, Any]) -> list[str]:
    """Paths under `metrics` of each stage and of the file itself."""
    lists = [pipeline.get("metrics"), *(entry.get("metrics") for entry in (pipeline.get("stages") or {}).values())]
    return sorted({path for entries in lists for path in entry_paths(entries)})


def _flatten_file(revision: str, path: str, content: bytes) -> Iterator[Metric]:
    try:
        values = json.loads(content) if path.endswith(".json") else parse_yaml(content, path)
    except (ValueError, LockError):
        return  # not a file of numbers; `dvc metrics show` says why
    for key, value in flatten_keys(_spread_lists(values)):
        number = float(value) if isinstance(value, int | float) else None
        yield Metric(revision, path, key, number, None if number is not None or value is None else str(value))


def _spread_lists(values: Any) -> Any:
    """Lists as mappings from their places."""
    if isinstance(values, dict):
        return {key: _spread_lists(value) for key, value in values.items()}
    if isinstance(values, list):
        return {str(place): _spread_lists(value) for place, value in enumerate(values)}
    return values
