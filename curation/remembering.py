"""Remembers the MinHash bands of texts between runs, so that only new texts are signed.

Bands are kept by a digest of what they were made from: column texts, group and settings. A row without a digest in the
memory is signed; nothing else depends on what is remembered.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from curation import buckets
from curation.buckets import Bands, Progress
from curation.words import Array, string_buffers
from schemas.curation_params import NearDuplicates

_SLICE_ROWS = 65_536


@dataclass
class Memory:
    """Bands by settings: frames with `band_columns`, a row a digest.

    known: what was remembered. used: what this run asked for, ascending by digest, to remember next.
    """

    known: dict[str, pl.DataFrame]
    used: dict[str, pl.DataFrame] = field(default_factory=dict)


@contextmanager
def remember_bands(memory: Memory) -> Iterator[None]:
    """Within this block rows are signed only where the memory lacks them."""

    def sign(
        columns: Sequence[pl.Series], params: NearDuplicates, seeds: Array | None, progress: Progress | None
    ) -> Bands:
        return _sign_new(memory, columns, params, seeds, progress)

    token = buckets.SIGN.set(sign)
    try:
        yield
    finally:
        buckets.SIGN.reset(token)


def band_columns(settings: str) -> dict[str, pl.DataType]:
    """Columns of the bands that were made with some settings: digest, count_<field> and band_<number>.

    Raises:
        ValueError, KeyError: it is no description of settings.
    """
    made_with = json.loads(settings)
    counts = {f"count_{number}": pl.Int32() for number in range(made_with["columns"])}
    return {"digest": pl.UInt64(), **counts, **{f"band_{n:03}": pl.UInt32() for n in range(made_with["bands"])}}


def _sign_new(
    memory: Memory,
    columns: Sequence[pl.Series],
    params: NearDuplicates,
    seeds: Array | None,
    progress: Progress | None,
) -> Bands:
    name = _name_settings(params, len(columns))
    digests = _digest_rows(columns, seeds)
    wanted = pl.DataFrame({"digest": digests}).unique(keep="first", maintain_order=True)
    known = memory.known.get(name)
    held = pl.DataFrame(schema=band_columns(name)) if known is None else wanted.join(known, on="digest")
    place = pl.DataFrame({"digest": digests, "place": np.arange(len(digests))}).unique("digest", keep="first")
    missing = place.join(held, on="digest", how="anti").sort("place")["place"].to_numpy()
    made = buckets.sign_all(
        [column.gather(missing) for column in columns], params, None if seeds is None else seeds[missing], progress
    )
    counts = {f"count_{number}": values for number, values in enumerate(made.counts)}
    keys = {f"band_{number:03}": values for number, values in enumerate(made.keys)}
    frame = pl.concat([pl.DataFrame({"digest": digests[missing], **counts, **keys}), held]).sort("digest")
    rows = np.searchsorted(frame["digest"].to_numpy(), digests)
    used = [memory.used[name], frame] if name in memory.used else [frame]
    memory.used[name] = pl.concat(used).unique("digest", keep="first").sort("digest")
    return Bands(
        np.stack([frame[column].to_numpy()[rows] for column in keys]),
        np.stack([frame[column].to_numpy()[rows] for column in counts]),
    )


def _name_settings(params: NearDuplicates, n_columns: int) -> str:
    """What a band depends on, thresholds left out."""
    made_with = params.model_dump(include={"shingle_words", "shingle_characters", "bands", "rows_per_band", "seed"})
    return json.dumps({"version": buckets.BAND_VERSION, "columns": n_columns, **made_with})


def _digest_rows(columns: Sequence[pl.Series], seeds: Array | None) -> Array:
    from curation import signing

    digests = np.zeros(len(columns[0]), np.uint64) if seeds is None else seeds.copy()
    for column in columns:
        for first in range(0, len(column), _SLICE_ROWS):
            part = column[first : first + _SLICE_ROWS].fill_null("")
            signing.digest_texts(*string_buffers(part), digests[first : first + _SLICE_ROWS])
    return digests
