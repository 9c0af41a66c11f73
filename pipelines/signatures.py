"""Keeps MinHash bands, so that later rows cost only themselves: those of a turn, and those of `flywheel curate`.

A stage writes the bands of its new rows as an output; later turns carry it. `flywheel curate` has a folder of Arrow
files, one a run, mapped into memory: of a known row the band keys are read, and its text only where a new row may be
alike. settings.json says what the bands were made with.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from curation.buckets import BAND_VERSION, Bands
from curation.known_rows import Known
from curation.remembering import Memory, band_columns, remember_bands
from curation.words import Array, arrow_buffers
from pipelines.store import read_json, write_bytes, write_parquet
from schemas.curation_params import NearDuplicates
from schemas.errors import UserError

_SETTINGS = "settings.json"


def read_known(folder: Path, near: NearDuplicates) -> list[Known]:
    """Rows that earlier runs kept, a part a run, oldest first.

    Raises:
        UserError: they were made with other settings, or a file is damaged.
    """
    settings = _describe(near)
    if not (folder / _SETTINGS).exists():
        if folder.exists() and any(folder.iterdir()):
            raise UserError(f"--signatures {folder}: holds other things; give an empty or a new folder")
        return []
    made = read_json(folder / _SETTINGS)
    other = [name for name, value in settings.items() if made.get(name) != value]
    if other:
        changed = f"{other[0]} {made.get(other[0])}, now {settings[other[0]]}"
        raise UserError(f"--signatures {folder}: made with other settings ({changed}); give a new folder")
    return [_read_part(path) for path in sorted(folder.glob("part-*.arrow"))]


def write_known(folder: Path, near: NearDuplicates, names: pl.Series, texts: pl.Series, bands: Bands) -> None:
    """Add a part with the rows of a run; nothing of it is seen before it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = {f"band_{number:03}": keys for number, keys in enumerate(bands.keys)}
    frame = pl.DataFrame({"name": names, "text": texts, "count": bands.counts[0], **columns})
    number = len(list(folder.glob("part-*.arrow"))) + 1
    path = folder / f"part-{number:05}.arrow"
    staged = folder / f".{path.name}.{os.getpid()}.part"
    try:
        table = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
        with pa.OSFile(str(staged), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=max(1, frame.height))  # one batch: columns without seams
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    if number == 1:
        write_bytes((json.dumps(_describe(near), indent=2) + "\n").encode(), folder / _SETTINGS)


@contextmanager
def remember_signatures(past: Iterable[Path], new: Path, again: Path) -> Iterator[None]:
    """Within this block only texts that no earlier run signed are signed. What is known changes no result.

    Args:
        past: what earlier turns wrote.
        new: where the bands go that this run used and the past lacks, whoever made them: equal rows, equal bytes.
        again: an untracked copy of `new`, for when this turn is run again with other thresholds.
    """
    carried = _read_bands(past)
    known = _read_bands([again])
    for name, frame in carried.items():
        known[name] = pl.concat([frame, known[name]]).unique("digest") if name in known else frame
    memory = Memory(known)
    with remember_bands(memory):
        yield
    made = [pl.DataFrame(schema={"made_with": pl.String, "digest": pl.UInt64})]
    for name, frame in sorted(memory.used.items()):
        added = frame.join(carried[name], on="digest", how="anti") if name in carried else frame
        made.append(added.select(pl.lit(name).alias("made_with"), pl.all()))
    write_parquet(pl.concat(made, how="diagonal").sort("made_with", "digest"), new)
    again.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(new, again)


def _read_bands(paths: Iterable[Path]) -> dict[str, pl.DataFrame]:
    """Bands of several files by what they were made with; a file that is cut short or of another make has none."""
    found: dict[str, list[pl.DataFrame]] = {}
    for path in paths:
        try:
            groups = pl.read_parquet(path, hive_partitioning=False).partition_by("made_with", as_dict=True)
            for (name,), frame in groups.items():
                sound = frame.select(pl.col(c).cast(dtype) for c, dtype in band_columns(str(name)).items()).drop_nulls()
                found.setdefault(str(name), []).append(sound)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, KeyError):
            continue
    return {name: pl.concat(frames).unique("digest") for name, frames in found.items()}


def _describe(near: NearDuplicates) -> dict[str, object]:
    return {"version": BAND_VERSION, **near.model_dump()}


def _read_part(path: Path) -> Known:
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]}); give a new folder") from None
    keys = [_view(batch[name], np.uint32) for name in batch.schema.names if name.startswith("band_")]
    # polars reads the names, and bytes are decoded where they are needed: Arrow's own conversions would load pandas
    names = pl.read_ipc(path, columns=["name"])["name"]
    return Known(names, arrow_buffers(batch["text"]), _view(batch["count"], np.int32), keys)


def _view(column: pa.Array, dtype: type) -> Array:
    """The numbers where they lie."""
    return np.frombuffer(column.buffers()[1], dtype)[: len(column)]
