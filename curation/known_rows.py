"""Turns new rows beside rows that are known into near-duplicates: what earlier rows cost is a look at their band keys.

Known rows are the survivors of earlier runs, in their order, and come before every new one. Found are the same
near-duplicates as if all rows had been judged together in that order. Of the known rows, only those that share a
bucket with a new one are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.buckets import Bands, Progress, gather_buckets, run_threads, sign_rows
from curation.keeping import order_rows
from curation.near_duplicates import match_survivors
from curation.words import Array
from schemas.curation_params import NearDuplicates


@dataclass(frozen=True)
class Known:
    """Rows that survived an earlier run.

    names: one a row. texts: as `words.string_buffers` gives them; only what is taken is read. counts: shingles a row.
    keys: one array a band.
    """

    names: pl.Series
    texts: tuple[Array, Array]
    counts: Array
    keys: Sequence[Array]


@dataclass(frozen=True)
class Extended:
    """New rows judged beside known ones.

    matches: (row_id, matched_id, similarity); ids from first_known on are those of known rows. names, texts: theirs,
    of those that a new row may be like. rows: ids of all new rows in the order of survival, bands: theirs.
    """

    matches: pl.DataFrame
    first_known: int
    names: pl.Series
    texts: pl.Series
    rows: pl.Series
    bands: Bands


def drop_beside_known(
    rows: pl.DataFrame,
    known: Sequence[Known],
    params: NearDuplicates,
    *,
    first_known: int,
    keep: Sequence[str] = (),
    progress: Progress | None = None,
) -> Extended:
    """Near-duplicates among new rows (row_id: UInt32 below first_known, text) and of known ones."""
    rows = order_rows(rows, keep)
    bands = sign_rows([rows["text"]], params, progress=progress)
    parts = list(zip(known, _find_shared(known, bands.keys), strict=True))
    names = [part.names.gather(places) for part, places in parts]
    n_known = sum(map(len, names))
    beside = Bands(
        np.concatenate([*(np.stack([key[places] for key in part.keys]) for part, places in parts), bands.keys], axis=1),
        np.concatenate([*(part.counts[places][None] for part, places in parts), bands.counts], axis=1),
    )
    texts = pl.concat([*(take_texts(part, places) for part, places in parts), rows["text"].rename("text")])
    ids = pl.concat([pl.int_range(first_known, first_known + n_known, dtype=pl.UInt32, eager=True), rows["row_id"]])
    matches = match_survivors(ids, gather_buckets(beside, [texts], params), params, n_known)
    named = pl.concat(names) if names else pl.Series([], dtype=pl.String)
    return Extended(matches, first_known, named, texts[:n_known], rows["row_id"], bands)


def take_texts(known: Known, places: Array) -> pl.Series:
    """Texts of the known rows at these places."""
    data, offsets = known.texts
    spans = zip(offsets[places].tolist(), offsets[places + 1].tolist(), strict=True)
    return pl.Series("text", [data[first:last].tobytes().decode() for first, last in spans], dtype=pl.String)


def _find_shared(known: Sequence[Known], new: Array) -> list[Array]:
    """Of each part, places of the known rows that share a key of any band with a new row."""
    from curation import signing

    shared = [np.zeros(len(part.counts), np.bool_) for part in known]

    def mark(band: int) -> None:
        table, bits = signing.index_keys(new[band])
        for part, marks in zip(known, shared, strict=True):
            signing.mark_shared(part.keys[band], table, bits, marks)

    for _ in run_threads(mark, range(len(new)) if known else ()):
        pass
    return [np.flatnonzero(marks) for marks in shared]
