"""Reads which tables an SQL query names from its syntax tree, and refuses whatever is more than reading."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import duckdb

from schemas.errors import UserError

READS = "SELECT, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE, EXPLAIN"
ANY_FILE = "--any-file lets a query read files that are not data of this project"
_EXPLAIN = re.compile(r"\s*explain(\s+analyze\b)?\s*(\([^()]*\))?\s*", re.IGNORECASE)
_ALSO = {
    "LOAD": re.compile(r"\s*(install|force\s+install)\b", re.IGNORECASE),
    "SET": re.compile(r"\s*(use|reset)\b", re.IGNORECASE),
    "CALL": re.compile(r"\s*((?:force\s+)?checkpoint)\b", re.IGNORECASE),
}
"""What DuckDB counts as another kind of statement, by that kind."""
_SYSTEM = re.compile(r"(duckdb|pragma)_\w+|information_schema|pg_catalog", re.IGNORECASE)


class QueryError(UserError):
    """A query that cannot be run, or that may not; the message is one line."""


class TableName(NamedTuple):
    """A table as a query names it; an empty schema where it names none."""

    schema: str
    table: str


@dataclass(frozen=True)
class Query:
    """One reading statement."""

    text: str
    tables: tuple[TableName, ...]
    with_names: frozenset[str]
    """Names that its WITH clauses give, which may hide tables."""
    lists_tables: bool
    """It asks which tables there are."""
    explains: bool
    tree: Any = field(default=None, compare=False)
    """Its syntax, as DuckDB serialises it; of what is explained for an EXPLAIN."""


def parse_query(connection: duckdb.DuckDBPyConnection, text: str) -> Query:
    """Check that a text is one statement that only reads, and find the tables in it.

    Raises:
        QueryError: a syntax error, several statements, or one that writes, attaches, sets, installs, loads, calls.
    """
    try:
        statements = connection.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(shorten_fault(error)) from None
    if not statements:
        raise QueryError("the query is empty: give one SELECT")
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements were given: one query at a time")
    [statement] = statements
    kind = _read_kind(statement)
    explained = _EXPLAIN.match(text) if kind == duckdb.StatementType.EXPLAIN else None
    if explained is not None:
        inner = parse_query(connection, text[explained.end() :])
        if inner.explains:
            raise QueryError("EXPLAIN of an EXPLAIN: explain the query itself")
        return replace(inner, text=text, explains=True)
    if kind != duckdb.StatementType.SELECT:
        raise QueryError(_describe_refusal(kind, text))
    tree = _read_tree(connection, text)
    entries = [entry for found in _values_of(tree, "cte_map") for entry in found.get("map") or []]
    return Query(
        text,
        tuple(dict.fromkeys(_find_tables(tree))),
        frozenset(str(entry["key"]).lower() for entry in entries),
        _lists_tables(tree),
        explains=False,
        tree=tree,
    )


def _read_kind(statement: duckdb.Statement) -> duckdb.StatementType | None:
    """What kind of statement it is; None for one that DuckDB's Python does not know, as UPDATE EXTENSIONS."""
    try:
        return statement.type
    except ValueError:
        return None


def _describe_refusal(kind: duckdb.StatementType | None, text: str) -> str:
    word = str(kind).rpartition(".")[2].upper() if kind is not None else "this kind of statement"
    if word in _ALSO and (typed := _ALSO[word].match(text)):
        word = typed[1].upper()
    if word == "MULTI":
        return "PIVOT needs the values that become columns: PIVOT table ON column IN (value, ...) USING ..."
    if word == "COPY":
        return f"COPY is refused, a query only reads ({READS}): --csv, --json and --parquet FILE write its result"
    return f"{word} is refused, a query only reads: {READS}"


def _read_tree(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    [row] = connection.execute(
        "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)", [text]
    ).fetchall()
    tree = json.loads(row[0])
    if tree["error"]:
        raise QueryError(f"{tree.get('error_message', 'not a query')}: {READS}")
    changed = [kind for kind in _values_of(tree, "type") if str(kind).endswith("_QUERY_NODE")]
    if changed:
        word = changed[0].removesuffix("_QUERY_NODE")
        raise QueryError(f"{word} is refused, a query only reads: {READS}")
    return tree


def _values_of(node: Any, key: str) -> Iterator[Any]:
    for inner in walk_nodes(node):
        if key in inner:
            yield inner[key]


def walk_nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of a tree, itself first."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from walk_nodes(inner)


def _find_tables(tree: Any) -> Iterator[TableName]:
    for node in walk_nodes(tree):
        path = (node.get("qualified_name") or {}).get("path") or []
        if not path or node.get("type") not in ("BASE_TABLE", "SHOW_REF"):
            continue
        if len(path) > 2:
            rows = f'"{path[0]}.raw"."{path[-1]}"'
            raise QueryError(f"{'.'.join(path)}: a table is SCHEMA.TABLE, and all rows of a revision are {rows}")
        yield TableName(path[0] if len(path) == 2 else "", path[-1])


def _lists_tables(tree: Any) -> bool:
    """Whether a query looks at the catalog itself: SHOW TABLES, information_schema, duckdb_views()."""
    if any(kind == "SHOW_SPECIAL" for kind in _values_of(tree, "show_type")):
        return True
    names = [*_values_of(tree, "function_name"), *_values_of(tree, "schema_name"), *_values_of(tree, "table_name")]
    return any(_SYSTEM.fullmatch(str(name)) for name in names)


def shorten_fault(error: Exception) -> str:
    """DuckDB's message in one line: without the place it points at and its guesses from what it knows so far."""
    text = " ".join(str(error).split("\n\nLINE ")[0].split("\nDid you mean")[0].split())
    return f"{text}: {ANY_FILE}" if isinstance(error, duckdb.PermissionException) else text
