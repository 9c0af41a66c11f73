"""Turns a file (JSON array, JSON Lines, one JSON object, Parquet, CSV or TSV; plain or gzipped) into numbered rows."""

from collections.abc import Iterator

from pipelines.sources.csv_rows import find_delimiter, read_separated
from pipelines.sources.faults import IngestError
from pipelines.sources.files import SourceFile, SourceRow, read_file
from pipelines.sources.json_rows import (
    holds_pairs,
    is_spread_object,
    name_type,
    read_array,
    read_lines,
    read_object,
    read_pairs,
)
from pipelines.sources.parquet_rows import read_parquet

__all__ = ["SourceFile", "SourceRow", "name_type", "read_file", "read_rows"]


def read_rows(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows of a file, told by its content; blank lines are no rows.

    A bad row of JSON Lines or CSV is a row with a fault. A JSON array or object cannot be read past a fault. An object
    over several lines is one row; where a format lists rows inside it, `list_rows` takes them out.

    Raises:
        IngestError: the file is of no kind read here, or cannot be read past a place; names line and column.
    """
    if file.is_parquet:
        return read_parquet(file)
    first = file.content.lstrip()[:1]
    if first == b"[":
        return read_pairs(file) if holds_pairs(file) else read_array(file)
    if first == b"{":
        return read_object(file) if is_spread_object(file) else read_lines(file)
    delimiter = find_delimiter(file)
    if delimiter is not None:
        return read_separated(file, delimiter)
    line = file.content[: len(file.content) - len(file.content.lstrip())].count(b"\n") + 1
    begins = file.content.lstrip()[:20].split(b"\n")[0].decode("utf-8", "backslashreplace").replace("\0", "\\0")
    what = f"neither rows of JSON, Parquet nor a CSV with a header (begins with {begins!r})"
    raise IngestError(f"{file.name}, line {line}: {what}; export it as one of them")
