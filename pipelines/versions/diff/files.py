"""Turns any file (Parquet, JSON, JSON Lines or CSV; plain or gzipped) into rows that SQL reads, told by its content."""

import csv
import gzip
import io
import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from pipelines.versions.diff.sides import DATES, Side, read_types
from pipelines.versions.names import shorten_fault
from pipelines.versions.scans import list_texts, quote_name, quote_text
from schemas.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
EXTRA = "further fields"
"""Column for what a row of a CSV has beyond its header."""
CSV_ROWS = 8192
OBJECT_BYTES = (1 << 24, 1 << 30)
"""The longest row of JSON that is expected, and that is read at all: buffers are as long."""


class FileError(UserError):
    """A file whose rows cannot be read; the message names it and the place."""


def open_file(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Side:
    """The rows of a file.

    Args:
        scratch: a folder for what has to be rewritten to be read.

    Raises:
        FileError: it is missing, empty, or no table that is read here.
    """
    head = read_head(path)
    if not head.strip():
        raise FileError(f"{path}: the file is empty; check how it was made or fetched")
    try:
        if head.startswith(PARQUET):
            return open_parquet(connection, [path])
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            return _open_json(connection, path, packed=_is_packed(path))
    except duckdb.Error as error:
        raise FileError(f"{path}: {_explain(path, error)}") from None
    if ".parquet" in path.suffixes:
        raise FileError(f"{path}: no Parquet, though it is called so; check how it was made or fetched")
    return _open_csv(connection, path, scratch)


def read_head(path: Path) -> bytes:
    """A file's first bytes, unpacked.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with open_bytes(path) as file:
            return file.read(65536)
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file; check the path") from None
    except (OSError, EOFError) as error:
        raise FileError(f"{path}: cannot be read ({error})") from None


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """A file's bytes, unpacked where it is gzipped."""
    return gzip.open(path) if _is_packed(path) else path.open("rb")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP


def open_parquet(connection: duckdb.DuckDBPyConnection, paths: list[Path]) -> Side:
    """The rows of Parquet files, one after the other."""
    files = list_texts(str(path) for path in paths)
    select = f"SELECT * FROM read_parquet({files}, union_by_name = true, hive_partitioning = false)"
    return Side(paths[0].name, select, read_types(connection, select))


def _open_json(connection: duckdb.DuckDBPyConnection, path: Path, *, packed: bool) -> Side:
    for size in OBJECT_BYTES:
        options = f"maximum_object_size = {size}, sample_size = -1, compression = '{'gzip' if packed else 'none'}'"
        file = quote_text(str(path))
        try:
            guessed = f"SELECT * FROM read_json({file}, {options})"
            types = read_types(connection, guessed)
            # texts that look like dates stay as they are: else 2024-1-1 would equal 2024-01-01
            types = {name: "VARCHAR" if type_.startswith(DATES) else type_ for name, type_ in types.items()}
            listed = ", ".join(f"{quote_name(name)}: {quote_text(type_)}" for name, type_ in types.items())
            select = f"SELECT * FROM read_json({file}, {options}, columns = {{{listed}}})"
            return Side(path.name, select, types, inferred=True)
        except duckdb.Error as error:
            if "maximum_object_size" not in str(error) or size == OBJECT_BYTES[-1]:
                raise
    raise AssertionError


def _explain(path: Path, error: Exception) -> str:
    """Our own reader's words for what is wrong with a file where it finds it, else DuckDB's."""
    from pipelines.sources.faults import IngestError
    from pipelines.sources.reading import read_file, read_rows

    try:
        for row in read_rows(read_file(path)):
            if row.fault is not None:
                return f"line {row.line}: {row.fault.detail}; {row.fault.mend}"
    except IngestError as fault:
        return str(fault).removeprefix(f"{path.name}, ")
    return shorten_fault(error)


def _open_csv(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> Side:
    """A CSV is rewritten as Parquet by Python's reader: DuckDB's joins, cuts or refuses rows of another length."""
    import pyarrow.parquet as pq

    rows = _read_csv(path)
    header = next(rows, None)
    if header is None:
        raise FileError(f"{path}: the file has no header; check how it was made")
    names = _name_header(header)
    written = scratch / f"{len(list(scratch.iterdir()))}.parquet"
    ragged = Ragged(len(names))
    columns = [*names, EXTRA]
    with pq.ParquetWriter(written, _text_schema(columns), compression="lz4") as writer:
        for number in itertools.count():
            batch = [ragged.fit(row, number * CSV_ROWS + place) for place, row in
                     enumerate(itertools.islice(rows, CSV_ROWS))]  # fmt: skip
            if not batch:
                break
            writer.write_batch(_as_batch(batch, columns))
    kept = ", ".join(quote_name(name) for name in (columns if ragged.longer else names))
    select = f"SELECT {kept} FROM read_parquet({quote_text(str(written))})"
    return Side(path.name, select, read_types(connection, select), untyped=True, notes=ragged.notes)


def _text_schema(columns: list[str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in columns])


def _as_batch(rows: list[list[str | None]], columns: list[str]) -> "pa.RecordBatch":
    import pyarrow as pa

    arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=_text_schema(columns))


def fill_extra(old: Side, new: Side) -> tuple[Side, Side]:
    """Both sides with the column of further fields where one has it: rows too long are no change of the columns."""
    if (EXTRA in old.types) == (EXTRA in new.types):
        return old, new
    filled = [
        side if EXTRA in side.types else replace(
            side, select=f"SELECT *, CAST(NULL AS VARCHAR) AS {quote_name(EXTRA)} FROM ({side.select})",
            types={**side.types, EXTRA: "VARCHAR"},
        )
        for side in (old, new)
    ]  # fmt: skip
    return filled[0], filled[1]


class Ragged:
    """Fits rows of a CSV to its header, and counts those that do not fit."""

    def __init__(self, width: int) -> None:
        self.width, self.longer, self.shorter = width, 0, 0
        self.first = 0

    def fit(self, row: list[str], number: int) -> list[str | None]:
        """The row with a null for each missing field, and what it has too much at its end as one CSV row."""
        missing = self.width - len(row)
        if missing and not self.longer and not self.shorter:
            self.first = number + 1
        self.longer, self.shorter = self.longer + (missing < 0), self.shorter + (missing > 0)
        if missing >= 0:
            return [*row, *[None] * (missing + 1)]
        return [*row[: self.width], _write_row(row[self.width :])]

    @property
    def notes(self) -> tuple[str, ...]:
        """Words about the rows that did not fit."""
        if not self.longer and not self.shorter:
            return ()
        kinds = [
            *([f"{self.longer} rows have more fields than the header"] if self.longer else []),
            *([f"{self.shorter} have fewer"] if self.shorter else []),
        ]
        return (f"{' and '.join(kinds)}, first row {self.first}: compared with what they have",)


def _write_row(fields: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(fields)
    return out.getvalue()


def _read_csv(path: Path) -> Iterator[list[str]]:
    """The rows of a CSV with its header, blank lines left out; bytes that are no UTF-8 as \\xNN."""
    from pipelines.sources.csv_rows import find_delimiter
    from pipelines.sources.files import SourceFile

    head = read_head(path)
    delimiter = find_delimiter(SourceFile(path.name, "", head)) or ("\t" if ".tsv" in path.suffixes else ",")
    if b"\0" in head:
        raise FileError(f"{path}: neither Parquet, JSON nor CSV; export it as one of them")
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with open_bytes(path) as file, io.TextIOWrapper(
        file, encoding="utf-8-sig", errors="backslashreplace", newline=""
    ) as text:  # fmt: skip
        reader = csv.reader(text, delimiter=delimiter)
        try:
            yield from (row for row in reader if row)
        except (csv.Error, EOFError, OSError) as error:
            raise FileError(f"{path}, line {reader.line_num}: {error}") from None


def _name_header(header: list[str]) -> list[str]:
    """Names of the columns; a repeated one is numbered."""
    from pipelines.versions.results import name_columns

    return name_columns([name if name.strip() else f"column {place}" for place, name in enumerate(header, 1)])
