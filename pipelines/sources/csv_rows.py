"""Turns a CSV or TSV file with a header into rows; a line that breaks its rules is a row with a fault."""

import csv
import io
import sys
from collections.abc import Iterator

from pipelines.sources.faults import IngestError, RowFaultError
from pipelines.sources.files import UTF8_MEND, SourceFile, SourceRow

DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon"}
SEPARATED_NAMES = (".csv", ".tsv")


def find_delimiter(file: SourceFile) -> str | None:
    """The delimiter that splits the header into most columns; None where the file does not look like CSV."""
    head = file.content.lstrip(b"\r\n")[:65536].decode("utf-8", "surrogateescape")
    lines = list(io.StringIO(head, newline=""))
    counts = {}
    for delimiter in DELIMITERS:
        try:
            counts[delimiter] = len(next(csv.reader(lines, delimiter=delimiter), []))
        except csv.Error:
            counts[delimiter] = 0
    best = max(counts, key=lambda delimiter: counts[delimiter])
    named = file.name.removesuffix(".gz").lower().endswith(SEPARATED_NAMES)
    return best if counts[best] > 1 or named else None


def read_separated(file: SourceFile, delimiter: str) -> Iterator[SourceRow]:
    """Yield the rows below the header, each a mapping of column to text; blank lines are no rows.

    In a TSV a quotation mark may be plain text (MultiNLI) or may quote (spreadsheets): it is read as quoting
    unless that breaks rows which are whole when it is plain text.

    Raises:
        IngestError: the header names no columns or one twice, or a quoted field never ends; names the line.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = list(io.StringIO(file.content.decode("utf-8", "surrogateescape"), newline=""))
    if delimiter != "\t":
        yield from _parse(file.name, lines, delimiter, quoting=True)
        return
    try:
        quoted = list(_parse(file.name, lines, delimiter, quoting=True))
        faults = sum(row.fault is not None for row in quoted)
        if not faults:
            yield from quoted
            return
    except IngestError:
        quoted, faults = [], len(lines) + 1
    plain = list(_parse(file.name, lines, delimiter, quoting=False))
    yield from plain if sum(row.fault is not None for row in plain) < faults else quoted


def _parse(name: str, lines: list[str], delimiter: str, *, quoting: bool) -> Iterator[SourceRow]:
    how = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=how)  # type: ignore[arg-type]
    header: list[str] | None = None
    number = 0
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader, None)
            fault = None
        except csv.Error as error:
            fields, fault = [], _explain_quotes(name, error, start, reader.line_num)
        if fields is None:
            return
        if fault is None and not "".join(fields).strip() and len(fields) <= 1:
            continue
        if header is None:
            header = _check_header(name, start, fields, fault, delimiter)
            continue
        number += 1
        raw = "".join(lines[start - 1 : reader.line_num]).rstrip("\r\n")
        fault = fault or _find_fault(header, fields, raw, delimiter)
        value = None if fault else dict(zip(header, fields, strict=True))
        yield SourceRow(number, start, _storable(raw), value, fault)


def _check_header(name: str, line: int, header: list[str], fault: RowFaultError | None, delimiter: str) -> list[str]:
    where = f"{name}, line {line}: the header"
    if fault:
        raise IngestError(f"{where}: {fault.detail}; {fault.mend}")
    try:
        "".join(header).encode("utf-8")
    except UnicodeEncodeError:
        raise IngestError(f"{where} is not UTF-8; {UTF8_MEND}") from None
    if "\0" in "".join(header):
        raise IngestError(f"{where} holds a NUL character; take it out")
    repeated = next((column for i, column in enumerate(header) if column in header[:i]), None)
    if repeated is not None:
        what = f"names the column {repeated!r} twice" if repeated.strip() else "leaves several columns without a name"
        mend = f"give each column a name of its own (columns are split at each {DELIMITERS[delimiter]})"
        raise IngestError(f"{where} {what}; {mend}")
    return header


def _explain_quotes(name: str, error: csv.Error, start: int, end: int) -> RowFaultError:
    """A misplaced quotation mark spoils its row; where the row has run on over lines, nobody knows where it ends."""
    mend = 'double a quotation mark inside a quoted field ("")'
    if end == start and "end of data" not in str(error):
        return RowFaultError("broken_quotes", "text follows a closing quotation mark", mend)
    what = "a quoted field never closes" if "end of data" in str(error) else f"line {end} breaks a quoted field"
    raise IngestError(
        f"{name}, line {start}: in the row that begins here {what}; {mend}; nothing was taken in"
    ) from None


def _find_fault(header: list[str], fields: list[str], raw: str, delimiter: str) -> RowFaultError | None:
    if len(fields) != len(header):
        detail = f"the row has {len(fields)} fields, the header has {len(header)}"
        return RowFaultError("ragged_row", detail, f"quote each field that holds a {DELIMITERS[delimiter]}")
    if fields == header:
        return RowFaultError("repeated_header", "the row is the header again", "remove the line")
    if "\0" in raw:
        return RowFaultError("nul_character", "the row holds a NUL character", "mend or remove the line")
    if not _is_utf8(raw):
        return RowFaultError("not_utf8", "the row holds bytes that are no UTF-8", UTF8_MEND)
    return None


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _storable(raw: str) -> str:
    return raw if _is_utf8(raw) else raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
