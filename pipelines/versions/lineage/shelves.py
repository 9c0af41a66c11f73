"""Looks rows up by a column in the files of every tagged turn and of the workspace, each shared file read once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.versions.catalog import INSTANTS
from pipelines.versions.contents import WORKSPACE, Contents, Part, read_workspace
from pipelines.versions.revisions import RevisionError
from pipelines.versions.safety.lineage import list_weights
from pipelines.versions.safety.links import list_files
from pipelines.versions.scans import list_texts, quote_name
from pipelines.versions.turn_tables import list_turns

if TYPE_CHECKING:
    import duckdb

PAST = "data/past/"
FEW = 4
"""Up to so many values of a file are looked up one by one: of an equality DuckDB reads the other columns only where it
holds, of a list of values all of them."""


@dataclass(frozen=True)
class Found:
    """A row, and every revision that holds it as it is."""

    row: Mapping[str, Any]
    revisions: tuple[str, ...]

    def __getitem__(self, column: str) -> Any:
        return self.row.get(column)


@dataclass(frozen=True)
class Shelves:
    """The tables of all turns."""

    root: Path
    contents: Mapping[str, Contents]
    """By the name of their revision, oldest first, the workspace last."""
    notes: list[str] = field(default_factory=list)
    """What could not be looked at."""
    _known: dict[tuple[str, str, str], list[Found]] = field(default_factory=dict)

    @property
    def revisions(self) -> list[str]:
        """Names of the revisions, oldest first."""
        return list(self.contents)

    @cached_property
    def connection(self) -> "duckdb.DuckDBPyConnection":
        """Where lookups run."""
        from pipelines.versions.connection import open_connection

        connection = open_connection()
        connection.execute("SET parquet_metadata_cache = true")
        return connection

    @cached_property
    def _files(self) -> dict[str, dict[str, list[str]]]:
        """Revisions by file, by table."""
        files: dict[str, dict[str, list[str]]] = {}
        missing: dict[str, set[str]] = {}
        for name, contents in self.contents.items():
            for table, parts in contents.tables.items():
                for part in parts:
                    file = self._locate(contents, part)
                    if file is None:
                        missing.setdefault(name, set()).add(table)
                    else:
                        files.setdefault(table, {}).setdefault(str(file), []).append(name)
        for name, tables in missing.items():
            self.notes.append(f"{name}: {', '.join(sorted(tables))} not looked at, not in the cache: `flywheel verify`")
        return files

    def _locate(self, contents: Contents, part: Part) -> Path | None:
        """Where to read a part; past rows of the workspace are those of the cache, so that turns share them."""
        if part.data is None and part.path.startswith(PAST):
            kept = self._kept.get(part.path)
            if kept is not None and kept.exists() and kept.stat().st_size == part.file.stat().st_size:
                return kept
        return part.file if part.data is None or part.file.exists() else None

    @cached_property
    def _kept(self) -> dict[str, Path]:
        """Objects of what the workspace's dvc.lock says of data/past."""
        contents = self.contents[WORKSPACE]
        locate = contents.revision.cache.locate
        return {path: locate(file.md5, legacy=file.legacy) for path, file in list_files(contents, "data/past").items()}

    def list_files(self, table: str, revision: str) -> list[str]:
        """Files of a table at one revision."""
        return [file for file, names in self._files.get(table, {}).items() if revision in names]

    def look_up(self, table: str, column: str, values: Iterable[str], *, prefix: bool = False) -> list[Found]:
        """Rows of a table with one of some values in a column, or with a value that starts with one.

        Rows of equal content come once; what was looked up before, or gathered, is not read again.
        """
        wanted = list(dict.fromkeys(values))
        if prefix:
            found = self._read(table, column, wanted, prefix=True)
            self.remember(table, column, found)
            return found
        self.gather(table, column, wanted)
        return [each for value in wanted for each in self._known[table, column, value]]

    def remember(self, table: str, column: str, found: Iterable[Found]) -> None:
        """Keep rows for lookups to come: all that there are with their values in a column."""
        rows: dict[str, list[Found]] = {}
        for each in found:
            rows.setdefault(each[column], []).append(each)
        for value, some in rows.items():
            self._known.setdefault((table, column, value), some)

    def gather(self, table: str, column: str, values: Iterable[str]) -> None:
        """Read the rows with some values at once, for lookups to come: each query opens every file anew."""
        new = [value for value in dict.fromkeys(values) if (table, column, value) not in self._known]
        for value in new:
            self._known[table, column, value] = []
        for each in self._read(table, column, new):
            self._known[table, column, each[column]].append(each)

    def _read(self, table: str, column: str, values: Sequence[str], *, prefix: bool = False) -> list[Found]:
        files = list(self._files.get(table, {}))
        if not values or not files:
            return []
        name = quote_name(column)
        if prefix:  # a range skips row groups by their statistics, starts_with does not
            return self._merge(table, self._select(table, files, f"{name} >= ? AND {name} < ? || 'g'", [*values] * 2))
        if len(values) == 1:
            return self._merge(table, self._select(table, files, f"{name} = ?", values))
        rows: list[dict[str, Any]] = []
        for file, held in self._find_holders(table, name, values).items():
            if len(held) > FEW:
                rows += self._select(table, [file], f"{name} IN ({', '.join('?' * len(held))})", held)
            else:
                rows += [row for value in held for row in self._select(table, [file], f"{name} = ?", [value])]
        return self._merge(table, rows)

    def _find_holders(self, table: str, name: str, values: Sequence[str]) -> dict[str, list[str]]:
        """Which of some values each file has in a column, that column alone being read."""
        query = (
            f"SELECT DISTINCT filename, {name} FROM read_parquet({list_texts(self._files[table])},"
            f" hive_partitioning = false, filename = true) WHERE {name} IN ({', '.join('?' * len(values))})"
        )
        found: dict[str, list[str]] = {}
        for file, value in sorted(self.connection.execute(query, list(values)).fetchall()):
            found.setdefault(file, []).append(value)
        return found

    def _select(self, table: str, files: Sequence[str], test: str, values: Sequence[str]) -> list[dict[str, Any]]:
        query = (
            f"SELECT {_list_columns(table)} FROM read_parquet({list_texts(files)}, union_by_name = true,"
            f" hive_partitioning = false, filename = 'flywheel_file') WHERE {test}"
        )
        cursor = self.connection.execute(query, list(values))
        names = [description[0] for description in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _merge(self, table: str, rows: Sequence[dict[str, Any]]) -> list[Found]:
        merged: dict[str, tuple[dict[str, Any], set[str]]] = {}
        for row in rows:
            holders = self._files[table][row.pop("flywheel_file")]
            merged.setdefault(repr(row), (row, set()))[1].update(holders)
        order = self.revisions
        return [Found(row, tuple(name for name in order if name in names)) for row, names in merged.values()]

    @cached_property
    def models(self) -> dict[str, list[tuple[str, str]]]:
        """Where each model lies: (revision, path) by the md5 of its weights."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, contents in self.contents.items():
            for folder, md5 in list_weights(list_files(contents, "models")).items():
                found.setdefault(md5, []).append((name, folder))
        return found

    def name_model(self, md5: str) -> str | None:
        """A model in words: the first turn that made it, and as what; None for one from elsewhere."""
        places = [(name, path) for name, path in self.models.get(md5, []) if not path.startswith("models/start/")]
        first = (places or self.models.get(md5, []))[:1]
        return f"{first[0][1]} of {first[0][0]}" if first else None


def _list_columns(table: str) -> str:
    """All columns; an instant as text, since Python would need one more library for it."""
    if table not in INSTANTS:
        return "*"
    column = quote_name(INSTANTS[table])
    return f"* REPLACE (strftime({column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') AS {column})"


def open_shelves(root: Path) -> Shelves:
    """The tables of all tagged turns and of the workspace; nothing is fetched."""
    contents: dict[str, Contents] = {}
    notes: list[str] = []
    for turn in list_turns(root):
        try:
            turn.contents.tables  # noqa: B018  # reads the listings of directories
        except RevisionError as error:
            notes.append(str(error))
            continue
        contents[turn.tag] = turn.contents
    return Shelves(root, contents | {WORKSPACE: read_workspace(root)}, notes)
