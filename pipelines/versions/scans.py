"""Turns files of data and names into the SQL that reads them: quoted, with each shared file scanned once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pipelines.versions.contents import Part
from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

_PARQUET = "union_by_name = true, hive_partitioning = false"
_SNIFFED = "union_by_name = true, hive_partitioning = false, sample_size = -1"
_JSON = f"{_SNIFFED}, maximum_object_size = 1073741824"
READERS = {
    ".parquet": ("read_parquet", _PARQUET),
    ".jsonl": ("read_json", f"{_JSON}, format = 'newline_delimited'"),
    ".ndjson": ("read_json", f"{_JSON}, format = 'newline_delimited'"),
    ".json": ("read_json", f"{_JSON}, format = 'auto'"),
    ".csv": ("read_csv", _SNIFFED),
    ".tsv": ("read_csv", f"{_SNIFFED}, delim = '\t'"),
}
"""Function and options by a path's suffix; objects of the cache have none, so nothing can be left to be guessed."""
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}


class ScanError(UserError):
    """Files that no SQL can read as one table; the message names them."""


def quote_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def list_texts(texts: Iterable[str]) -> str:
    """Texts as an SQL list."""
    return f"[{', '.join(quote_text(text) for text in texts)}]"


def split_suffix(path: str) -> tuple[str, str | None]:
    """Suffix that says a path's format, and its compression."""
    suffixes = [part.lower() for part in path.rpartition("/")[2].split(".")[1:]]
    compression = COMPRESSIONS.get(f".{suffixes[-1]}") if suffixes else None
    if compression is not None:
        suffixes.pop()
    return (f".{suffixes[-1]}" if suffixes else ""), compression


def is_readable(path: str) -> bool:
    """Whether a file is Parquet, JSON or CSV by its name."""
    suffix, compression = split_suffix(path)
    return suffix in READERS and not (suffix == ".parquet" and compression)


def scan_parts(parts: Sequence[Part], name: str) -> str:
    """The SELECT over all rows of some files.

    Raises:
        ScanError: none of them can be read, or they are of several formats.
    """
    readable = [part for part in parts if is_readable(part.path)]
    formats = {split_suffix(part.path) for part in readable}
    if not readable:
        raise ScanError(f"{name}: no Parquet, JSON or CSV in it, so it is no table")
    if len(formats) > 1:
        named = ", ".join(sorted(part.path for part in readable)[:4])
        raise ScanError(f"{name}: files of several formats in it; name one of them: {named}")
    [(suffix, compression)] = formats
    function, options = READERS[suffix]
    if compression is not None:
        options += f", compression = {quote_text(compression)}"
    return f"SELECT * FROM {function}({list_texts(str(part.file) for part in readable)}, {options})"


def scan_revisions(held: Mapping[str, Sequence[Part]], name: str) -> str:
    """The SELECT over a table's rows at several revisions, `revision` first; each file is read once.

    Files that the same revisions hold are one scan, whose rows are then repeated for each of these.
    """
    return " UNION ALL BY NAME ".join(
        f"SELECT held.revision, part.* FROM (SELECT unnest({list_texts(revisions)}) AS revision) AS held"
        f" CROSS JOIN ({scan_parts(some, name)}) AS part"
        for revisions, some in group_parts(held).items()
    )


def scan_segments(held: Mapping[str, Sequence[Part]], name: str) -> tuple[str, str]:
    """A table's rows once, with the `segment` of files that they are in, and the revisions that hold each segment."""
    shared = group_parts(held)
    rows = (
        f"SELECT {place} AS segment, * FROM ({scan_parts(some, name)})" for place, some in enumerate(shared.values())
    )
    holders = (f"({place}, {quote_text(revision)})" for place, some in enumerate(shared) for revision in some)
    return " UNION ALL BY NAME ".join(rows), f"SELECT * FROM (VALUES {', '.join(holders)}) AS held(segment, revision)"


def group_parts(held: Mapping[str, Sequence[Part]]) -> dict[tuple[str, ...], list[Part]]:
    """Files of several revisions by the revisions that hold them; equal ones once."""
    holders: dict[str, list[str]] = {}
    parts: dict[str, Part] = {}
    for revision, some in held.items():
        for part in some:
            holders.setdefault(part.identity, []).append(revision)
            parts[part.identity] = part
    shared: dict[tuple[str, ...], list[Part]] = {}
    for identity, revisions in holders.items():
        shared.setdefault(tuple(dict.fromkeys(revisions)), []).append(parts[identity])
    return shared


def empty_scan(table: str) -> str | None:
    """A SELECT of no rows with a table's columns, for a revision older than the table; None if there is no such."""
    from schemas.tables import TABLES

    if table not in TABLES:
        return None
    columns = ", ".join(f"NULL::{name_type(dtype)} AS {quote_name(c)}" for c, dtype in TABLES[table].columns.items())
    return f"SELECT {columns} WHERE false"


def pad_scan(scan: str, table: str, *, revision: bool = False) -> str:
    """A scan with every column that the table has by now, null where its files are older than the column."""
    empty = empty_scan(table)
    if empty is None:
        return scan
    first = "NULL::VARCHAR AS revision, " if revision else ""
    return f"SELECT {first}* FROM ({empty}) UNION ALL BY NAME {scan}"


def name_type(dtype: "pl.DataType") -> str:
    """DuckDB's name of a column type."""
    import polars as pl

    if isinstance(dtype, pl.List):
        return f"{name_type(dtype.inner)}[]"  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        fields = ", ".join(f"{quote_name(f.name)} {name_type(f.dtype)}" for f in dtype.fields)  # type: ignore[arg-type]
        return f"STRUCT({fields})"
    names = ((pl.String, "VARCHAR"), (pl.Int64, "BIGINT"), (pl.Float64, "DOUBLE"), (pl.Boolean, "BOOLEAN"))
    return next((name for known, name in names if dtype == known), "TIMESTAMP")
