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
from itertools import chain
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
_SLICE_ROWS = 65_536


def read_known(folder: Path, near: NearDuplicates) -> list[Known]:
    """Rows that earlier runs kept, oldest first; a run's in as many parts as it was written in.

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
    return [part for path in _list_parts(folder) for part in _read_parts(path)]


def write_known(folder: Path, near: NearDuplicates, frames: Iterable[pl.DataFrame]) -> None:
    """Add a file with the rows of a run, as `slice_known` gives them; nothing of it is seen before it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _SETTINGS).exists():
        write_bytes((json.dumps(_describe(near), indent=2) + "\n").encode(), folder / _SETTINGS)
    staged = folder / f".rows.{os.getpid()}.part"
    tables = (frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()) for frame in frames)
    try:
        first = next(tables)
        with pa.OSFile(str(staged), "wb") as file, pa.ipc.new_file(file, first.schema) as writer:
            for table in chain([first], tables):
                writer.write_table(table, max_chunksize=table.num_rows)
        _add_part(folder, staged)
    finally:
        staged.unlink(missing_ok=True)


def _add_part(folder: Path, staged: Path) -> None:
    """Give a file that is whole the next number; another run may take the same one meanwhile."""
    number = max((int(path.stem.removeprefix("part-")) for path in _list_parts(folder)), default=0) + 1
    while True:
        try:
            os.link(staged, folder / f"part-{number:05}.arrow")
            return
        except FileExistsError:
            number += 1


def _list_parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("part-*.arrow") if path.stem.removeprefix("part-").isdigit())


def slice_known(
    names: pl.Series, texts: pl.Series, ids: pl.Series, bands: Bands, places: Array
) -> Iterator[pl.DataFrame]:
    """Some rows to write, a slice at a time: a second copy of all texts would take as much memory as all else.

    Args:
        ids: of the rows, in names and texts. places: theirs in bands.
    """
    for first in range(0, len(ids), _SLICE_ROWS):
        part, at = ids[first : first + _SLICE_ROWS], places[first : first + _SLICE_ROWS]
        columns = {f"band_{number:03}": keys[at] for number, keys in enumerate(bands.keys)}
        yield pl.DataFrame(
            {"name": names.gather(part), "text": texts.gather(part), "count": bands.counts[0, at], **columns}
        )


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


def _read_parts(path: Path) -> Iterator[Known]:
    try:
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        batches = [file.get_batch(number) for number in range(file.num_record_batches)]
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: cannot be read ({str(error).splitlines()[0]}); give a new folder") from None
    # polars reads the names, and bytes are decoded where they are needed: Arrow's own conversions would load pandas
    names, first = pl.read_ipc(path, columns=["name"])["name"], 0
    for batch in batches:
        keys = [_view(batch[name], np.uint32) for name in batch.schema.names if name.startswith("band_")]
        named = names[first : first + len(batch)]
        yield Known(named, arrow_buffers(batch["text"]), _view(batch["count"], np.int32), keys)
        first += len(batch)


def _view(column: pa.Array, dtype: type) -> Array:
    """The numbers where they lie."""
    return np.frombuffer(column.buffers()[1], dtype)[: len(column)]
