"""Sorts the files of a table at two revisions into those that both have, which are never read, and the rest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelines.versions.contents import Contents, Part, fetch_parts
from pipelines.versions.diff.sides import Side, read_types
from pipelines.versions.scans import empty_scan, is_readable, list_texts, scan_parts

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class PartedTable:
    """The files of one table at two revisions."""

    name: str
    old: Sequence[Part]
    """Those that only the old revision has."""
    new: Sequence[Part]
    shared: Sequence[Part]

    @property
    def all_old(self) -> list[Part]:
        """Every file at the old revision."""
        return [*self.shared, *self.old]

    @property
    def all_new(self) -> list[Part]:
        """Every file at the new revision."""
        return [*self.shared, *self.new]


def sort_parts(
    name: str, old: Contents, new: Contents, old_parts: Sequence[Part], new_parts: Sequence[Part]
) -> PartedTable:
    """Fetch what is missing, and find the files with the same bytes; files that are no data are left out."""
    old_parts, new_parts = ([part for part in parts if is_readable(part.path)] for parts in (old_parts, new_parts))
    both = {"old": old, "new": new}
    fetch_parts(both, {"old": old_parts, "new": new_parts})
    left, only_old, shared = list(new_parts), [], []
    for part in old_parts:
        same = next((other for other in left if _is_same(part, other)), None)
        if same is None:
            only_old.append(part)
        else:
            left.remove(same)
            shared.append(part)
    return PartedTable(name, only_old, left, shared)


def _is_same(old: Part, new: Part) -> bool:
    if old.data is not None and new.data is not None:
        return old.data.md5 == new.data.md5
    if old.file.stat().st_size != new.file.stat().st_size:
        return False
    return old.file.samefile(new.file) or _same_bytes(old.file, new.file)


def _same_bytes(old: Path, new: Path) -> bool:
    with old.open("rb") as first, new.open("rb") as second:
        while block := first.read(BLOCK_BYTES):
            if block != second.read(BLOCK_BYTES):
                return False
    return True


def open_sides(connection: duckdb.DuckDBPyConnection, table: PartedTable) -> tuple[Side, Side] | None:
    """The rows of the files that only one revision has; None where both have all."""
    if not table.old and not table.new:
        return None
    return open_parts(connection, table.name, table.old, table), open_parts(connection, table.name, table.new, table)


def open_parts(connection: duckdb.DuckDBPyConnection, name: str, parts: Sequence[Part], table: PartedTable) -> Side:
    """The rows of some files; with no file none, in the columns of the table's other files."""
    select = select_parts(name, parts, table)
    return Side(name, select, read_types(connection, select))


def select_parts(name: str, parts: Sequence[Part], table: PartedTable) -> str:
    """The SELECT of `open_parts`."""
    if parts:
        return scan_parts(parts, name)
    if others := [*table.shared, *table.new, *table.old]:
        return f"{scan_parts(others, name)} LIMIT 0"
    return empty_scan(name) or "SELECT NULL WHERE false"


def count_rows(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part], where: str | None = None) -> int:
    """Rows of some files, from their footers where no condition is given."""
    if not parts:
        return 0
    if where is None and all(part.path.endswith(".parquet") for part in parts):
        files = list_texts(str(part.file) for part in parts)
        [row] = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({files})").fetchall()
    else:
        rows = f"({scan_parts(parts, 'rows')}) AS rows"
        [row] = connection.execute(f"SELECT count(*) FROM {rows} WHERE {where or 'true'}").fetchall()
    return int(row[0])
