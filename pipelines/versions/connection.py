"""Opens DuckDB so that a query finds what we gave it and nothing else."""

import os
import tempfile
from pathlib import Path

import duckdb


def open_connection(database: str = ":memory:", **more: str | int) -> duckdb.DuckDBPyConnection:
    """A connection that loads no extension, looks at no variable of Python's, and takes times as UTC.

    Args:
        more: further settings of DuckDB, or others for those here.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false", "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": str(Path(tempfile.gettempdir()) / f"flywheel-sql-{os.getpid()}"),
        **more,
    }  # fmt: skip
    connection = duckdb.connect(database, config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection
