"""Turns texts into MinHash bands, the buckets of rows that share a band, and the shingle sets to verify them by.

Rows are signed in slices, in as many threads as polars may use; of a signature only a 32-bit key a band is kept. Sets
are made of rows that share a bucket with another one; nobody asks for those of the rest.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import polars as pl

from curation.words import Array, Encoded, encode_texts, running_sum
from schemas.curation_params import NearDuplicates

Progress = Callable[[int, int], None]
BAND_VERSION = 1
"""Of what a band key is: raised when the hashing of words, shingles or bands changes."""
_CHANCE = 0.99
_SLICE_ROWS = 8_192
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Bands:
    """keys: (bands, rows), equal where two rows agree in a band (or, once in 2^32, by chance). counts: (fields, rows)
    shingles, repeats included."""

    keys: Array
    counts: Array


@dataclass(frozen=True)
class Shingled:
    """The rows that share a bucket with another one, as sorted shingle sets a field.

    rows: their places among all rows, ascending. values: all fields' shingles, flat. starts, sizes: (n_fields,
    len(rows)) into values. buckets: (len(rows), bands), -1 where a row is alone in a band.
    """

    rows: Array
    values: Array
    starts: Array
    sizes: Array
    buckets: Array
    n_buckets: int


def fit_bands(params: NearDuplicates, threshold: float) -> NearDuplicates:
    """The settings at another threshold; below theirs, with more and shorter bands if pairs would be missed at it.

    Two rows of similarity s share one of b bands of r permutations with a chance of 1 - (1 - s^r)^b (Leskovec,
    Rajaraman and Ullman, Mining of Massive Datasets, 3.4.2). The permutations stay as many.
    """
    n_permutations, rows, bands = params.bands * params.rows_per_band, params.rows_per_band, params.bands
    while threshold < params.threshold and rows > 1 and 1 - (1 - threshold**rows) ** bands < _CHANCE:
        rows -= 1
        bands = n_permutations // rows
    return params.model_copy(update={"threshold": threshold, "rows_per_band": rows, "bands": bands})


def shingle_rows(
    columns: Sequence[pl.Series],
    params: NearDuplicates,
    seeds: Array | None = None,
    progress: Progress | None = None,
) -> Shingled:
    """Sign rows by the union of their columns' shingles, and bring those together that may be alike.

    Args:
        columns: each as long as there are rows; a shingle remembers its column.
        seeds: rows of different seeds share no shingle.
        progress: told of rows done and rows in all.
    """
    return gather_buckets(sign_rows(columns, params, seeds, progress), columns, params, seeds)


def sign_rows(
    columns: Sequence[pl.Series],
    params: NearDuplicates,
    seeds: Array | None = None,
    progress: Progress | None = None,
) -> Bands:
    """Band keys of the MinHash signatures of all rows; what `curation.remembering` holds is not signed again."""
    return SIGN.get()(columns, params, seeds, progress)


def sign_all(
    columns: Sequence[pl.Series],
    params: NearDuplicates,
    seeds: Array | None,
    progress: Progress | None,
) -> Bands:
    """Band keys of the MinHash signatures of all rows."""
    from curation import signing

    n = len(columns[0])
    seeds = np.zeros(n, np.uint64) if seeds is None else seeds
    n_permutations = params.bands * params.rows_per_band
    a, b = draw_permutations(n_permutations, params.seed)
    a, b = (np.pad(part, (0, -n_permutations % signing.PADDED)) for part in (a, b))
    widths = _widths(params)
    keys, counts = np.empty((params.bands, n), np.uint32), np.zeros((len(columns), n), np.int32)

    def sign_slice(first: int) -> int:
        last = min(first + _SLICE_ROWS, n)
        signatures = np.full((last - first, len(a)), 0xFFFFFFFF, np.uint32)
        for field, column in enumerate(columns):
            # MinHash of a union of sets is the minimum of their signatures; fields are told apart by their seed
            salts = seeds[first:last] + np.uint64(field << 32)
            for part in encode_texts(column[first:last]):
                _call(signing.sign_texts, part, widths, salts, a, b, signatures, counts[field, first:last])
        signing.hash_bands(signatures, params.rows_per_band, first, keys)
        return last

    for done in run_threads(sign_slice, range(0, n, _SLICE_ROWS)):
        if progress:
            progress(done, n)
    return Bands(keys, counts)


Signer = Callable[[Sequence[pl.Series], NearDuplicates, Array | None, Progress | None], Bands]
SIGN: ContextVar[Signer] = ContextVar("SIGN", default=sign_all)


def gather_buckets(
    bands: Bands, columns: Sequence[pl.Series], params: NearDuplicates, seeds: Array | None = None
) -> Shingled:
    """Buckets of two rows or more, and the shingle sets of the rows in them. Consumes the bands' keys."""
    from curation import signing

    alone = bands.counts.max(axis=0, initial=0) == 0
    shared, counts = np.zeros(len(alone), np.bool_), np.zeros(len(bands.keys), np.int64)
    edges = _share_out(len(bands.keys))
    for _ in run_threads(
        lambda share: signing.group_bands(*share, bands.keys, alone, shared, counts),
        pairwise(edges),
    ):
        pass
    rows = np.flatnonzero(shared)
    buckets = np.empty((len(rows), len(bands.keys)), np.int32)
    for band, before in enumerate(np.cumsum(counts) - counts):
        numbers = bands.keys[band, rows]
        buckets[:, band] = np.where(numbers == signing.NOBODY, -1, numbers.astype(np.int64) + before)
    salts = np.zeros(len(rows), np.uint64) if seeds is None else seeds[rows]
    sets = [
        _write_sets(column.gather(rows), bands.counts[field, rows], params, salts + np.uint64(field << 32))
        for field, column in enumerate(columns)
    ]
    filled = np.cumsum([0, *(len(values) for values, _, _ in sets)])
    values = sets[0][0] if len(sets) == 1 else np.concatenate([values for values, _, _ in sets])
    starts = np.stack([starts + before for (_, starts, _), before in zip(sets, filled[:-1], strict=True)])
    return Shingled(rows, values, starts, np.stack([s for _, _, s in sets]), buckets, int(counts.sum()))


def draw_permutations(n: int, seed: int) -> tuple[Array, Array]:
    """Factors and offsets of n permutations of 32-bit hashes, as datasketch's scheme `affine32` draws them."""
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, n, dtype=np.uint32)


def _write_sets(texts: pl.Series, counts: Array, params: NearDuplicates, seeds: Array) -> tuple[Array, Array, Array]:
    """Shingle sets of all rows: values, flat; where each row's begin; how many they are."""
    from curation import signing

    starts, sizes, widths = running_sum(counts), np.zeros(len(texts), np.int64), _widths(params)
    values = np.empty(starts[-1], np.uint64)

    def write_slice(first: int) -> None:
        for part in encode_texts(texts[first : first + _SLICE_ROWS]):
            _call(signing.write_sets, part, widths, seeds[first:], starts[first:], values, sizes[first:])

    for _ in run_threads(write_slice, range(0, len(texts), _SLICE_ROWS)):
        pass
    return values, starts[:-1], sizes


def _call(kernel: Callable[..., Any], part: Encoded, *arguments: Any) -> None:
    kernel(part.data, part.offsets, part.at, part.by_character, part.ascii_only, *arguments)


def _widths(params: NearDuplicates) -> Array:
    return np.array([params.shingle_words, params.shingle_characters])


def _share_out(n: int) -> list[int]:
    threads = min(pl.thread_pool_size(), n)
    return [n * share // threads for share in range(threads + 1)]


def run_threads(work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterable[_Result]:
    """Results in the items' order; loops compiled with nogil run side by side."""
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        yield from pool.map(work, items)
