"""Turns a table and its ledger into the counts that a funnel shows."""

from typing import Any

import polars as pl

from curation.ledger import drop_rows


def count_rows(table: str, rows: pl.DataFrame, dropped: pl.DataFrame) -> dict[str, Any]:
    """Rows in, kept and dropped (rows in = kept + dropped), and rows by reason; a row may have several reasons."""
    gone = drop_rows(table, rows, dropped).height
    reasons = (
        dropped.filter(pl.col("table_name") == table).group_by("reason").agg(pl.col("row_id").n_unique().alias("n"))
    )
    by_reason = {row["reason"]: row["n"] for row in reasons.sort("reason").iter_rows(named=True)}
    return {"rows": rows.height, "kept": rows.height - gone, "dropped": gone, "dropped_by_reason": by_reason}
