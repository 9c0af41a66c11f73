"""Carries out `flywheel sql`: a query's rows to the terminal or a file, or everything as a database of views."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.versions import results
from pipelines.versions.saving import make_catalog
from pipelines.versions.sql import open_query


def answer_query(
    root: Path, text: str, at: Sequence[str], *, form: str, parquet: Path | None, any_file: bool
) -> list[str]:
    """Run a query and write its rows to stdout, as `table`, `json` or `csv`, or to a Parquet file.

    Returns:
        What there is to say about it.

    Raises:
        QueryError: the query is wrong, or does more than read.
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    staged = results.name_staged(parquet) if parquet is not None else None
    with open_query(root, text, at, writes=staged, any_file=any_file) as rows:
        if parquet is not None:
            results.write_parquet(rows, parquet)
            return []
        if form == "json":
            results.write_json(rows, sys.stdout)
            return []
        if form == "csv":
            results.write_csv(rows, sys.stdout)
            return []
        notes = results.write_table(rows, sys.stdout)
    return [f"{'; '.join(notes)}: --json, --csv or --parquet FILE give all"] if notes else []


def save_catalog(root: Path, path: Path, at: Sequence[str]) -> str:
    """Write a DuckDB file of views over every table; whole or not at all.

    Returns:
        What was done.

    Raises:
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    staged = results.name_staged(path)
    try:
        n_views = make_catalog(root, staged, at)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return f"{path}: {n_views} views over this project's files; make it anew after a run, or when the project has moved"
