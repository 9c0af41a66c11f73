"""Tells which imported rows are gone: those that only superseded files of their sources have."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from pipelines.sources.imports import Ledger, Part, read_part


def list_vanished(root: Path, ledger: Ledger, others: pl.DataFrame) -> pl.DataFrame:
    """(table_name, row_id) of rows that only superseded files of imports/ have, by table and id.

    Args:
        others: further `origins`; a row that came from anywhere else too has not vanished.
    """
    followed = {(part.source, part.format, part.supersedes) for part in ledger.parts if part.supersedes}
    old = [part for part in ledger.parts if (part.source, part.format, part.sha256) in followed]
    current = [part for part in ledger.parts if part not in old]
    imported = {part.source for part in ledger.parts}
    key = ["table_name", "row_id"]
    elsewhere = others.filter(~pl.col("source").is_in(imported)).select(key)
    kept = pl.concat([elsewhere, *_read_ids(root, current)]) if old else elsewhere
    return pl.concat([elsewhere.clear(), *_read_ids(root, old)]).unique().join(kept, on=key, how="anti").sort(key)


def _read_ids(root: Path, parts: Iterable[Part]) -> list[pl.DataFrame]:
    tables = [part.tables["origins"] for part in parts if "origins" in part.tables]
    return [read_part(root, table).select("table_name", "row_id") for table in tables]
