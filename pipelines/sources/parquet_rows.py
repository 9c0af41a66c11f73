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
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        said = "".join(letter if letter.isprintable() else " " for letter in str(error))[:200]
        what = f"the Parquet data is cut short or damaged after row {number} ({said})"
        raise IngestError(f"{file.name}: {what}; fetch or write it again") from None


def _list_values(batch: "pa.RecordBatch") -> Iterator[tuple[Any, str | None]]:
    """Each row's value; or none, and its texts, where one of them is no UTF-8."""
    try:
        yield from ((to_plain(value), None) for value in batch.to_pylist())
    except UnicodeDecodeError:
        for place in range(batch.num_rows):
            row = batch.slice(place, 1)
            try:
                yield to_plain(row.to_pylist()[0]), None
            except UnicodeDecodeError:
                yield None, _spell_texts(row)


def _spell_texts(row: "pa.RecordBatch") -> str:
    """The texts of one row, with `\\xff` for each byte that is no UTF-8."""
    import pyarrow as pa

    texts = {
        name: column.cast(pa.binary())[0].as_py()
        for name, column in zip(row.schema.names, row.columns, strict=True)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    }
    return str({name: text and text.decode("utf-8", "backslashreplace") for name, text in texts.items()})


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
