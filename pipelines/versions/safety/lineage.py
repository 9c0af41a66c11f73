"""Checks that each model's lineage.json says what it was trained on: its rows, its parent, its reference."""

import json
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from hashlib import md5
from pathlib import PurePosixPath
from typing import Any

from pipelines.versions.contents import Contents
from pipelines.versions.project import read_locked_turn
from pipelines.versions.revisions import DataFile
from pipelines.versions.safety.links import Fault, is_whole, list_files
from pipelines.versions.scans import list_texts
from schemas.ids import digest_rows

LINEAGE, WEIGHTS = "lineage.json", "model.safetensors"


def check_models(revisions: Iterable[Contents], broken: Container[str] = ()) -> Iterator[Fault]:
    """What is wrong with the lineage of the models of some turns; models without lineage.json come from elsewhere.

    Args:
        broken: md5s of objects that are known to be missing or corrupt, so nothing is said of what is in them.
    """
    for contents in revisions:
        files = list_files(contents, "models", "data/training_rows")
        weights = list_weights(files)
        trained = _read_rows(contents, files, broken)
        turn = read_locked_turn(contents.revision.lock)
        for path, file in sorted(files.items()):
            folder = str(PurePosixPath(path).parent)
            # what a turn starts with was made by its parent, and is checked there
            brought = folder.startswith("models/start/") and turn is not None and turn.parent is not None
            if PurePosixPath(path).name != LINEAGE or file.md5 in broken or brought:
                continue
            lineage = read_json(contents, file)
            if lineage is None:
                yield Fault(contents.name, _find_stage(contents, folder), path, "is not JSON", _mend(contents, folder))
                continue
            others = weights.values() if is_whole(contents, broken, "models") else None
            for what in _compare(lineage, weights.get(folder), others, trained):
                yield Fault(contents.name, _find_stage(contents, folder), folder, what, _mend(contents, folder),
                            weights.get(folder, ""))  # fmt: skip


def list_weights(files: Mapping[str, DataFile]) -> dict[str, str]:
    """The md5 that names the model of each folder, as training.models.model_digest does."""
    shards: dict[str, dict[str, str]] = {}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        if name == WEIGHTS or (name.startswith("model-") and name.endswith(".safetensors")):
            shards.setdefault(folder, {})[name] = file.md5
    named: dict[str, str] = {}
    for folder, found in shards.items():
        digests = [found[WEIGHTS]] if WEIGHTS in found else [found[name] for name in sorted(found)]
        joined = "".join(digests).encode()
        named[folder] = digests[0] if len(digests) == 1 else md5(joined, usedforsecurity=False).hexdigest()
    return named


def read_json(contents: Contents, file: DataFile) -> dict[str, Any] | None:
    """A JSON object of the cache; None where it is not there."""
    try:
        found = json.loads(contents.revision.cache.locate(file.md5, legacy=file.legacy).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _read_rows(
    contents: Contents, files: Mapping[str, DataFile], broken: Container[str]
) -> dict[str, list[str]] | None:
    """Rows of `training_rows` by model; None where they cannot be read."""
    import duckdb

    parts = [file for path, file in files.items() if re.fullmatch(r"data/training_rows(/.+)?\.parquet", path)]
    paths = [contents.revision.cache.locate(file.md5, legacy=file.legacy) for file in parts]
    if any(file.md5 in broken for file in parts):
        return None
    if not paths:
        return {}
    with duckdb.connect() as connection:
        scan = f"read_parquet({list_texts(map(str, paths))}, hive_partitioning = false)"
        rows = connection.execute(f"SELECT model, list(DISTINCT row_id) FROM {scan} GROUP BY model").fetchall()
    return dict(rows)


def _compare(
    lineage: Mapping[str, Any], model: str | None, others: Collection[str] | None,
    trained: Mapping[str, list[str]] | None,
) -> Iterator[str]:  # fmt: skip
    """What a lineage says that is not so; None stands for what cannot be read."""
    if model is None:
        yield "has a lineage.json and no weights"
        return
    if trained is not None:
        rows = trained.get(model, [])
        if lineage.get("rows") != digest_rows(rows):
            n_rows = lineage.get("n_rows")
            yield f"was trained on {n_rows} rows, of another digest than the {len(rows)} of training_rows"
    for name in ("parent", "reference"):
        other = lineage.get(name)
        if other is not None and others is not None and other not in others:
            yield f"names as its {name} a model that the turn does not have, {other}"


def _find_stage(contents: Contents, folder: str) -> str:
    outs = contents.revision.outs
    return next((out.stage for path, out in outs.items() if folder == path or folder.startswith(f"{path}/")), "")


def _mend(contents: Contents, folder: str) -> str:
    stage = _find_stage(contents, folder)
    return f"git switch --detach {contents.name} && dvc repro --force {stage}, then commit it and move the tag"
