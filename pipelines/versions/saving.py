"""Writes the tables of some revisions and of all turns into a DuckDB file, as views that any client opens."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from curation.statements import read_macro
from pipelines.versions.catalog import ALL_TURNS, MAIN, RAW, Catalog, quote_table, raw_schema
from pipelines.versions.connection import open_connection
from pipelines.versions.names import TableName
from pipelines.versions.sql import EXTRA, HASHED, make_tables


def make_catalog(root: Path, path: Path, at: Sequence[str] = ()) -> int:
    """Write a DuckDB file in which every table of some revisions and of all turns is a view of the files' own places.

    Any client of DuckDB opens it: what the views call is plain SQL. The id of a pair, which no SQL computes, is looked
    up in a table of all pairs that are judged by now.

    Returns:
        How many views it has.

    Raises:
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    catalog = Catalog(root, at, padded=True)
    with open_connection(str(path)) as connection:
        names = list_all(catalog)
        make_tables(connection, catalog, names)
        compared = [name for name in names if name.table == HASHED]
        if compared:
            connection.execute(f"CREATE TABLE {MAIN}.pair_ids AS {_select_pairs(compared)}")
            connection.remove_function("hash_pair")
            connection.execute(read_macro("hash_pair"))
        [row] = connection.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
    return row[0]


def list_all(catalog: Catalog) -> list[TableName]:
    """Every table of the revisions that were asked for, and of all turns."""
    schemas = list(catalog.revisions)
    schemas += [ALL_TURNS] if catalog.turns else []
    both = [each for schema in schemas for each in (schema, raw_schema(schema))]
    both += [MAIN, RAW] if catalog.default not in (None, MAIN) else []
    names = [TableName(schema, table) for schema in dict.fromkeys(both) for table in catalog.list_names(schema)]
    return [*names, *(TableName(MAIN, table) for table in EXTRA)]


def _select_pairs(compared: Iterable[TableName]) -> str:
    """The SELECT of every pair in some tables of comparisons, with its id."""
    selects = [
        f"SELECT prompt_id, first_id, second_id, pair_id FROM {quote_table(name)} WHERE first_id < second_id"
        for name in compared
    ]
    return f"SELECT DISTINCT * FROM ({' UNION ALL '.join(selects)}) ORDER BY ALL"
