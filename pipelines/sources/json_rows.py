"""Turns JSON text (an array, JSON Lines, or one object) into rows with their row and line numbers."""

import io
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipelines.sources.faults import IngestError, RowFaultError
from pipelines.sources.files import UTF8_MEND, SourceFile, SourceRow


class PlacedObject(dict[str, Any]):
    """An object inside a larger one, that knows the line it begins in."""

    line = 1


class _RowDecoder:
    """Parses one JSON value at a time and tells when an object names a key twice, of which JSON keeps only one."""

    def __init__(self) -> None:
        self._repeated: list[str] = []
        self._decoder = json.JSONDecoder(object_pairs_hook=self._make_object)

    def _make_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            self._repeated.append(next(key for key in keys if keys.count(key) > 1))
        return made

    def decode(self, text: str, start: int = 0) -> tuple[Any, int, RowFaultError | None]:
        """The value that begins at `start`, where it ends, and what is wrong with it.

        Raises:
            json.JSONDecodeError: it is not JSON; the position is that in `text`.
        """
        self._repeated.clear()
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError:
            raise
        except RecursionError:
            raise json.JSONDecodeError("Nested too deeply", text, start) from None
        except ValueError:  # int() refuses more than 4,300 digits
            raise json.JSONDecodeError("A number has too many digits", text, start) from None
        fault = None
        if self._repeated:
            fault = _repeated_key(self._repeated[0])
        elif not isinstance(value, dict):
            fault = RowFaultError("not_an_object", f"the row is {name_type(value)}", "write each row as {...}")
        return value, end, fault


def _repeated_key(key: str) -> RowFaultError:
    return RowFaultError("repeated_key", f"the key {key!r} stands twice in one object", "keep one of the two")


def name_type(value: Any) -> str:
    """What JSON calls a value's type, with its article."""
    if isinstance(value, dict):
        return "an object"
    names = {list: "an array", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def read_lines(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows of JSON Lines; blank lines are no rows, and a bad line is a row with a fault."""
    content = file.content if b"\n" in file.content else file.content.replace(b"\r", b"\n")
    decoder, number = _RowDecoder(), 0
    for line, stored in enumerate(io.BytesIO(content), start=1):
        if not stored.strip():
            continue
        number += 1
        yield _parse_line(decoder, number, line, stored.strip())


def holds_pairs(file: SourceFile) -> bool:
    """True for JSON Lines of `[{...}, {...}]`, two objects that are one row together (WebGPT's comparisons)."""
    lines = [line for line in islice(io.BytesIO(file.content), 100) if line.strip()][:2]
    return len(lines) == 2 and all(_is_pair(line) for line in lines)


def _is_pair(line: bytes) -> bool:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and len(value) == 2 and all(isinstance(item, dict) for item in value)


def read_pairs(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows of such a file as `{"pair": [{...}, {...}]}`."""
    for row in read_lines(file):
        fault = row.fault
        if fault is None or fault.reason != "not_an_object" or row.raw is None or not _is_pair(row.raw.encode()):
            yield row
        else:
            yield SourceRow(row.number, row.line, row.raw, {"pair": json.loads(row.raw)})


def _parse_line(decoder: _RowDecoder, number: int, line: int, stored: bytes) -> SourceRow:
    try:
        raw = stored.decode("utf-8")
    except UnicodeDecodeError as error:
        raw = stored.decode("utf-8", "backslashreplace")
        detail = f"byte {error.start + 1} of the line is no UTF-8"
        return SourceRow(number, line, raw, fault=RowFaultError("not_utf8", detail, UTF8_MEND))
    try:
        value, end, fault = decoder.decode(raw)
        if end != len(raw):
            raise json.JSONDecodeError("Extra data", raw, end)
    except json.JSONDecodeError as error:
        reason = "nul_character" if "\0" in raw else "invalid_json"
        detail = f"column {error.pos + 1}: {error.msg}"
        return SourceRow(number, line, raw, fault=RowFaultError(reason, detail, "mend or remove the line"))
    return SourceRow(number, line, raw, None if fault else value, fault)


def is_spread_object(file: SourceFile) -> bool:
    """True for an object over several lines, whole or broken; False for JSON Lines, even with a bad first line."""
    first, _, rest = (part.strip() for part in file.content.lstrip().partition(b"\n"))
    if not rest or _is_whole(first):
        return False
    if rest.startswith(b"{"):  # a list of objects, or a line that was cut short before the next row
        return _is_whole(file.content)
    return first[-1:] in b"{[,:" or rest[:1] in b'"}],:'


def _is_whole(content: bytes) -> bool:
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return False
    return True


def read_object(file: SourceFile) -> Iterator[SourceRow]:
    """Yield one row: the object that the whole file is; the objects it lists know their lines.

    Raises:
        IngestError: it is no JSON, or others follow it; names line and column.
    """
    text = _decode_text(file)
    begin = _skip_blanks(text, 0)
    line = text.count("\n", 0, begin) + 1
    try:
        value, end, fault = _Scan(text).read_object(begin)
        end = _skip_blanks(text, end)
        if text.startswith("{", end):
            row = text.count("\n", 0, end) + 1
            mend = "write each on one line (`jq -c .`), or all as a JSON array"
            raise IngestError(f"{file.name}, line {row}: a second object of several lines begins here; {mend}")
        if end != len(text):
            raise json.JSONDecodeError("Extra data after the object", text, end)
    except json.JSONDecodeError as error:
        raise _explain_json(file.name, text, error, f"the object begins in line {line}") from None
    yield SourceRow(1, line, None if fault is None else text[begin:end], None if fault else value, fault)


class _Scan:
    """Reads an object member by member, and lists of them item by item, to note the line of each object inside."""

    def __init__(self, text: str) -> None:
        self._text, self._decoder = text, _RowDecoder()
        self._line, self._counted = 1, 0
        self._fault: RowFaultError | None = None

    def read_object(self, begin: int) -> tuple[dict[str, Any], int, RowFaultError | None]:
        """The object that begins at `begin`, where it ends, and what is wrong with it."""
        made: dict[str, Any] = {}
        place = _skip_blanks(self._text, begin + 1)
        while not (self._text.startswith("}", place) and not made):
            if not self._text.startswith('"', place):
                raise json.JSONDecodeError("Expecting a key in double quotes", self._text, place)
            key, place, _ = self._decoder.decode(self._text, place)
            place = _skip_blanks(self._text, place)
            if not self._text.startswith(":", place):
                raise json.JSONDecodeError("Expecting ':' after a key", self._text, place)
            if key in made:
                self._fault = self._fault or _repeated_key(key)
            place = _skip_blanks(self._text, place + 1)
            made[key], place = self._read_items(place) if self._text.startswith("[", place) else self._read(place)
            place = _skip_blanks(self._text, place)
            if self._text.startswith("}", place):
                break
            place = self._pass_comma(place, "'}'")
        return made, place + 1, self._fault

    def _read_items(self, begin: int) -> tuple[list[Any], int]:
        items: list[Any] = []
        place = _skip_blanks(self._text, begin + 1)
        while not (self._text.startswith("]", place) and not items):
            item, place = self._read(place)
            items.append(item)
            place = _skip_blanks(self._text, place)
            if self._text.startswith("]", place):
                break
            place = self._pass_comma(place, "']'")
        return items, place + 1

    def _pass_comma(self, place: int, closing: str) -> int:
        if not self._text.startswith(",", place):
            raise json.JSONDecodeError(f"Expecting ',' or {closing}", self._text, place)
        return _skip_blanks(self._text, place + 1)

    def _read(self, place: int) -> tuple[Any, int]:
        value, end, fault = self._decoder.decode(self._text, place)
        if fault and fault.reason == "repeated_key":
            self._fault = self._fault or fault
        if isinstance(value, dict):
            value = PlacedObject(value)
            self._line += self._text.count("\n", self._counted, place)
            self._counted, value.line = place, self._line
        return value, end


def read_array(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows of a JSON array, which cannot be read past a fault.

    Raises:
        IngestError: the array is no JSON; names line and column.
    """
    text = _decode_text(file)
    decoder, number, line, counted = _RowDecoder(), 0, 1, 0
    place = _skip_blanks(text, text.index("[") + 1)
    while not text.startswith("]", place):
        line, counted = line + text.count("\n", counted, place), place
        number += 1
        try:
            value, end, fault = decoder.decode(text, place)
            after = _skip_blanks(text, end)
            if text.startswith(",", after):
                place = _skip_blanks(text, after + 1)
            elif text.startswith("]", after):
                place = after
            else:
                raise json.JSONDecodeError("Expecting ',' or ']' after a row", text, after)
            if text.startswith(",", after) and text.startswith("]", place):
                raise json.JSONDecodeError("A comma stands before the closing ']'", text, after)
        except json.JSONDecodeError as error:
            raise _explain_json(file.name, text, error, f"row {number} begins in line {line}") from None
        yield SourceRow(number, line, text[counted:end], None if fault else value, fault)
    rest = _skip_blanks(text, place + 1)
    if rest != len(text):
        extra = json.JSONDecodeError("Extra data after the closing ']'", text, rest)
        raise _explain_json(file.name, text, extra, f"row {number} begins in line {line}")


def _decode_text(file: SourceFile) -> str:
    try:
        return file.content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        byte = error.start - file.content.rfind(b"\n", 0, error.start)
        raise IngestError(f"{file.name}, line {line}, byte {byte}: not UTF-8; {UTF8_MEND}") from None


def _skip_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _explain_json(name: str, text: str, error: json.JSONDecodeError, context: str) -> IngestError:
    found = "the file ends there" if error.pos >= len(text) else f"found {text[error.pos : error.pos + 12]!r}"
    where = f"{name}, line {error.lineno}, column {error.colno}"
    return IngestError(
        f"{where}: invalid JSON: {error.msg}, {found} ({context});"
        " mend that place, or fetch the file again; nothing was taken in"
    )
