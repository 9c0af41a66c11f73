"""Turns a Parquet file into rows as JSON would hold them."""

import base64
import datetime
import io
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipelines.sources.faults import IngestError, RowFaultError
from pipelines.sources.files import UTF8_MEND, SourceFile, SourceRow

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 1024


def read_parquet(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows: dates and times as ISO text, decimals as numbers, maps as objects.

    A null stands for an absent field too: a Parquet column cannot leave one out.

    Raises:
        IngestError: the file is damaged, or names a column twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        stored = pq.ParquetFile(io.BytesIO(file.content))
        names = stored.schema_arrow.names
        repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if repeated is not None:
            raise IngestError(f"{file.name}: names the column {repeated!r} twice; write it again with one of them")
        for batch in stored.iter_batches(BATCH_ROWS):
            for value, raw in _list_values(batch):
                number += 1
                fault = None if raw is None else RowFaultError("not_utf8", "a text of the row is no UTF-8", UTF8_MEND)
                yield SourceRow(number, number, raw, value, fault)
    except IngestError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        said = "".join(letter if letter.isprintable() else " " for letter in str(error))[:200]
        what = f"the Parquet data is cut short or damaged after row {number} ({said})"
        raise IngestError(f"{file.name}: {what}; fetch or write it again") from None


def _list_values(batch: "pa.RecordBatch") -> Iterator[tuple[Any, str | None]]:
    """Each row's value; or none, and what can be read of it, where one of its texts is no UTF-8."""
    try:
        yield from ((to_plain(value), None) for value in _to_python(batch))
    except UnicodeDecodeError:
        for place in range(batch.num_rows):
            row = batch.slice(place, 1)
            try:
                yield to_plain(_to_python(row)[0]), None
            except UnicodeDecodeError:
                yield None, _spell_values(row)


def _to_python(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
    """Rows as Python has them; of dates and times that it cannot hold, inside lists and objects too, Arrow's text."""
    try:
        return batch.to_pylist()
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError):
        columns = [[_read_cell(cell) for cell in column] for column in batch.columns]
        return [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _read_cell(cell: "pa.Scalar") -> Any:
    import pyarrow as pa

    try:
        return cell.as_py()
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError):
        if isinstance(cell, pa.StructScalar):
            return {name: _read_cell(item) for name, item in cell.items()}
        if isinstance(cell, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
            return [_read_cell(item) for item in cell.values]
        return cell.cast(pa.string()).as_py()


def _spell_values(row: "pa.RecordBatch") -> str:
    """The values of one row, its texts with `\\xff` for each byte that is no UTF-8."""
    import pyarrow as pa

    spelt: dict[str, Any] = {}
    for name, column in zip(row.schema.names, row.columns, strict=True):
        try:
            spelt[name] = to_plain(_to_python(pa.RecordBatch.from_arrays([column], names=[name]))[0][name])
        except UnicodeDecodeError:
            flat = not pa.types.is_nested(column.type)
            said = column.cast(pa.binary())[0].as_py() if flat else b"a list or object with a text that is no UTF-8"
            spelt[name] = said.decode("utf-8", "backslashreplace")
    return str(spelt)


def to_plain(value: Any) -> Any:
    """A value as JSON would hold it; bytes, which it cannot, become `{"base64": ...}`."""
    match value:
        case str() | int() | float() | None:
            return value
        case dict():
            return {key: to_plain(item) for key, item in value.items()}
        case list():
            if value and all(isinstance(item, tuple) for item in value):
                return {str(key): to_plain(item) for key, item in value}
            return [to_plain(item) for item in value]
        case datetime.date() | datetime.time():
            return value.isoformat()
        case datetime.timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return {"base64": base64.b64encode(value).decode()}
        case _:
            return math.nan if value != value else str(value)
