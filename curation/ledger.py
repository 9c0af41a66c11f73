"""Turns findings into the `dropped` table, and the `dropped` table into the rows that are kept."""

from collections.abc import Iterable

import polars as pl

from curation.noise import FOUND
from schemas.tables import TABLES, conform_frame, empty_frame


def record_drops(found: Iterable[pl.DataFrame], *, table: str, stage: str, turn: int) -> pl.DataFrame:
    """Rows of `dropped` for a table's findings (frames as noise.FOUND says).

    One row a (row, reason): of several findings the one with the greatest value, then the least matched id, stays.
    """
    columns = list(FOUND)
    rows = pl.concat([pl.DataFrame(schema=FOUND), *(f.select(columns) for f in found)])
    rows = rows.sort(
        ["row_id", "reason", "value", "matched_id"], descending=[False, False, True, False], nulls_last=True
    ).unique(["row_id", "reason"], keep="first", maintain_order=True)
    return conform_frame(
        "dropped",
        rows.with_columns(table_name=pl.lit(table), stage=pl.lit(stage), turn=pl.lit(turn, pl.Int64)),
    )


def combine_drops(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """All rows of several `dropped` frames; a (table, row, reason) given twice raises TableError."""
    columns = list(TABLES["dropped"].columns)
    return conform_frame("dropped", pl.concat([empty_frame("dropped"), *(f.select(columns) for f in frames)]))


def take_drops(table: str, dropped: pl.DataFrame) -> pl.DataFrame:
    """Findings that say again what the ledger of an earlier stage says of a table's rows."""
    return dropped.filter(pl.col("table_name") == table).select(pl.col(c).cast(t) for c, t in FOUND.items())


def keep_rows(table: str, rows: pl.DataFrame, dropped: pl.DataFrame) -> pl.DataFrame:
    """The table's rows without those named in the ledger: raw minus dropped, in the rows' order."""
    return rows.filter(~_is_dropped(table, dropped))


def drop_rows(table: str, rows: pl.DataFrame, dropped: pl.DataFrame) -> pl.DataFrame:
    """The table's rows that are named in the ledger: the other half of `keep_rows`."""
    return rows.filter(_is_dropped(table, dropped))


def row_key(table: str) -> str:
    """Name of the one column that identifies a row of the table in the ledger.

    Raises:
        ValueError: the table's key has several columns, so the ledger can't name its rows.
    """
    key = TABLES[table].key
    if len(key) != 1:
        raise ValueError(f"table {table} has the key {key}: the ledger names rows by one column only")
    return key[0]


def make_findings(
    rows: pl.DataFrame, reason: str, *, version: int = 1, value: float | None = None, threshold: float | None = None
) -> pl.DataFrame:
    """Findings of one reason from rows with row_id and, where they have them, value, threshold, matched_id."""
    constants = {"value": value, "threshold": threshold, "matched_id": None}
    missing = [pl.lit(v, FOUND[c]).alias(c) for c, v in constants.items() if c not in rows.columns]
    labels = [pl.lit(reason).alias("reason"), pl.lit(version, pl.Int64).alias("rule_version")]
    return rows.with_columns(*missing, *labels).select(pl.col(c).cast(t) for c, t in FOUND.items())


def _is_dropped(table: str, dropped: pl.DataFrame) -> pl.Expr:
    """A mask: a join would copy every text for it, which takes longer than reading them from a file."""
    key = row_key(table)
    ids = dropped.filter(pl.col("table_name") == table)["row_id"].unique()
    return pl.col(key).is_in(ids.implode())
