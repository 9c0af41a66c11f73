"""Turns frames of tables into the views of curation/sql, as frames."""

from collections.abc import Mapping

import polars as pl

from curation.statements import VIEWS, read_sql, register_functions
from schemas.tables import TABLES, empty_frame


def read_view(view: str, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """A view over frames of tables, by table name; tables not given are empty.

    A view that was read before may be given among them, and is not worked out again.
    """
    import duckdb

    unknown = sorted(set(frames) - {*TABLES, *VIEWS})
    if unknown:
        raise ValueError(f"no tables {unknown}; there are {', '.join(TABLES)}")
    with duckdb.connect() as connection:
        for name in {*TABLES, *frames}:
            frame = frames[name] if name in frames else empty_frame(name)
            connection.register(name, frame.to_arrow())
        register_functions(connection)
        for name in VIEWS:
            if name not in frames:
                connection.execute(f'CREATE VIEW "{name}" AS {read_sql(name)}')
        return connection.sql(f'SELECT * FROM "{view}"').pl()
