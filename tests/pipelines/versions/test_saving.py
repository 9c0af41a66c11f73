"""A database of views has, in any client of DuckDB, the rows that `flywheel sql` shows; whole or not at all."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.versions.revisions import RevisionError, read_revision
from pipelines.versions.sql import open_query
from pipelines.versions.sql_command import save_catalog
from schemas.errors import UserError


def ask(root: Path, query: str, *at: str) -> list[tuple[Any, ...]]:
    with open_query(root, query, at) as answer:
        return list(answer.list_rows())


def test_a_saved_catalog_opens_in_any_client(
    judged: Path, tmp_path: Path, flywheel: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = flywheel(judged, "sql", "--save", str(tmp_path / "c.duckdb"), "--at", "turn-1")
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "c.duckdb"), read_only=True) as client:
        views = client.execute("SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        assert {schema for schema, _ in views} >= {"main", "raw", "turn-1", "all_turns"}
        for schema, view in views:
            client.execute(f'SELECT * FROM "{schema}"."{view}"').fetchall()
        for query in (
            "SELECT pair_id, first_id, verdict FROM comparisons ORDER BY ALL",
            "SELECT pair_id, weight FROM preference_pairs ORDER BY ALL",
            "SELECT * FROM all_turns.lineage ORDER BY ALL",
            "SELECT * FROM texts ORDER BY ALL", "SELECT * FROM turns", "SELECT * FROM metrics ORDER BY ALL",
        ):  # fmt: skip
            assert client.execute(query).fetchall() == ask(judged, query, "turn-1")
    with duckdb.connect() as client:
        client.execute(f"ATTACH '{tmp_path / 'c.duckdb'}' AS flywheel (READ_ONLY)")
        assert client.execute("SELECT count(*) FROM flywheel.preference_pairs").fetchall() == [(3,)]


def test_no_half_of_a_catalog_is_left(judged: Path, tmp_path: Path) -> None:
    read_revision(judged, "turn-1").locate("data/candidates/rows.parquet").unlink()
    with pytest.raises(RevisionError):
        save_catalog(judged, tmp_path / "c.duckdb", ["turn-1"])
    assert not list(tmp_path.glob("*c.duckdb*"))
    with pytest.raises(UserError, match="there is no folder"):
        save_catalog(judged, tmp_path / "none" / "c.duckdb", ["turn-1"])


def test_a_pair_judged_later_stops_the_query_rather_than_lack_an_id(judged: Path, tmp_path: Path) -> None:
    """The files of the workspace change below a catalog; its pairs are those of when it was made."""
    save_catalog(judged, tmp_path / "c.duckdb", [])
    path = judged / "data/rankings/rows.parquet"
    rankings = pl.read_parquet(path)
    tiers = [{"candidate_ids": ["a4"], "tied": True}, {"candidate_ids": ["new"], "tied": True}]
    later = rankings.head(1).with_columns(
        ranking_id=pl.lit("r99"), tiers=pl.Series([tiers], dtype=rankings["tiers"].dtype)
    )
    path.unlink()
    pl.concat([rankings, later]).write_parquet(path)
    with duckdb.connect(str(tmp_path / "c.duckdb"), read_only=True) as client:
        assert client.execute("SELECT count(*) FROM rankings").fetchall() == [(10,)]
        with pytest.raises(duckdb.Error, match="make it anew with flywheel sql --save"):
            client.execute("SELECT pair_id FROM comparisons").fetchall()
