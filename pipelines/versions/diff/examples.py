"""Fetches the first rows of each kind of difference, with the texts behind their ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np

from curation.row_changes import Hashes
from pipelines.versions.contents import Part
from pipelines.versions.diff.comparing import name_row
from pipelines.versions.diff.found import Example
from pipelines.versions.diff.ours import IGNORED, TABLE_KEYS, Compared
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
    ledger = parted.get("dropped")
    examples = list(_show_edits(connection, compared, ledger, limit)) if "edited" in compared.groups else []
    for (old, new), terms in _list_pairs(compared, limit).items():
        examples += _show_pairs(connection, compared, ", ".join(terms), [old], [new])
    if ledger is not None:
        examples += _show_ledger(connection, compared, ledger, limit)
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
            if column not in IGNORED.get(name, ()) and _flatten(first.get(column)) != value
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


def _show_edits(
    connection: duckdb.DuckDBPyConnection, compared: Compared, ledger: PartedTable | None, limit: int
) -> Iterator[Example]:
    """Rows that took the place of others, with what these said."""
    name, table, edits = compared.table.name, compared.table, compared.edits
    named = [_list_dropped(name, ledger, ledger.new)] if ledger is not None and ledger.new else []
    if table.old and not np.isin(edits.old, compared.ledger.get("newly_dropped", edits.old[:0])).all():
        named.append(_list_ids(table, table.old))
    before = fetch_first(connection, table, table.all_old, named, edits.old, limit)
    pairs = {int(old): int(new) for old, new in zip(edits.old, edits.new, strict=True) if int(old) in before}
    after = find_ids(connection, table, table.new, np.array(list(pairs.values()), dtype=np.uint64), limit)
    new_rows = fetch_ids(connection, table, table.new, after.values())
    for old_hash, old_row in before.items():
        second = new_rows[after[pairs[old_hash]]]
        old_values = _row_values(name, old_row)
        values = {c: (old_values.get(c), v) for c, v in _row_values(name, second).items() if old_values.get(c) != v}
        yield Example("edited", name_row(second, TABLE_KEYS[name]), values)


def _show_ledger(
    connection: duckdb.DuckDBPyConnection, compared: Compared, ledger: PartedTable, limit: int
) -> Iterator[Example]:
    name, table = compared.table.name, compared.table
    for term, ids in compared.ledger.items():
        parts, entries = (table.all_old, ledger.new) if term == "newly_dropped" else (table.all_new, ledger.old)
        for row in fetch_first(connection, table, parts, [_list_dropped(name, ledger, entries)], ids, limit).values():
            values = {column: (value, value) for column, value in _row_values(name, row).items() if value is not None}
            yield Example(term, name_row(row, TABLE_KEYS[name]), values)


def _list_dropped(name: str, ledger: PartedTable, parts: Sequence[Part]) -> str:
    """The SELECT of the ids of a table that some files of the ledger name."""
    dropped = select_parts("dropped", parts, ledger)
    return f"SELECT row_id AS id FROM ({dropped}) WHERE table_name = {quote_text(name)}"


def fetch_first(
    connection: duckdb.DuckDBPyConnection,
    table: PartedTable,
    parts: Sequence[Part],
    named: Sequence[str],
    keys: Hashes,
    limit: int,
) -> dict[int, dict[str, Any]]:
    """The first rows of some files, in the order of their ids, whose ids have one of some hashes, by hash.

    Args:
        named: SELECTs of `id` that name them all, and perhaps others: large files are not searched for ids.
    """
    found: dict[int, dict[str, Any]] = {}
    start, n_asked = 0, limit
    while named and parts and len(found) < limit:
        ids = _name_first(connection, named, keys, start, n_asked)
        rows = fetch_ids(connection, table, parts, ids.values())
        found |= {key: rows[each] for key, each in ids.items() if each in rows}
        if len(ids) < n_asked:
            break
        start, n_asked = start + n_asked, 2 * n_asked  # the ledger may name rows that were never there
    return dict(list(found.items())[:limit])


def _name_first(
    connection: duckdb.DuckDBPyConnection, named: Sequence[str], keys: Hashes, start: int, limit: int
) -> dict[int, str]:
    """Some ids, in their order, that have one of some hashes, by hash."""
    connection.register("wanted", {"k": keys})
    try:
        rows = connection.execute(
            f"SELECT DISTINCT hash(id) AS k, id FROM ({' UNION ALL '.join(named)})"
            f" WHERE hash(id) IN (SELECT k FROM wanted) ORDER BY id LIMIT {limit} OFFSET {start}"
        ).fetchall()
    finally:
        connection.unregister("wanted")
    return dict(rows)


def find_ids(
    connection: duckdb.DuckDBPyConnection, table: PartedTable, parts: Sequence[Part], keys: Hashes, limit: int
) -> dict[int, str]:
    """The first ids, in their order, that have one of some hashes, by hash; reads no other column."""
    if not parts or not len(keys):
        return {}
    return _name_first(connection, [_list_ids(table, parts)], keys, 0, limit)


def _list_ids(table: PartedTable, parts: Sequence[Part]) -> str:
    """The SELECT of the ids in some files."""
    [column] = TABLE_KEYS[table.name]
    return f"SELECT {column} AS id FROM ({select_parts(table.name, parts, table)})"


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
