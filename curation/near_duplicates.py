"""Turns texts into near-duplicate pairs, survivors and clusters: MinHash bands propose, true Jaccard decides.

Similarity is |A and B| / |A or B| of the sets of lower-cased NFC word n-grams (words are what stands between
white space, punctuation included, so that "3 + 4" and "3 - 4" differ). A text with fewer words is one shingle
of all of them; texts in scripts without spaces use character n-grams. Several text columns are one set
whose shingles remember their column, and each column has to be alike in itself up to a lower threshold: a long
common prompt must not make "yes" and "no" near-duplicates. Shingles are compared by 64-bit hashes. Rows
without any word match nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas.params import NearDuplicates

Array = np.ndarray

# Han, Hiragana, Katakana, Thai, Lao, Myanmar, Khmer, Tibetan: written without spaces between words
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}\p{Tibetan}]"
MATCHES = {"row_id": pl.String, "matched_id": pl.String, "similarity": pl.Float64}


@dataclass(frozen=True)
class Tokens:
    """Hashes and lengths (characters) of every row's tokens, flat; row r's are at starts[r]:starts[r + 1]."""

    hashes: Array
    lengths: Array
    starts: Array
    by_character: Array


@dataclass(frozen=True)
class Shingled:
    """Rows as sorted shingle sets a field, and the LSH buckets they fall in.

    values: all fields' shingles, flat. starts, sizes: (n_fields, n_rows) into values. buckets: (n_rows,
    bands), -1 where a row is alone.
    """

    values: Array
    starts: Array
    sizes: Array
    buckets: Array
    n_buckets: int


def normalise_text(text: pl.Expr) -> pl.Expr:
    """Text as exact duplicates are compared: NFC, lower case, runs of white space as one blank."""
    return text.fill_null("").str.normalize("NFC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def hash_words(texts: pl.Series, *, split_spaceless: bool = True) -> Tokens:
    """Tokens of each text (NFC, lower case); with split_spaceless, characters where the script has no spaces."""
    from curation import kernels

    frame = texts.alias("text").to_frame().select(pl.col("text").fill_null("").str.normalize("NFC").str.to_lowercase())
    data, offsets = string_buffers(frame["text"])
    by_character = np.zeros(len(texts), np.bool_)
    if split_spaceless:
        by_character = _find_spaceless(frame["text"])
    n, counts = len(texts), np.zeros(len(texts), np.int64)
    kernels.run_rows(kernels.count_tokens, n, data, offsets, by_character, counts)
    starts = _running_sum(counts)
    hashes, lengths = np.empty(starts[-1], np.uint64), np.empty(starts[-1], np.uint32)
    kernels.run_rows(kernels.hash_tokens, n, data, offsets, by_character, starts, hashes, lengths)
    return Tokens(hashes, lengths, starts, by_character)


def hash_ngrams(tokens: Tokens, n_words: int) -> tuple[Array, Array]:
    """Hash of every run of n_words tokens, flat, and where each row's begin; shorter rows have none."""
    counts = np.maximum(np.diff(tokens.starts) - n_words + 1, 0)
    widths, seeds = np.full(len(counts), n_words, np.int64), np.zeros(len(counts), np.uint64)
    return _hash_runs(tokens, widths, counts, seeds)


def list_pairs(rows: pl.DataFrame, params: NearDuplicates, *, columns: Sequence[str] = ("text",)) -> pl.DataFrame:
    """Every pair of rows at or above the threshold: (row_id, matched_id, similarity), row_id < matched_id."""
    from curation import matching

    rows = rows.sort("row_id")
    shingled = shingle_rows(rows, params, columns)
    second, first, similarity = matching.list_pairs(*_bucketed(shingled, params))
    ids = rows["row_id"]
    return _matches(ids.gather(first), ids.gather(second), similarity)


def drop_near_duplicates(
    rows: pl.DataFrame,
    params: NearDuplicates,
    *,
    columns: Sequence[str] = ("text",),
    by: Sequence[str] = (),
    within: str | None = None,
) -> pl.DataFrame:
    """Rows to drop so that no two survivors are found similar: (row_id, matched_id, similarity).

    Rows survive in ascending order of the columns `by` (null last), then of row_id, whatever order they come in. A row
    is dropped only for a survivor that it is itself similar to: never through a third row. Rows that differ
    in the column `within` are never similar.
    """
    from curation import matching

    rows = rows.sort(*by, "row_id", nulls_last=True)
    shingled = shingle_rows(rows, params, columns, within)
    listed = np.ones(rows.height, np.bool_)
    matched, similarity = matching.match_rows(*_bucketed(shingled, params), listed, False)
    return _matched_rows(rows["row_id"], rows["row_id"], matched, similarity)


def match_references(
    rows: pl.DataFrame, references: pl.DataFrame, params: NearDuplicates, *, columns: Sequence[str] = ("text",)
) -> pl.DataFrame:
    """Most similar reference row of each row that has one: (row_id, matched_id, similarity)."""
    from curation import matching

    wanted = ["row_id", *columns]
    both = pl.concat([references.sort("row_id").select(wanted), rows.sort("row_id").select(wanted)])
    shingled = shingle_rows(both, params, columns)
    listed = np.arange(both.height) < references.height
    matched, similarity = matching.match_rows(*_bucketed(shingled, params), listed, True)
    matched[: references.height] = -1
    return _matched_rows(both["row_id"], both["row_id"], matched, similarity)


def cluster_near_duplicates(
    rows: pl.DataFrame, params: NearDuplicates, *, columns: Sequence[str] = ("text",)
) -> pl.DataFrame:
    """Connected components over verified pairs: (row_id, cluster_id), cluster_id the least row_id of the component."""
    from curation import matching

    rows = rows.sort("row_id")
    shingled = shingle_rows(rows, params, columns)
    roots = matching.join_components(*_bucketed(shingled, params))
    return pl.DataFrame({"row_id": rows["row_id"], "cluster_id": rows["row_id"].gather(roots)})


def drop_exact_duplicates(
    rows: pl.DataFrame, *, columns: Sequence[str] = ("text",), by: Sequence[str] = (), within: str | None = None
) -> pl.DataFrame:
    """Rows whose normalised columns equal those of an earlier row: (row_id, matched_id, similarity 1).

    Earlier is ascending in `by`, then row_id. Rows without any text are no duplicates of one another, nor are
    rows that differ in the column `within`.
    """
    normal = [f"normal_{c}" for c in columns]
    ordered = rows.sort(*by, "row_id", nulls_last=True).with_columns(
        normalise_text(pl.col(c)).alias(f"normal_{c}") for c in columns
    )
    first = pl.col("row_id").first().over(*normal, *([within] if within else [])).alias("matched_id")
    return (
        ordered.filter(pl.any_horizontal(pl.col(c) != "" for c in normal))
        .select("row_id", first)
        .filter(pl.col("row_id") != pl.col("matched_id"))
        .with_columns(similarity=pl.lit(1.0))
        .sort("row_id")
    )


def shingle_rows(
    rows: pl.DataFrame, params: NearDuplicates, columns: Sequence[str], within: str | None = None
) -> Shingled:
    """Shingle sets and LSH buckets of the rows, in the rows' order."""
    from curation import kernels

    a, b = draw_permutations(params.bands * params.rows_per_band, params.seed)
    signatures = np.full((rows.height, len(a)), 0xFFFFFFFF, np.uint32)
    seeds = _seed_groups(rows[within]) if within else np.zeros(rows.height, np.uint64)
    fields = []
    for field, column in enumerate(columns):
        shingles, starts = _hash_field(hash_words(rows[column]), params, seeds + np.uint64(field << 32))
        # MinHash of a union of sets is the minimum of their signatures; fields are told apart by their seed
        kernels.run_rows(kernels.sign_shingles, rows.height, shingles, starts, a, b, signatures)
        fields.append((shingles, starts))
    alone = np.sum([np.diff(starts) for _, starts in fields], axis=0) == 0
    buckets, n_buckets = _band_signatures(signatures, params, alone)
    return _gather_sets(fields, buckets, n_buckets)


def _gather_sets(fields: Sequence[tuple[Array, Array]], buckets: Array, n_buckets: int) -> Shingled:
    """Sort the shingles of rows that share a bucket with another one; nobody asks for the sets of the rest."""
    from curation import kernels

    wanted = (buckets >= 0).any(axis=1)
    sizes = np.zeros((len(fields), len(buckets)), np.int64)
    for field, (shingles, starts) in enumerate(fields):
        kernels.run_rows(kernels.sort_sets, len(buckets), shingles, starts, wanted, sizes[field])
    filled = np.cumsum([0, *(len(shingles) for shingles, _ in fields)])
    values = fields[0][0] if len(fields) == 1 else np.concatenate([shingles for shingles, _ in fields])
    moved = np.stack([starts[:-1] + before for (_, starts), before in zip(fields, filled[:-1], strict=True)])
    return Shingled(values, moved, sizes, buckets, n_buckets)


def draw_permutations(n: int, seed: int) -> tuple[Array, Array]:
    """Factors and offsets of n permutations of 32-bit hashes, as datasketch's scheme `affine32` draws them."""
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 31, n, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return a, draw.randint(0, 1 << 32, n, dtype=np.uint32)


def string_buffers(texts: pl.Series) -> tuple[Array, Array]:
    """UTF-8 bytes of all texts and the offsets (n + 1) of each, without a copy per text."""
    import pyarrow as pa

    array = texts.rechunk().to_arrow().cast(pa.large_string())
    _, offset_buffer, data_buffer = array.buffers()
    if not len(array):
        return np.frombuffer(b"\0", np.uint8), np.frombuffer(bytes(8), np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data_buffer if data_buffer and data_buffer.size else b"\0", np.uint8), offsets


def _find_spaceless(texts: pl.Series) -> Array:
    """True where at least half of the characters that are not white space belong to a script without spaces."""
    suspect = texts.str.contains(_SPACELESS)
    if not suspect.any():
        return np.zeros(len(texts), np.bool_)
    counted = texts.to_frame("text").select(
        pl.col("text").str.count_matches(_SPACELESS) * 2 >= pl.col("text").str.count_matches(r"\S")
    )
    return (suspect & counted["text"]).to_numpy().copy()


def _seed_groups(groups: pl.Series) -> Array:
    """A 64-bit seed for each row, equal for equal groups."""
    names = groups.unique().to_list()
    seeds = {name: int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") for name in names}
    return np.array([seeds[name] for name in groups.to_list()], np.uint64)


def _hash_field(tokens: Tokens, params: NearDuplicates, seeds: Array) -> tuple[Array, Array]:
    """Shingles of each row, flat and unsorted, and where each row's begin."""
    widths = np.where(tokens.by_character, params.shingle_characters, params.shingle_words).astype(np.int64)
    n_tokens = np.diff(tokens.starts)
    return _hash_runs(tokens, widths, np.where(n_tokens > 0, np.maximum(n_tokens - widths + 1, 1), 0), seeds)


def _hash_runs(tokens: Tokens, widths: Array, counts: Array, seeds: Array) -> tuple[Array, Array]:
    from curation import kernels

    starts = _running_sum(counts)
    shingles = np.empty(starts[-1], np.uint64)
    kernels.run_rows(kernels.hash_shingles, len(counts), tokens.hashes, tokens.starts, widths, seeds, starts, shingles)
    return shingles, starts


def _band_signatures(signatures: Array, params: NearDuplicates, alone: Array) -> tuple[Array, int]:
    """Number the buckets that hold two rows or more, over all bands; -1 for rows alone in a band."""
    from curation import kernels, matching

    buckets, filled = np.full((len(signatures), params.bands), -1, np.int32), 0
    keys = np.empty(len(signatures), np.uint64)
    for band in range(params.bands):
        kernels.run_rows(matching.hash_bands, len(keys), signatures, band, params.rows_per_band, keys)
        order = np.argsort(keys, kind="stable")
        order = order[~alone[order]]
        if not len(order):
            continue
        opens = np.concatenate(([True], keys[order[1:]] != keys[order[:-1]]))
        group = np.cumsum(opens) - 1
        shared = np.bincount(group) > 1
        numbers = np.where(shared, np.cumsum(shared) - 1 + filled, -1)
        buckets[order, band] = numbers[group]
        filled += int(shared.sum())
    return buckets, filled


def _bucketed(shingled: Shingled, params: NearDuplicates) -> tuple[Array, int, Array, Array, Array, Array]:
    # one column has nothing to be weighed against
    limits = np.array([params.threshold, params.column_threshold if len(shingled.starts) > 1 else 0.0])
    return (
        shingled.buckets, shingled.n_buckets, shingled.values, shingled.starts, shingled.sizes, limits
    )  # fmt: skip


def _running_sum(counts: Array) -> Array:
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _matched_rows(ids: pl.Series, others: pl.Series, matched: Array, similarity: Array) -> pl.DataFrame:
    found = np.flatnonzero(matched >= 0)
    return _matches(ids.gather(found), others.gather(matched[found]), similarity[found])


def _matches(row_ids: pl.Series, matched_ids: pl.Series, similarity: Array) -> pl.DataFrame:
    columns = {"row_id": row_ids, "matched_id": matched_ids, "similarity": similarity}
    return pl.DataFrame(columns, schema=MATCHES).sort("row_id", "matched_id")
