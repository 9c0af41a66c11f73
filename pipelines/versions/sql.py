"""Answers an SQL query over the tables of any revision: makes what it names, locks the connection, runs it."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from curation.statements import VIEWS, create_macros, register_hash
from pipelines.versions.catalog import (
    MAIN,
    RAW,
    Catalog,
    Definition,
    order_definitions,
    quote_table,
)
from pipelines.versions.connection import open_connection
from pipelines.versions.contents import Part, fetch_parts, open_history
from pipelines.versions.names import ANY_FILE, Query, QueryError, TableName, parse_query, shorten_fault
from pipelines.versions.results import Answer
from pipelines.versions.revisions import WORKSPACE
from pipelines.versions.scans import list_texts, quote_name
from pipelines.versions.sharing import find_shared, rewrite_query
from pipelines.versions.turn_tables import Metric, read_metrics

TURNS, METRICS = "turns", "metrics"
EXTRA = {
    TURNS: 'tag VARCHAR, "commit" VARCHAR, number BIGINT, parent VARCHAR, date TIMESTAMP',
    METRICS: "revision VARCHAR, file VARCHAR, key VARCHAR, value DOUBLE, text VARCHAR",
}
"""Tables that no file holds, by name: their columns."""
HASHED = "comparisons"
"""The view that calls hash_pair."""
UNRUN = "nothing was run here yet, `dvc repro` runs the turn"
LISTING = "`flywheel sql 'SHOW TABLES'` lists what there is"


@contextmanager
def open_query(
    root: Path, text: str, at: Sequence[str] = (), *, writes: Path | None = None, any_file: bool = False
) -> Iterator[Answer]:
    """The rows of a query, not read yet; nothing but the files it names can be read while it is open.

    Args:
        at: the revisions that are schemas; the workspace where none is given.
        writes: the one file that may be written.
        any_file: the query may read other files too, with read_parquet and the like.

    Raises:
        QueryError: the query is wrong, or does more than read.
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    for padded in (False, True):
        with open_connection() as connection:
            catalog, query = Catalog(root, at, padded=padded), parse_query(connection, text)
            try:
                answer = _prepare(connection, catalog, query, writes=writes, any_file=any_file)
            except _LaterColumn:
                continue
            with _told_in_a_line(catalog, query):
                yield answer
            return


class _LaterColumn(Exception):  # noqa: N818
    """A revision may lack a column that is asked for; to know costs more than to try without first."""


@contextmanager
def _told_in_a_line(catalog: Catalog, query: Query) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise QueryError(describe_fault(error, catalog, query)) from None


def _prepare(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, query: Query, *, writes: Path | None, any_file: bool
) -> Answer:
    """Make what a query names, lock the connection, bind the query."""
    shared: Sequence[Definition] = ()
    with _told_in_a_line(catalog, query):
        try:
            query, shared = _share_rows(connection, catalog, query)
            files = make_tables(connection, catalog, list_wanted(catalog, query), shared)
            lock_connection(connection, files | ({writes} if writes else set()), any_file=any_file)
            return _bind(connection, query)
        except duckdb.Error as error:
            if not catalog.padded and (shared or isinstance(error, duckdb.BinderException)):
                raise _LaterColumn from None
            raise


def _bind(connection: duckdb.DuckDBPyConnection, query: Query) -> Answer:
    """The query bound; times with a zone become texts, since Python would need one more library for them."""
    text = query.text.strip().rstrip(";")
    if query.explains:
        return Answer(connection, text, ("name", "plan"), explains=True)
    relation = connection.sql(text)
    zoned = ["TIME ZONE" in str(kind) for kind in relation.types]
    if any(zoned):
        columns = [f"c{place}" for place in range(len(zoned))]
        shown = [
            f"{column}{'::VARCHAR' if zone else ''} AS {quote_name(name)}"
            for column, zone, name in zip(columns, zoned, relation.columns, strict=True)
        ]
        text = f"SELECT {', '.join(shown)} FROM ({text}\n) AS answer({', '.join(columns)})"
    return Answer(connection, text, tuple(relation.columns))


def list_wanted(catalog: Catalog, query: Query) -> list[TableName]:
    """The tables to make for a query: those it names, and all there are where it asks which."""
    wanted = [name for name in query.tables if not _is_hidden(catalog, query, name)]
    if query.lists_tables and catalog.default is not None:
        wanted += [TableName("", name) for name in [*catalog.list_names(MAIN), *EXTRA]]
    return wanted


def _is_hidden(catalog: Catalog, query: Query, name: TableName) -> bool:
    """Whether a name is just what a WITH clause calls its rows, so no table need be looked for."""
    table = name.table.lower()
    if name.schema or table not in query.with_names:
        return False
    return catalog.default is None or table not in (*VIEWS, *EXTRA, *catalog.contents(catalog.default).tables)


def _share_rows(
    connection: duckdb.DuckDBPyConnection, catalog: Catalog, query: Query
) -> tuple[Query, Sequence[Definition]]:
    """The query so that rows which turns share are aggregated once, where it can be, and what it then needs."""
    shared = None if catalog.padded else find_shared(query)
    definitions = catalog.define_segments(shared) if shared is not None else None
    if definitions is None:
        return query, ()
    text = rewrite_query(connection, query, *(definition.name for definition in definitions))
    return (query, ()) if text is None else (replace(query, text=text, tables=()), definitions)


def make_tables(
    connection: duckdb.DuckDBPyConnection,
    catalog: Catalog,
    names: Iterable[TableName],
    others: Iterable[Definition] = (),
) -> set[Path]:
    """Make tables, views and what they need, and some others; missing objects are fetched.

    Returns:
        The files that they read.
    """
    names = list(names)
    definitions = list(others) + order_definitions(catalog, (name for name in names if not _is_extra(name)))
    _fetch(catalog, definitions)
    for table in sorted({name.table.lower() for name in names if _is_extra(name)}):
        fill_extra(connection, catalog, table)
    create_macros(connection)
    if any(definition.name.table == HASHED for definition in definitions):
        register_hash(connection)  # it loads numpy
    create_views(connection, definitions)
    return {part.file for definition in definitions for _, part in definition.parts}


def _fetch(catalog: Catalog, definitions: Iterable[Definition]) -> None:
    parts: dict[str, list[Part]] = {}
    for definition in definitions:
        for revision, part in definition.parts:
            parts.setdefault(revision, []).append(part)
    fetch_parts({revision: catalog.contents(revision) for revision in parts}, parts)


def create_views(connection: duckdb.DuckDBPyConnection, definitions: Iterable[Definition]) -> None:
    """Create views in their schemas, in the order given.

    Raises:
        QueryError: a file is not what its name says.
    """
    current = MAIN
    for definition in definitions:
        if definition.home != current:
            connection.execute(f"USE {quote_name(definition.home)}")
            current = definition.home
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote_name(definition.name.schema)}")
        try:
            connection.execute(f"CREATE VIEW {quote_table(definition.name)} AS {definition.select}")
        except (duckdb.InvalidInputException, duckdb.IOException) as error:
            raise QueryError(f"{definition.name.table}: {shorten_fault(error)}") from None
    connection.execute(f"USE {MAIN}")


def fill_extra(connection: duckdb.DuckDBPyConnection, catalog: Catalog, table: str) -> None:
    """Make the table `turns` or `metrics` in the schema main."""
    rows = _list_turn_rows(catalog) if table == TURNS else _list_metrics(catalog)
    columns = list(map(list, zip(*rows, strict=True))) or [[] for _ in EXTRA[table].split(",")]
    connection.execute(f"CREATE TABLE {MAIN}.{table} ({EXTRA[table]})")
    unnested = ", ".join("unnest(?)" for _ in columns)
    connection.execute(f"INSERT INTO {MAIN}.{table} SELECT {unnested}", columns)


def _list_turn_rows(catalog: Catalog) -> list[tuple[Any, ...]]:
    return [(turn.tag, turn.commit, turn.number, turn.parent, _read_time(turn.date)) for turn in catalog.turns]


def _read_time(text: str) -> datetime:
    """An instant in ISO 8601 as a time in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def _list_metrics(catalog: Catalog) -> list[Metric]:
    """Metrics of the revisions that were asked for, and of every turn."""
    named = {turn.tag: turn.contents for turn in catalog.turns}
    named = {name: catalog.contents(name) for name in catalog.revisions} | named
    repository = open_history(catalog.root)
    return [metric for contents in named.values() for metric in read_metrics(contents, repository)]


def lock_connection(connection: duckdb.DuckDBPyConnection, files: Iterable[Path], *, any_file: bool) -> None:
    """Leave the connection able to read these files only, and to change nothing, its own settings included."""
    if not any_file:
        connection.execute(f"SET allowed_paths = {list_texts(str(file) for file in files)}")
        connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    connection.execute("BEGIN TRANSACTION READ ONLY")


def describe_fault(error: Exception, catalog: Catalog, query: Query) -> str:
    """DuckDB's message in one line; for a table that does not exist with the names of ours that are near."""
    text = shorten_fault(error)
    unknown = [name for name in query.tables if not _is_hidden(catalog, query, name) and _is_unknown(catalog, name)]
    named = [name for name in unknown if name.table in text]
    if not named or not isinstance(error, duckdb.CatalogException | duckdb.PermissionException):
        return text
    name = named[0]
    if name.table.lower() in EXTRA:
        return f"{name.table} has the rows of every revision and stands without a schema: `FROM {name.table.lower()}`"
    known = [*EXTRA] if name.schema in ("", MAIN) else []
    if name.schema or catalog.default is not None:
        known += catalog.list_names(name.schema or MAIN)
    near = difflib.get_close_matches(name.table, known, n=4)
    if near:
        return f"there is no table {name.table}, near are {', '.join(near)}"
    return f"there is no table {name.table}: {_describe_lack(catalog, name, empty=not set(known) - set(EXTRA))}"


def _describe_lack(catalog: Catalog, name: TableName, *, empty: bool) -> str:
    """Why there is no such table, and what to do."""
    if Path(name.table).is_file():
        return ANY_FILE
    revision = name.schema.removesuffix(f".{RAW}") if name.schema not in ("", MAIN, RAW) else catalog.default
    if empty and revision not in (None, WORKSPACE):
        return f"{revision} has no data, `dvc repro` was not run before it was committed"
    return UNRUN if empty and (catalog.root / "versions.yaml").exists() else LISTING


def _is_unknown(catalog: Catalog, name: TableName) -> bool:
    return not _is_extra(name) and catalog.define(name) is None


def _is_extra(name: TableName) -> bool:
    return name.schema.lower() in ("", MAIN) and name.table.lower() in EXTRA
