"""Compares what DVC tracks at two revisions of other people's projects: files and folders of files, by their paths."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from pipelines.versions.contents import Contents, Part
from pipelines.versions.diff.comparing import compare_sides
from pipelines.versions.diff.files import FileError, open_file
from pipelines.versions.diff.found import TableDiff
from pipelines.versions.diff.parts import PartedTable, sort_parts
from pipelines.versions.diff.sides import Side, read_types
from pipelines.versions.names import QueryError
from pipelines.versions.scans import is_readable


def compare_paths(
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    old: Contents,
    new: Contents,
    tables: Sequence[str],
    *,
    key: Sequence[str],
    where: str | None,
    limit: int,
) -> list[TableDiff]:
    """What differs between the files that DVC tracks, or folders of such files, by their paths."""
    paths = old.list_paths(), new.list_paths()
    there = _list_paths(*paths)
    for name in tables:
        if name not in there:
            raise QueryError(f"--table {name}: DVC tracks no such data; there are {', '.join(there) or 'none'}")
    if not there:
        raise QueryError("DVC tracks no Parquet, JSON or CSV here, so there are no rows to compare")
    found = []
    for name in tables or there:
        table = sort_parts(name, old, new, *(side.get(name, []) for side in paths))
        diff = _compare_path(connection, scratch, table, key=key, where=where, limit=limit)
        found.append(replace(diff, name=name))
    return found


def _list_paths(old: Mapping[str, list[Part]], new: Mapping[str, list[Part]]) -> list[str]:
    """Tracked files and folders that are tables; files inside a folder of several formats by themselves."""
    paths = dict.fromkeys([*old, *new])
    formats = {
        path: {part.path.rpartition(".")[2] for side in (old, new) for part in side.get(path, ())
               if is_readable(part.path)}
        for path in paths
    }  # fmt: skip
    whole = [path for path in paths if len(formats[path]) == 1]
    inside = {path for path in whole if any(path.startswith(f"{folder}/") for folder in whole)}
    return sorted(path for path in whole if path not in inside)


def _compare_path(
    connection: duckdb.DuckDBPyConnection,
    scratch: Path,
    table: PartedTable,
    *,
    key: Sequence[str],
    where: str | None,
    limit: int,
) -> TableDiff:
    unread = 0
    if table.shared:
        rows = _open_paths(connection, scratch, table.name, table.shared)
        counted = connection.execute(f"SELECT count(*) FROM ({rows.select}) AS rows WHERE {where or 'true'}")
        unread = sum(row[0] for row in counted.fetchall())
    if not table.old and not table.new:
        return TableDiff(table.name, 0, 0, 0, unread, tuple(key))
    old, new = (_open_paths(connection, scratch, table.name, parts) for parts in (table.old, table.new))
    if not old.types and not new.types:
        return TableDiff(table.name, 0, 0, 0, unread, tuple(key))
    old, new = (side if side.types else _empty_side(other) for side, other in ((old, new), (new, old)))
    found = compare_sides(connection, old, new, key=key, where=where, limit=limit)
    return replace(found, unchanged=found.unchanged + unread)


def _empty_side(other: Side) -> Side:
    """No rows, in the columns of the other side."""
    return replace(other, select=f"SELECT * FROM ({other.select}) LIMIT 0", notes=())


def _open_paths(connection: duckdb.DuckDBPyConnection, scratch: Path, name: str, parts: Sequence[Part]) -> Side:
    """The rows of some files, each told by its content, ragged CSV read as it is; an empty file has none."""
    sides = [_open_part(connection, scratch, part) for part in parts if part.file.stat().st_size]
    if not sides:
        return Side(name, "SELECT NULL WHERE false", {})
    if len(sides) == 1:
        return replace(sides[0], name=name)
    select = " UNION ALL BY NAME ".join(side.select for side in sides)
    notes = [f"{side.name}: {note}" for side in sides for note in side.notes]
    return Side(
        name, select, read_types(connection, select), untyped=all(side.untyped for side in sides),
        inferred=any(side.inferred for side in sides), notes=notes,
    )  # fmt: skip


def _open_part(connection: duckdb.DuckDBPyConnection, scratch: Path, part: Part) -> Side:
    """The rows of one file.

    Raises:
        FileError: it is no table; the message has its path in the project, not that of its object.
    """
    try:
        return open_file(connection, part.file, scratch)
    except FileError as error:
        told = str(error).replace(str(part.file), part.path)
        raise FileError(f"{told}; --table compares others without it") from None
