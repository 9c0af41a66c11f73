"""Brings the turn before into this one: its policy, its reward model, and all rows up to and with its own."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.store import write_bytes, write_parquet
from pipelines.versions.git import git_succeeds
from pipelines.versions.revisions import (
    DataFile,
    Revision,
    RevisionError,
    copy_file,
    ensure_objects,
    materialise,
    read_revision,
)

MODELS = ("policy", "reward_model")
WEIGHTS = "model.safetensors"
TURNS = "data/past/turns.json"
SIGNATURES = "signatures"
"""What stages remember of rows (`pipelines.signatures`): carried like a table, but none that anybody asks for."""
TABLE_FILE = re.compile(r"data/(?:past/(?P<past>\w+)/(?P<part>[^/]+)|(?P<new>\w+)(?:/(?P<stage>\w+))?)\.parquet")


def bring_parent(
    root: Path, parent: str | None, turn_number: int, models_out: Path, past_out: Path
) -> list[dict[str, Any]]:
    """Write what turn `turn_number` goes on from into two directories, from the parent's dvc.lock and the cache.

    `models_out` gets policy/ and reward_model/; `past_out` gets <table>/turn=NNN.parquet (or turn=NNN-<stage>.parquet)
    of every earlier turn, files unchanged, an empty <table>/turn=000.parquet for each carried table, and turns.json.
    With `parent` null there are only the empty files and an empty turns.json.

    Returns:
        What turns.json says: {turn, policy, reward_model} of each earlier turn, oldest first, models by the md5 of
        their weights.

    Raises:
        RevisionError: the parent is unknown, not an earlier turn or not finished, or its data cannot be had.
    """
    _write_empty_tables(past_out)
    turns: list[dict[str, Any]] = []
    if parent is not None:
        revision = read_parent(root, parent, turn_number)
        digests = {model: _bring_model(revision, model, models_out) for model in MODELS}
        turns = [*_bring_rows(revision, past_out), {"turn": revision.turn, **digests}]
    write_bytes((json.dumps(turns, indent=2) + "\n").encode(), past_out / "turns.json")
    return turns


def read_parent(root: Path, parent: str, turn_number: int) -> Revision:
    """The parent's revision, checked.

    Raises:
        RevisionError: it is no commit id or tag (the name would move while turn.parent stands), or no earlier turn.
    """
    revision = read_revision(root, str(parent))
    tagged = f"refs/tags/{parent}" if re.fullmatch(r"[0-9a-f]{7,40}", str(parent)) is None else None
    if tagged is not None and not _is_tag(revision, tagged):
        raise RevisionError(
            f"turn.parent: {parent} is a name that moves; write the commit id it stands for now, {revision.commit}"
        )
    if revision.turn >= turn_number:
        raise RevisionError(
            f"turn.parent: {parent} is turn {revision.turn}, so turn.number must be at least {revision.turn + 1},"
            f" not {turn_number}: `flywheel next` sets both"
        )
    return revision


def _is_tag(revision: Revision, reference: str) -> bool:
    return git_succeeds(revision.repository.root, "show-ref", "--verify", "--quiet", reference)


def _bring_model(revision: Revision, model: str, models_out: Path) -> str:
    """Copy a model's directory; returns the md5 of its weights."""
    files = materialise(revision, f"models/{model}", models_out / model)
    if WEIGHTS not in files:
        raise RevisionError(f"revision {revision}: models/{model} has no {WEIGHTS}, so the model cannot go on from it")
    return files[WEIGHTS]


def _bring_rows(revision: Revision, past_out: Path) -> list[dict[str, Any]]:
    """Copy the parent's own past and its new rows; returns its turns.json."""
    files = {file.path: file for file in revision.files_below("data")}
    wanted = name_past_files(files, revision.turn)
    ensure_objects(revision, wanted.values())
    for name, file in wanted.items():
        copy_file(revision, file, past_out / name)
    return json.loads(revision.locate(TURNS).read_bytes()) if TURNS in files else []


def name_past_files(files: Mapping[str, DataFile], turn: int) -> dict[str, DataFile]:
    """Which files of a turn later turns carry, by their name below `data/past`.

    Its past as it is, and its new rows `data/<table>.parquet` or `data/<table>/<stage>.parquet` under its turn's
    number, and their signatures; tables that are recomputed each turn are left out.
    """
    from schemas.tables import TABLES

    carried = {SIGNATURES, *(name for name, table in TABLES.items() if table.carried)}
    named: dict[str, DataFile] = {}
    for path, file in files.items():
        match = TABLE_FILE.fullmatch(path)
        if match is None:
            continue
        table = match["past"] or match["new"]
        if table not in carried:
            continue
        if match["past"]:
            name = match["part"]
        else:
            name = f"turn={turn:03d}-{match['stage']}" if match["stage"] else f"turn={turn:03d}"
        if name != "turn=000":
            named[f"{table}/{name}.parquet"] = file
    return named


def _write_empty_tables(past_out: Path) -> None:
    import polars as pl

    from schemas.tables import TABLES, empty_frame

    for name, table in TABLES.items():
        if table.carried:
            write_parquet(empty_frame(name), past_out / name / "turn=000.parquet")
    # DVC keeps no empty folder, and stages depend on this one
    write_parquet(pl.DataFrame(schema={"digest": pl.UInt64}), past_out / SIGNATURES / "turn=000.parquet")
