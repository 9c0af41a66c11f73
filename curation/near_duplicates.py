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

import numpy as np
import polars as pl

from curation.buckets import Progress, Shingled, shingle_rows
from curation.keeping import order_rows
from curation.words import Array
from schemas.curation_params import NearDuplicates


def normalise_text(text: pl.Expr) -> pl.Expr:
    """Text as exact duplicates are compared: NFC, lower case, runs of white space as one blank."""
    return text.fill_null("").str.normalize("NFC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def list_pairs(rows: pl.DataFrame, params: NearDuplicates, *, columns: Sequence[str] = ("text",)) -> pl.DataFrame:
    """Every pair of rows at or above the threshold: (row_id, matched_id, similarity), row_id < matched_id."""
    from curation import matching

    rows = rows.sort("row_id")
    shingled = _shingle(rows, params, columns)
    second, first, similarity = matching.list_pairs(*_bucketed(shingled, params))
    return _matches(rows["row_id"], shingled.rows[first], shingled.rows[second], similarity)


def drop_near_duplicates(
    rows: pl.DataFrame,
    params: NearDuplicates,
    *,
    columns: Sequence[str] = ("text",),
    keep: Sequence[str] = (),
    within: str | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Rows to drop so that no two survivors are found similar: (row_id, matched_id, similarity).

    Rows survive in the order of the policy `keep` (`keeping.order_rows`), then of row_id, whatever order they come
    in. A row is dropped only for a survivor that it is itself similar to: never through a third row. Rows that differ
    in the column `within` are never similar.
    """
    rows = order_rows(rows, keep)
    return match_survivors(rows["row_id"], _shingle(rows, params, columns, within, progress), params)


def match_survivors(ids: pl.Series, shingled: Shingled, params: NearDuplicates, n_known: int = 0) -> pl.DataFrame:
    """`drop_near_duplicates` of rows that are shingled, in the order of survival, and named by ids.

    Args:
        n_known: so many rows come first that are known to survive all before them: they are not judged again.
    """
    from curation import matching

    n_first = int(np.searchsorted(shingled.rows, n_known))
    matched, similarity = matching.match_rows(*_bucketed(shingled, params), n_first, True)
    return _matched_rows(ids, shingled, matched, similarity)


def match_references(
    rows: pl.DataFrame,
    references: pl.DataFrame,
    params: NearDuplicates,
    *,
    columns: Sequence[str] = ("text",),
    within: str | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Most similar reference row of each row that has one: (row_id, matched_id, similarity).

    Of equally similar ones the least row_id is named. Rows that differ in the column `within` are never similar.
    """
    from curation import matching

    wanted = ["row_id", *columns, *([within] if within else [])]
    both = pl.concat([references.sort("row_id").select(wanted), rows.sort("row_id").select(wanted)])
    shingled = _shingle(both, params, columns, within, progress)
    n_first = int(np.searchsorted(shingled.rows, references.height))
    matched, similarity = matching.match_rows(*_bucketed(shingled, params), n_first, False)
    return _matched_rows(both["row_id"], shingled, matched, similarity)


def match_exact_references(rows: pl.DataFrame, references: pl.DataFrame) -> pl.DataFrame:
    """Least reference row whose normalised text equals that of a row: (row_id, matched_id, similarity 1), sorted.

    Rows without any text match nothing.
    """
    normal = pl.col("row_id"), normalise_text(pl.col("text")).alias("normal")
    wanted = references.select(*normal).filter(pl.col("normal") != "").group_by("normal").agg(pl.col("row_id").min())
    matches = rows.select(*normal).join(wanted.rename({"row_id": "matched_id"}), on="normal")
    return matches.select("row_id", "matched_id", similarity=pl.lit(1.0)).sort("row_id", "matched_id")


def cluster_near_duplicates(
    rows: pl.DataFrame, params: NearDuplicates, *, columns: Sequence[str] = ("text",)
) -> pl.DataFrame:
    """Connected components over verified pairs: (row_id, cluster_id), cluster_id the least row_id of the component."""
    from curation import matching

    rows = rows.sort("row_id")
    shingled = _shingle(rows, params, columns)
    first = np.arange(rows.height)
    first[shingled.rows] = shingled.rows[matching.join_components(*_bucketed(shingled, params))]
    return pl.DataFrame({"row_id": rows["row_id"], "cluster_id": rows["row_id"].gather(first)})


def drop_exact_duplicates(
    rows: pl.DataFrame, *, columns: Sequence[str] = ("text",), keep: Sequence[str] = (), within: str | None = None
) -> pl.DataFrame:
    """Rows whose normalised columns equal those of an earlier row: (row_id, matched_id, similarity 1).

    Earlier is in the order of the policy `keep`, then of row_id. Rows without any text are no duplicates of one
    another, nor are rows that differ in the column `within`.
    """
    normal = [f"normal_{c}" for c in columns]
    ordered = order_rows(rows, keep).with_columns(normalise_text(pl.col(c)).alias(f"normal_{c}") for c in columns)
    first = pl.col("row_id").first().over(*normal, *([within] if within else [])).alias("matched_id")
    return (
        ordered.filter(pl.any_horizontal(pl.col(c) != "" for c in normal))
        .select("row_id", first)
        .filter(pl.col("row_id") != pl.col("matched_id"))
        .with_columns(similarity=pl.lit(1.0))
        .sort("row_id")
    )


def _shingle(
    rows: pl.DataFrame,
    params: NearDuplicates,
    columns: Sequence[str],
    within: str | None = None,
    progress: Progress | None = None,
) -> Shingled:
    seeds = _seed_groups(rows[within]) if within else None
    return shingle_rows([rows[column] for column in columns], params, seeds, progress)


def _seed_groups(groups: pl.Series) -> Array:
    """A 64-bit seed for each row, equal for equal groups."""
    names = groups.unique().to_list()
    seeds = {name: int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") for name in names}
    return np.array([seeds[name] for name in groups.to_list()], np.uint64)


def _bucketed(shingled: Shingled, params: NearDuplicates) -> tuple[Array, int, Array, Array, Array, Array]:
    # one column has nothing to be weighed against
    limits = np.array([params.threshold, params.column_threshold if len(shingled.starts) > 1 else 0.0])
    return (
        shingled.buckets, shingled.n_buckets, shingled.values, shingled.starts, shingled.sizes, limits
    )  # fmt: skip


def _matches(ids: pl.Series, first: Array, second: Array, similarity: Array) -> pl.DataFrame:
    columns = {"row_id": ids.gather(first), "matched_id": ids.gather(second), "similarity": similarity}
    return pl.DataFrame(columns).sort("row_id", "matched_id")


def _matched_rows(ids: pl.Series, shingled: Shingled, matched: Array, similarity: Array) -> pl.DataFrame:
    found = np.flatnonzero(matched >= 0)
    return _matches(ids, shingled.rows[found], shingled.rows[matched[found]], similarity[found])
