"""Turns frames of tables into the views of curation/sql, as DuckDB views or as frames."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from curation.statements import VIEWS, read_sql, register_functions
from schemas.tables import TABLES, empty_frame

if TYPE_CHECKING:
    import duckdb


def create_views(connection: "duckdb.DuckDBPyConnection") -> None:
    """Create every view in a connection that has the tables, and the functions they call."""
    register_functions(connection)
    for view in VIEWS:
        connection.execute(f'CREATE OR REPLACE VIEW "{view}" AS {read_sql(view)}')


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
