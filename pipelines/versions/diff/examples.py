"""Fetches the first rows of each kind of difference, with the texts behind their ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np

from curation.row_changes import Hashes
from pipelines.versions.contents import Part
from pipelines.versions.diff.comparing import name_row
from pipelines.versions.diff.found import Example
from pipelines.versions.diff.ours import TABLE_KEYS, Compared
from pipelines.versions.diff.parts import PartedTable, open_parts, select_parts
from pipelines.versions.diff.sides import fetch_rows, select_plain
from pipelines.versions.scans import list_texts, quote_text

HIDDEN = {"prompts": {"conversation_id"}, "demonstrations": set(), "candidates": set()}
TEXTS = {"preferences": {"prompt_id": "prompts", "chosen_id": "candidates", "rejected_id": "candidates"}}
"""Ids whose texts are shown, by table and column, and where they lie."""
CONTENT = {"prompts": "messages", "candidates": "completion"}


def list_examples(
    connection: duckdb.DuckDBPyConnection, compared: Compared, parted: Mapping[str, PartedTable], limit: int
) -> list[Example]:
    """The first rows of each term, then of what else changed, was added and removed."""
    if limit < 1:
        return []
    examples = list(_show_edits(connection, compared, limit)) if "edited" in compared.groups else []
    for (old, new), terms in _list_pairs(compared, limit).items():
        examples += _show_pairs(connection, compared, ", ".join(terms), [old], [new])
    examples += _show_ledger(connection, compared, limit)
    if compared.changes is not None:
        told = {int(place) for term, (_, new) in compared.groups.items() for place in new}
        pairs = [
            (old, new)
            for old, new in zip(compared.changes.old_changed, compared.changes.new_changed, strict=True)
            if int(new) not in told
        ][:limit]
        examples += _show_pairs(connection, compared, "changed", [o for o, _ in pairs], [n for _, n in pairs])
        examples += _show_single(connection, compared, "added", compared.changes.added[:limit].tolist())
        examples += _show_single(connection, compared, "removed", compared.changes.removed[:limit].tolist())
    return _add_texts(connection, compared.table.name, examples, parted)


def _list_pairs(compared: Compared, limit: int) -> dict[tuple[int, int], list[str]]:
    """The first pairs of rows of each term, with all the terms of each."""
    terms: dict[tuple[int, int], list[str]] = {}
    for term, (old, new) in compared.groups.items():
        if term != "edited":
            for pair in zip(old[:limit].tolist(), new[:limit].tolist(), strict=True):
                terms.setdefault(pair, []).append(term)
    return terms


def _flatten(value: Any) -> Any:
    """Messages as one text."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and "content" in value[0]:
        return "\n".join(f"{message['role']}: {message['content']}" for message in value)
    return value


def _row_values(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    hidden = {*TABLE_KEYS[table], *HIDDEN.get(table, ())}
    return {name: _flatten(value) for name, value in row.items() if name not in hidden}


def _show_pairs(
    connection: duckdb.DuckDBPyConnection, compared: Compared, change: str, old: Sequence[int], new: Sequence[int]
) -> Iterator[Example]:
    if compared.old is None or compared.new is None:
        return
    before, after = fetch_rows(connection, compared.old, old), fetch_rows(connection, compared.new, new)
    for old_place, new_place in zip(old, new, strict=True):
        first, second = before[int(old_place)], after[int(new_place)]
        name = compared.table.name
        values = {
            column: (_flatten(first.get(column)), value)
            for column, value in _row_values(name, second).items()
            if _flatten(first.get(column)) != value
        }
        yield Example(change, name_row(second, TABLE_KEYS[name]), values)


def _show_single(
    connection: duckdb.DuckDBPyConnection, compared: Compared, change: str, places: Sequence[int]
) -> Iterator[Example]:
    side = compared.new if change == "added" else compared.old
    if side is None:
        return
    name = compared.table.name
    for row in fetch_rows(connection, side, places).values():
        values = {c: v for c, v in _row_values(name, row).items() if v is not None}
        shown = {c: (None, v) if change == "added" else (v, None) for c, v in values.items()}
        yield Example(change, name_row(row, TABLE_KEYS[name]), shown)


def _show_edits(connection: duckdb.DuckDBPyConnection, compared: Compared, limit: int) -> Iterator[Example]:
    """Rows that took the place of others, with what these said."""
    name, table, edits = compared.table.name, compared.table, compared.edits
    before = find_ids(connection, table, table.all_old, edits.old, limit)
    pairs = {int(old): int(new) for old, new in zip(edits.old, edits.new, strict=True) if int(old) in before}
    after = find_ids(connection, table, table.new, np.array(list(pairs.values()), dtype=np.uint64), limit)
    old_rows = fetch_ids(connection, table, table.all_old, before.values())
    new_rows = fetch_ids(connection, table, table.new, after.values())
    for old_hash, old_id in before.items():
        second = new_rows[after[pairs[old_hash]]]
        old_values = _row_values(name, old_rows[old_id])
        values = {c: (old_values.get(c), v) for c, v in _row_values(name, second).items() if old_values.get(c) != v}
        yield Example("edited", name_row(second, TABLE_KEYS[name]), values)


def _show_ledger(connection: duckdb.DuckDBPyConnection, compared: Compared, limit: int) -> Iterator[Example]:
    name, table = compared.table.name, compared.table
    for term, ids in compared.ledger.items():
        parts = table.all_old if term == "newly_dropped" else table.all_new
        found = find_ids(connection, table, parts, ids, limit)
        for row in fetch_ids(connection, table, parts, found.values()).values():
            values = {column: (value, value) for column, value in _row_values(name, row).items() if value is not None}
            yield Example(term, name_row(row, TABLE_KEYS[name]), values)


def find_ids(
    connection: duckdb.DuckDBPyConnection, table: PartedTable, parts: Sequence[Part], keys: Hashes, limit: int
) -> dict[int, str]:
    """The first ids, in their order, that have one of some hashes, by hash; reads no other column."""
    if not parts or not len(keys):
        return {}
    [column] = TABLE_KEYS[table.name]
    select = select_parts(table.name, parts, table)
    connection.register("wanted", {"k": keys})
    try:
        rows = connection.execute(
            f"SELECT hash({column}) AS k, {column} FROM ({select}) WHERE hash({column}) IN (SELECT k FROM wanted)"
            f" ORDER BY {column} LIMIT {limit}"
        ).fetchall()
    finally:
        connection.unregister("wanted")
    return dict(rows)


def fetch_ids(
    connection: duckdb.DuckDBPyConnection, table: PartedTable, parts: Sequence[Part], ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Rows of a table by their ids; files are sorted by these, so that ids near each other are read at once."""
    wanted = sorted(set(ids))
    if not parts or not wanted:
        return {}
    [column] = TABLE_KEYS[table.name]
    side = open_parts(connection, table.name, parts, table)
    cursor = connection.execute(
        f"SELECT {select_plain(side)} FROM ({side.select}) WHERE {column} IN ({list_texts(wanted)[1:-1]})"
        f" AND {column} BETWEEN {quote_text(wanted[0])} AND {quote_text(wanted[-1])}"
    )
    names = [each[0] for each in cursor.description or []]
    rows = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
    return {row[column]: row for row in rows}


def _add_texts(
    connection: duckdb.DuckDBPyConnection, table: str, examples: Sequence[Example], parted: Mapping[str, PartedTable]
) -> list[Example]:
    """Examples with the texts that their ids stand for in place of the ids."""
    shown = TEXTS.get(table, {})
    texts: dict[str, dict[str, str]] = {}
    for source in set(shown.values()):
        ids = {
            each
            for example in examples
            for column, pair in example.values.items()
            if shown.get(column) == source
            for each in pair
            if each is not None
        }
        texts[source] = _read_texts(connection, parted.get(source), ids)
    return [
        Example(
            example.change,
            example.row,
            {
                column.removesuffix("_id") if column in shown else column: (
                    (texts[shown[column]].get(old, old), texts[shown[column]].get(new, new))
                    if column in shown
                    else (old, new)
                )
                for column, (old, new) in example.values.items()
            },
        )
        for example in examples
    ]


def _read_texts(connection: duckdb.DuckDBPyConnection, table: PartedTable | None, ids: set[str]) -> dict[str, str]:
    if table is None or not ids:
        return {}
    side = open_parts(connection, table.name, [*table.old, *table.new, *table.shared], table)
    [key] = TABLE_KEYS[table.name]
    rows = connection.execute(
        f"SELECT {key}, {CONTENT[table.name]} FROM ({side.select}) WHERE {key} IN {_tuple(ids)}"
    ).fetchall()
    return {row[0]: _flatten(row[1]) for row in rows}


def _tuple(ids: set[str]) -> str:
    return f"({list_texts(sorted(ids))[1:-1]})"
