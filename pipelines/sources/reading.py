"""Turns a JSON array or JSON Lines file, plain or gzipped, into rows with their row and line numbers."""

import codecs
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.faults import IngestError, RowFaultError

MAGIC = {
    b"PK\x03\x04": "a zip archive", b"PAR1": "a Parquet file", b"\xfd7zXZ": "an xz file", b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file", b"%PDF": "a PDF",
}  # fmt: skip
WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
UTF8_MEND = "save the file as UTF-8 (`iconv -f ENCODING -t UTF-8`)"


@dataclass(frozen=True)
class SourceFile:
    """A file as it lies: its name, the sha256 of its bytes, and its bytes unpacked."""

    name: str
    sha256: str
    content: bytes


@dataclass(frozen=True)
class SourceRow:
    """One row of a file. `value` is its parsed JSON, or `fault` says why there is none; `raw` is its text.

    Numbers count from 1. A NaN or infinity in the text, which JSON does not have, is a float in `value`.
    """

    number: int
    line: int
    raw: str
    value: Any = None
    fault: RowFaultError | None = None


def read_file(path: Path) -> SourceFile:
    """Read and unpack a file.

    Raises:
        IngestError: it is missing, empty, not readable, damaged, or packed or encoded in a way not read here.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        raise IngestError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise IngestError(f"{path}: is a folder; name one file of it") from None
    except OSError as error:
        raise IngestError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    name = path.name.encode("utf-8", "backslashreplace").decode()
    content = _unpack(name, stored).removeprefix(codecs.BOM_UTF8)
    _refuse_other_kinds(name, content)
    return SourceFile(name, hashlib.sha256(stored).hexdigest(), content)


def _unpack(name: str, stored: bytes) -> bytes:
    if not stored.startswith(b"\x1f\x8b"):
        return stored
    try:
        return gzip.decompress(stored)
    except (EOFError, OSError, zlib.error) as error:
        raise IngestError(f"{name}: the gzip data is cut short or damaged ({error}); fetch the file again") from None


def _refuse_other_kinds(name: str, content: bytes) -> None:
    if not content.strip():
        raise IngestError(f"{name}: the file is empty; check how it was made or fetched")
    for mark, encoding in WIDE_MARKS.items():
        if content.startswith(mark):
            raise IngestError(f"{name}, line 1: the text is {encoding}, not UTF-8; {UTF8_MEND}")
    if b"\0" in content[:2]:
        raise IngestError(f"{name}, line 1: begins with NUL bytes as UTF-16 text does; {UTF8_MEND}")
    for magic, kind in MAGIC.items():
        if content.startswith(magic):
            raise IngestError(f"{name}: is {kind}, not JSON; unpack or export it as JSON or JSON Lines first")


def read_rows(file: SourceFile) -> Iterator[SourceRow]:
    """Yield the rows of a JSON array or of JSON Lines; blank lines are no rows.

    A bad line of JSON Lines is a row with a fault. A JSON array cannot be read past a fault.

    Raises:
        IngestError: the file is neither, or the array is no JSON; names line and column.
    """
    first = file.content.lstrip()[:1]
    if first == b"[":
        return _read_array(file)
    if first == b"{":
        return _read_lines(file)
    line = file.content[: len(file.content) - len(file.content.lstrip())].count(b"\n") + 1
    begins = file.content.lstrip()[:20].split(b"\n")[0].decode("utf-8", "backslashreplace").replace("\0", "\\0")
    what = f"neither a JSON array nor JSON Lines (begins with {begins!r})"
    raise IngestError(f"{file.name}, line {line}: {what}; export it as one of them")


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
            detail = f"the key {self._repeated[0]!r} stands twice in one object"
            fault = RowFaultError("repeated_key", detail, "keep one of the two")
        elif not isinstance(value, dict):
            fault = RowFaultError("not_an_object", f"the row is {name_type(value)}", "write each row as {...}")
        return value, end, fault


def name_type(value: Any) -> str:
    """What JSON calls a value's type, with its article."""
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def _read_lines(file: SourceFile) -> Iterator[SourceRow]:
    _refuse_spread_object(file)
    decoder, number = _RowDecoder(), 0
    for line, stored in enumerate(io.BytesIO(file.content), start=1):
        if not stored.strip():
            continue
        number += 1
        yield _parse_line(decoder, number, line, stored.strip())


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


def _refuse_spread_object(file: SourceFile) -> None:
    """One object over several lines is not JSON Lines: say so, instead of quarantining each of its lines."""
    first = file.content.lstrip().split(b"\n", 1)
    try:
        json.loads(first[0])
    except (ValueError, RecursionError):
        try:
            json.loads(file.content)
        except (ValueError, RecursionError):
            return
        raise IngestError(
            f"{file.name}: one JSON object over several lines, not rows; write its rows as a JSON array or one a line"
        ) from None


def _read_array(file: SourceFile) -> Iterator[SourceRow]:
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
            raise _explain_array(file.name, text, error, number, line) from None
        yield SourceRow(number, line, text[counted:end], None if fault else value, fault)
    rest = _skip_blanks(text, place + 1)
    if rest != len(text):
        extra = json.JSONDecodeError("Extra data after the closing ']'", text, rest)
        raise _explain_array(file.name, text, extra, number, line)


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


def _explain_array(name: str, text: str, error: json.JSONDecodeError, row: int, row_line: int) -> IngestError:
    found = "the file ends there" if error.pos >= len(text) else f"found {text[error.pos : error.pos + 12]!r}"
    where = f"{name}, line {error.lineno}, column {error.colno}"
    return IngestError(
        f"{where}: invalid JSON: {error.msg}, {found} (row {row} begins in line {row_line});"
        " mend that place, or fetch the file again; nothing was taken in"
    )
