"""Turns the columns that are wanted of any Parquet, JSON Lines, JSON or CSV file into a frame, in the file's order.

polars reads what it can. What it refuses is read again row by row, so that the error names the line.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from pipelines.sources.faults import IngestError

_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"


def read_columns(path: Path, wanted: Sequence[str] | None = None) -> pl.DataFrame:
    """The wanted columns, or all.

    Raises:
        IngestError: the file can't be read, or lacks a column; names the place and the mend.
    """
    head = _read_head(path)
    if head == _PARQUET:
        return _read_parquet(path, wanted)
    frame = None if head[:2] == _GZIP else _read_text(path, head)
    frame = _read_row_by_row(path) if frame is None else frame
    _check_columns(path, frame.columns, wanted)
    return frame if wanted is None else frame.select(wanted)


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except FileNotFoundError:
        raise IngestError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise IngestError(f"{path}: cannot be read ({error.strerror}); name one file") from None


def _read_parquet(path: Path, wanted: Sequence[str] | None) -> pl.DataFrame:
    try:
        _check_columns(path, list(pl.read_parquet_schema(path)), wanted)
        return pl.read_parquet(path, columns=None if wanted is None else list(wanted), hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        said = str(error).splitlines()[0]
        raise IngestError(f"{path}: the Parquet data is cut short or damaged ({said}); write it again") from None


def _read_text(path: Path, head: bytes) -> pl.DataFrame | None:
    """What polars makes of JSON Lines or CSV; None where it is neither, or broken."""
    try:
        if head.lstrip()[:1] == b"{":
            return pl.read_ndjson(path, infer_schema_length=None)
        if path.suffix.lower() in (".csv", ".tsv"):
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            return pl.read_csv(path, separator=separator, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError, ValueError):
        pass
    return None


def _read_row_by_row(path: Path) -> pl.DataFrame:
    from pipelines.sources.reading import read_file, read_rows

    file = read_file(path)
    rows = []
    for row in read_rows(file):
        if row.fault:
            raise IngestError(f"{path}, line {row.line}: {row.fault.detail}; {row.fault.mend}")
        rows.append(row.value)
    return pl.DataFrame(rows, infer_schema_length=None, strict=False)


def _check_columns(path: Path, present: Sequence[str], wanted: Sequence[str] | None) -> None:
    for name in wanted or ():
        if name not in present:
            raise IngestError(f"{path}: there is no column {name}; there are {', '.join(present)}")
