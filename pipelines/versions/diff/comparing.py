"""Turns two scans of rows into what differs between them, with the first rows of each kind."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from curation.row_changes import RowChanges, match_rows
from pipelines.versions.connection import open_connection
from pipelines.versions.diff.files import fill_extra, open_file
from pipelines.versions.diff.found import Diff, Example, TableDiff
from pipelines.versions.diff.keys import check_key, guess_key
from pipelines.versions.diff.sides import Side, compare_schemas, fetch_rows, hash_sides
from pipelines.versions.names import QueryError, parse_query, shorten_fault
from pipelines.versions.results import plain_value
from pipelines.versions.scans import quote_name
from schemas.errors import UserError

ROW = "row"
"""As a key, the number of a row in its file where that has no such column."""
MEMORY = "350MB"
"""DuckDB's share; it writes to disk what does not fit."""


@contextmanager
def open_scratch() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A connection that loads no extension, and a folder for what it spills."""
    with tempfile.TemporaryDirectory(prefix="flywheel-diff-") as folder:
        spilled, threads = str(Path(folder) / "spilled"), len(os.sched_getaffinity(0))
        with open_connection(temp_directory=spilled, memory_limit=MEMORY, threads=threads) as connection:
            # files lie on this machine and are read once: fetching ahead and keeping what was read cost a tenth
            connection.execute("SET disable_parquet_prefetching = true; SET enable_external_file_cache = false")
            yield connection, Path(folder)


def check_condition(connection: duckdb.DuckDBPyConnection, where: str | None) -> None:
    """Refuse what is not one SQL condition over a row's own columns.

    Raises:
        QueryError: it is not.
    """
    if where is None:
        return
    try:
        query = parse_query(connection, f"SELECT (\n{where}\n)")
    except QueryError as error:
        raise QueryError(f"--where: {error}") from None
    if query.tables:
        raise QueryError("--where: a condition over the row's own columns is needed, without other tables")


def compare_files(
    old: Path, new: Path, *, key: Sequence[str] = (), where: str | None = None, limit: int, tolerance: float = 0.0
) -> Diff:
    """What differs between two files.

    Args:
        key: columns that name a row, `row` being its number; guessed where none is given.
        where: an SQL condition that either version of a row has to meet.
        limit: how many rows to show of each kind.

    Raises:
        UserError: a file that cannot be read, a key that one of them lacks, or a wrong condition.
    """
    with open_scratch() as (connection, scratch):
        check_condition(connection, where)
        sides = [open_file(connection, path, scratch) for path in (old, new)]
        found = compare_sides(connection, *sides, key=key, where=where, limit=limit, tolerance=tolerance)
    return Diff(str(old), str(new), [found])


def compare_sides(
    connection: duckdb.DuckDBPyConnection,
    old: Side,
    new: Side,
    *,
    key: Sequence[str] = (),
    where: str | None = None,
    limit: int,
    tolerance: float = 0.0,
) -> TableDiff:
    """What differs between two tables that are no tables of ours; see `compare_files`."""
    old, new = (_fill_side(side, key) for side in fill_extra(old, new))
    try:
        named = check_key(old, new, key) if key else guess_key(connection, old, new)
        shared = [column for column in old.types if column in new.types]
        if not shared:
            raise UserError(f"{old.name} and {new.name} have no column in common, so no rows to compare")
        hashed = hash_sides(connection, old, new, named, shared, where)
        changes = match_rows(*hashed, tolerance=tolerance)
        examples = list(show_changes(connection, old, new, changes, named, limit))
    except duckdb.Error as error:
        raise QueryError(f"{'--where: ' if where else ''}{shorten_fault(error)}") from None
    found = count_changes("", changes, named)
    return replace(
        found, guessed=not key, schema=compare_schemas(old, new), examples=examples,
        notes=[*(f"{side.name}: {note}" for side in (old, new) for note in side.notes),
               *_describe_repeated(connection, old, new, changes, named)],
    )  # fmt: skip


def _fill_side(side: Side, key: Sequence[str]) -> Side:
    """A side with the column `row`, the number of each row from 1, where that is to be the key."""
    if ROW not in key or ROW in side.types:
        return side
    return replace(
        side, select=f"SELECT row_number() OVER () AS {ROW}, * FROM ({side.select})",
        types={ROW: "BIGINT", **side.types},
    )  # fmt: skip


def count_changes(name: str, changes: RowChanges, key: Sequence[str]) -> TableDiff:
    """The counts of a comparison."""
    return TableDiff(
        name, len(changes.added), len(changes.removed), changes.changed, changes.unchanged, tuple(key),
        columns={column: int(mask.sum()) for column, mask in changes.columns.items()},
        repeated=(len(changes.repeated_old), len(changes.repeated_new)),
    )  # fmt: skip


def show_changes(
    connection: duckdb.DuckDBPyConnection,
    old: Side,
    new: Side,
    changes: RowChanges,
    key: Sequence[str],
    limit: int,
) -> Iterator[Example]:
    """The first rows that were changed, added and removed."""
    old_places, new_places = changes.old_changed[:limit], changes.new_changed[:limit]
    removed, added = changes.removed[:limit], changes.added[:limit]
    before = fetch_rows(connection, old, [*old_places, *removed])
    after = fetch_rows(connection, new, [*new_places, *added])
    for number, (old_place, new_place) in enumerate(zip(old_places, new_places, strict=True)):
        columns = [column for column, mask in changes.columns.items() if mask[number]]
        first, second = before[int(old_place)], after[int(new_place)]
        values = {column: (first[column], second[column]) for column in columns}
        yield Example("changed", name_row(second, key), values)
    for place in added:
        row = after[int(place)]
        yield Example("added", name_row(row, key), {name: (None, value) for name, value in _others(row, key)})
    for place in removed:
        row = before[int(place)]
        yield Example("removed", name_row(row, key), {name: (value, None) for name, value in _others(row, key)})


def _others(row: Mapping[str, Any], key: Sequence[str]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in row.items() if name not in key and value is not None]


def name_row(row: Mapping[str, Any], key: Sequence[str]) -> str:
    """A row's key as text."""
    return ", ".join(_show_key(row.get(column)) for column in key)


def _show_key(value: Any) -> str:
    plain = plain_value(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _describe_repeated(
    connection: duckdb.DuckDBPyConnection, old: Side, new: Side, changes: RowChanges, key: Sequence[str]
) -> list[str]:
    """Words about rows that share their key; whole rows as keys may repeat."""
    if not key:
        return ["no column names the rows, so whole rows are compared"]
    n_old, n_new = len(changes.repeated_old), len(changes.repeated_new)
    if not n_old + n_new:
        return []
    side, place = (old, changes.repeated_old[0]) if n_old else (new, changes.repeated_new[0])
    [row] = fetch_rows(connection, side, [int(place)]).values()
    return [
        f"repeated keys ({quote_name(', '.join(key))}), such as {name_row(row, key)!r}: {n_old:,} rows before and"
        f" {n_new:,} after have one, paired only where they are equal"
    ]
