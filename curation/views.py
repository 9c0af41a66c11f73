"""Turns frames of tables into the views of curation/sql, as DuckDB views or as frames."""

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from schemas import ids
from schemas.tables import TABLES, empty_frame

if TYPE_CHECKING:
    import duckdb

# Each view after those it reads
VIEWS = (
    "comparisons",
    "curated_prompts",
    "curated_demonstrations",
    "curated_candidates",
    "curated_rankings",
    "curated_comparisons",
    "labeler_weights",
    "ranked_candidates",
    "pair_votes",
    "preference_pairs",
    "audit",
    "lineage",
)


def read_sql(view: str) -> str:
    """The one SELECT statement of a view."""
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    return (files("curation") / "sql" / f"{view}.sql").read_text(encoding="utf-8")


def create_views(connection: "duckdb.DuckDBPyConnection") -> None:
    """Create every view in a connection that has the tables, and the functions they call."""
    register_functions(connection)
    for view in VIEWS:
        connection.execute(f'CREATE OR REPLACE VIEW "{view}" AS {read_sql(view)}')


def register_functions(connection: "duckdb.DuckDBPyConnection") -> None:
    """Give a connection hash_pair(prompt_id, first_id, second_id): a pair's id, as schemas.ids.pair_id names it."""
    connection.create_function("hash_pair", _hash_pairs, ["VARCHAR"] * 3, "VARCHAR", type="arrow")  # type: ignore[call-overload]


def read_view(view: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """A view over frames of tables, by table name; tables not given are empty."""
    import duckdb

    unknown = sorted(set(frames) - set(TABLES))
    if unknown:
        raise ValueError(f"no tables {unknown}; there are {', '.join(TABLES)}")
    with duckdb.connect() as connection:
        for name in TABLES:
            connection.register(name, frames.get(name, empty_frame(name)).to_arrow())
        create_views(connection)
        return connection.sql(f'SELECT * FROM "{view}"').pl()


def _hash_pairs(prompt_ids: Any, first_ids: Any, second_ids: Any) -> Any:
    # DuckDB evaluates these annotations: Arrow arrays in, an Arrow array out
    import pyarrow as pa

    rows = zip(prompt_ids.to_pylist(), first_ids.to_pylist(), second_ids.to_pylist(), strict=True)
    return pa.array([ids.pair_id(prompt, first, second) for prompt, first, second in rows], pa.string())
