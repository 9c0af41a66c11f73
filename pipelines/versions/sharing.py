"""Rewrites a grouped query over all turns so that rows which several turns share are aggregated once, not once a turn.

`SELECT revision, policy, avg(n) FROM all_turns.samples GROUP BY ALL` would repeat each row for every turn that holds
it, and add all of these up. But rows of a file have the same sums in each turn: so group by the sets of files that the
same turns hold, keep the states of the aggregates, and combine them for each turn (eager aggregation, Yan and Larson
1995).
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import duckdb

from pipelines.versions.names import Query, TableName, walk_nodes

AGGREGATES = frozenset({"count", "count_star", "sum", "avg", "mean", "min", "max", "bool_and", "bool_or"})
"""Whose states of parts combine to that of the whole. A sum of floats may differ in its last digit, as with threads."""
REVISION, SEGMENT = "revision", "segment"
_QUERY = frozenset({"type", "modifiers", "cte_map", "select_list", "from_table", "where_clause", "group_expressions",
                    "group_sets", "aggregate_handling", "having"})  # fmt: skip
_TABLE = frozenset({"type", "alias", "query_location", "query_location_length", "schema_name", "table_name",
                    "qualified_name"})  # fmt: skip
_EXPRESSIONS = frozenset({"COLUMN_REF", "CONSTANT", "FUNCTION", "OPERATOR", "COMPARISON", "CAST", "CONJUNCTION", "CASE",
                          "BETWEEN"})  # fmt: skip


class _Unfit(Exception):  # noqa: N818
    """A query that is not of the kind that can be rewritten."""


@dataclass
class _Split:
    """A query being split: what each segment is grouped by, and which states it keeps, by the columns they become."""

    connection: duckdb.DuckDBPyConnection
    keys: dict[str, Any] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    named: dict[str, bool] = field(default_factory=dict)
    """Names of the query's columns; whether they are aggregates."""
    columns: dict[str, str] = field(default_factory=dict)
    """Names of the query's columns by those of the table."""


def find_shared(query: Query) -> TableName | None:
    """The table of all turns that a query is over, where it may be one to rewrite."""
    if query.explains or query.lists_tables or query.with_names or len(query.tables) != 1:
        return None
    [name] = query.tables
    node = query.tree["statements"][0]["node"]
    over_table = set(node) <= _QUERY and set(node.get("from_table") or {}) <= _TABLE
    return name if over_table and name.schema.lower() in ("all_turns", "all_turns.raw") else None


def rewrite_query(
    connection: duckdb.DuckDBPyConnection, query: Query, parts: TableName, holders: TableName
) -> str | None:
    """The query over `parts`, a table's rows with the `segment` of files they are in, and `holders`, who holds which.

    It may have aggregates of AGGREGATES and what it groups by, `revision` among these on its own; anything else, and it
    is left as it is: None.
    """
    split = _Split(connection)
    node = query.tree["statements"][0]["node"]
    try:
        outer = _combine_states(split, node)
        inner = _keep_states(split, node, parts)
    except _Unfit:
        return None
    rows = (
        f'SELECT * FROM ({_write_sql(connection, inner)}) JOIN "{holders.schema}"."{holders.table}" USING ({SEGMENT})'
    )
    return f"WITH shared AS ({rows}) {_write_sql(connection, outer)}"


def _combine_states(split: _Split, node: Mapping[str, Any]) -> dict[str, Any]:
    """The query over states: aggregates become states combined, and what is grouped by becomes a column."""
    items = [_split_item(split, item) for item in node["select_list"]]
    _check_groups(split, node)
    outer = {
        "type": "SELECT_NODE", "cte_map": {}, "select_list": items, "from_table": _table("shared"),
        "aggregate_handling": "FORCE_AGGREGATES",
        "modifiers": [_split_modifier(split, modifier) for modifier in node.get("modifiers", [])],
    }  # fmt: skip
    return outer | ({"having": _replace(split, node["having"])} if "having" in node else {})


def _keep_states(split: _Split, node: Mapping[str, Any], parts: TableName) -> dict[str, Any]:
    """The query that aggregates each segment."""
    where = node.get("where_clause")
    if not split.states or _mentions_revision(where):
        raise _Unfit
    _check_expression(split, where)
    table = node["from_table"]
    columns = [value | {"alias": name} for name, value in (split.keys | split.states).items()]
    return {
        "type": "SELECT_NODE", "cte_map": {}, "select_list": [_column(SEGMENT), *columns],
        "from_table": _table(parts.table, parts.schema) | {"alias": table.get("alias") or table["table_name"]},
        "aggregate_handling": "FORCE_AGGREGATES",
    } | ({"where_clause": where} if where else {})  # fmt: skip


def _split_item(split: _Split, item: Mapping[str, Any]) -> dict[str, Any]:
    """A column of the query, over states; under the name it had."""
    is_column = item["class"] == "COLUMN_REF"
    name = item.get("alias") or (item["column_names"][-1] if is_column else _write_expression(split.connection, item))
    aggregates = any(_is_aggregate(inner) for inner in walk_nodes(item))
    if name in split.named:
        raise _Unfit
    split.named[name] = aggregates
    if is_column:
        split.columns[item["column_names"][-1]] = name
    if is_column and item["column_names"][-1] == REVISION:
        return _column(REVISION) | {"alias": name}
    if aggregates:
        return _replace(split, item) | {"alias": name}
    if _mentions_revision(item):
        raise _Unfit
    _check_expression(split, item)
    key = f"key_{len(split.keys)}"
    split.keys[key] = {**item, "alias": ""}
    return _column(key) | {"alias": name}


def _replace(split: _Split, node: Any) -> Any:
    """An expression with each aggregate in it as its states combined; no column may be left outside of these."""
    if isinstance(node, list):
        return [_replace(split, inner) for inner in node]
    if not isinstance(node, Mapping):
        return node
    if _is_aggregate(node):
        if node.get("distinct") or (node.get("order_bys") or {}).get("orders") or _mentions_revision(node):
            raise _Unfit
        for part in (*node.get("arguments", ()), node.get("filter")):
            _check_expression(split, part)
        state = f"state_{len(split.states)}"
        split.states[state] = {**node, "export_state": True}
        return _call("finalize", _call("combine_aggr", _column(state)))
    if node.get("class") == "COLUMN_REF":
        raise _Unfit
    if "class" in node:
        _check_node(split, node)
    return {key: _replace(split, value) for key, value in node.items()}


def _split_modifier(split: _Split, modifier: Mapping[str, Any]) -> dict[str, Any]:
    """ORDER BY and LIMIT: by ALL, by places, by names of the query's columns, or by aggregates."""
    if modifier["type"] == "LIMIT_MODIFIER":
        return dict(modifier)
    if modifier["type"] != "ORDER_MODIFIER":
        raise _Unfit
    return {**modifier, "orders": [_split_order(split, order) for order in modifier["orders"]]}


def _split_order(split: _Split, order: Mapping[str, Any]) -> dict[str, Any]:
    by = order["expression"]
    if by["class"] == "STAR":
        return dict(order)
    if by["class"] == "COLUMN_REF":
        name = by["column_names"][-1]
        if name not in split.named:
            raise _Unfit
        return {**order, "expression": _column(name)}
    return {**order, "expression": _replace(split, by)}


def _check_groups(split: _Split, node: Mapping[str, Any]) -> None:
    """Refuse a query that does not group by just its columns without aggregates."""
    keys = [name for name, aggregates in split.named.items() if not aggregates]
    if not keys:
        raise _Unfit  # without a group there is a row even where there are none
    if node.get("aggregate_handling") == "FORCE_AGGREGATES":
        return
    groups = node.get("group_expressions", [])
    found = {_find_grouped(split, group) for group in groups}
    if found != set(keys) or node.get("group_sets") != [list(range(len(groups)))]:
        raise _Unfit


def _find_grouped(split: _Split, group: Mapping[str, Any]) -> str | None:
    """The query's column that a GROUP BY means: by its place, or by the name of the table's column or its own."""
    if group["class"] == "CONSTANT":
        places, place = list(split.named), group["literal"]["text"]
        return places[int(place) - 1] if place.isdigit() and 0 < int(place) <= len(places) else None
    name = group.get("column_names", [""])[-1]
    return split.columns.get(name, name)


def _check_expression(split: _Split, expression: Any) -> None:
    for node in walk_nodes(expression):
        if "class" in node:
            _check_node(split, node)
        if _is_aggregate(node):
            raise _Unfit


def _check_node(split: _Split, node: Mapping[str, Any]) -> None:
    """Refuse what may look at other rows: windows, subqueries, functions that are no plain ones."""
    if node["class"] not in _EXPRESSIONS:
        raise _Unfit
    if node["class"] == "FUNCTION" and not _is_aggregate(node):
        asked = "SELECT DISTINCT function_type FROM duckdb_functions() WHERE function_name = ?"
        kinds = split.connection.execute(asked, [node["function_name"]]).fetchall()
        if any(kind != "scalar" for (kind,) in kinds):
            raise _Unfit


def _is_aggregate(node: Mapping[str, Any]) -> bool:
    return node.get("class") == "FUNCTION" and node.get("function_name") in AGGREGATES


def _mentions_revision(expression: Any) -> bool:
    columns = (node["column_names"] for node in walk_nodes(expression) if node.get("class") == "COLUMN_REF")
    return any(REVISION in names for names in columns)


def _column(name: str) -> dict[str, Any]:
    return {"class": "COLUMN_REF", "type": "COLUMN_REF", "column_names": [name]}


def _call(function: str, *arguments: Any) -> dict[str, Any]:
    return {
        "class": "FUNCTION", "type": "FUNCTION", "function_name": function, "qualified_name": {"path": [function]},
        "arguments": [{"expression": argument} for argument in arguments], "order_bys": {"type": "ORDER_MODIFIER"},
    }  # fmt: skip


def _table(name: str, schema: str = "") -> dict[str, Any]:
    path = [schema, name] if schema else [name]
    return {"type": "BASE_TABLE", "schema_name": schema, "table_name": name, "qualified_name": {"path": path}}


def _write_sql(connection: duckdb.DuckDBPyConnection, node: Mapping[str, Any]) -> str:
    tree = json.dumps({"error": False, "statements": [{"node": node}]})
    [row] = connection.execute("SELECT json_deserialize_sql(?::JSON)", [tree]).fetchall()
    return row[0]


def _write_expression(connection: duckdb.DuckDBPyConnection, expression: Mapping[str, Any]) -> str:
    """An expression as DuckDB names its column."""
    node = {"type": "SELECT_NODE", "cte_map": {}, "select_list": [expression], "from_table": {"type": "EMPTY"},
            "aggregate_handling": "STANDARD_HANDLING"}  # fmt: skip
    return _write_sql(connection, deepcopy(node)).removeprefix("SELECT ")
