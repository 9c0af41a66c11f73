"""Turns objects that hold many rows, such as `{"data": [...]}`, into those rows."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.files import SourceRow
from pipelines.sources.importing import Format
from pipelines.sources.json_rows import PlacedObject, name_type


def list_rows(rows: Iterable[SourceRow], format_: Format) -> Iterator[SourceRow]:
    """Rows with each object that the format knows to hold rows replaced by them, all numbered anew."""
    number = 0
    for row in rows:
        inside = format_.list_rows(row.value) if format_.list_rows and row.fault is None else None
        if inside is None:
            number += 1
            yield SourceRow(number, row.line, row.raw, row.value, row.fault)
            continue
        for value in inside:
            number += 1
            if isinstance(value, Mapping):
                yield SourceRow(number, _find_line(value, row.line), None, value)
            else:
                fault = RowFaultError("not_an_object", f"the row is {name_type(value)}", "write each row as {...}")
                yield SourceRow(number, row.line, json.dumps(value, default=str), None, fault)


def _find_line(value: Mapping[str, Any], line: int) -> int:
    """The line a row begins in: its own, or that of an object in it; else the one that the whole begins in."""
    placed = (part for part in (value, *value.values()) if isinstance(part, PlacedObject))
    return next((part.line for part in placed), line)
