"""Turns a path into a file's unpacked bytes, and refuses what no reader here can read."""

import codecs
import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.faults import IngestError, RowFaultError

PARQUET, GZIP = b"PAR1", b"\x1f\x8b"
MAGIC = {
    b"PK\x03\x04": "a zip archive", b"\xfd7zXZ": "an xz file", b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file", b"%PDF": "a PDF", b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database", b"\x89HDF": "an HDF5 file",
    b"\x80\x04\x95": "a Python pickle", b"\x93NUMPY": "a numpy file",
}  # fmt: skip
WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
UTF8_MEND = "save the file as UTF-8 (`iconv -f ENCODING -t UTF-8`)"
NAME_ENDINGS = (".gz", ".jsonl", ".json", ".parquet", ".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class SourceFile:
    """A file as it lies: its name, the sha256 of its bytes, its bytes unpacked, and its path."""

    name: str
    sha256: str
    content: bytes
    path: Path = Path()

    @property
    def is_parquet(self) -> bool:
        """True for Parquet, whose rows have numbers but no lines."""
        return self.content.startswith(PARQUET)

    def where(self, line: int) -> str:
        """A place in the file, for an error."""
        return f"{self.name}, {'row' if self.is_parquet else 'line'} {line}"


@dataclass(frozen=True)
class SourceRow:
    """One row of a file. `value` is the row as JSON would hold it, or `fault` says why there is none.

    Numbers count from 1; a Parquet file has no lines, so there a row's line is its number. A NaN or infinity, which
    JSON does not have, is a float in `value`. `raw` is the row's text; None where it has none apart from its value.
    """

    number: int
    line: int
    raw: str | None
    value: Any = None
    fault: RowFaultError | None = None


def read_file(path: Path) -> SourceFile:
    """Read and unpack a file; a folder of JSON files of one line each is read as one file of these lines.

    Raises:
        IngestError: it is missing, empty, not readable, damaged, or packed or encoded in a way not read here.
    """
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        raise IngestError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        stored = _join_folder(path)
    except OSError as error:
        raise IngestError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    name = path.name.encode("utf-8", "backslashreplace").decode()
    content = _unpack(name, stored).removeprefix(codecs.BOM_UTF8)
    _refuse_other_kinds(name, content)
    return SourceFile(name, hashlib.sha256(stored).hexdigest(), content, path)


def _join_folder(folder: Path) -> bytes:
    """A folder of JSON files of one line each, as RACE is, as the JSON Lines file of the same rows, by their paths."""
    lines = [path.read_bytes().strip() for path in sorted(folder.rglob("*")) if path.is_file()]
    if not lines:
        raise IngestError(f"{folder}: is a folder without files; name a file")
    if not all(line.startswith(b"{") and b"\n" not in line for line in lines):
        raise IngestError(f"{folder}: is a folder whose files are not all JSON of one line; name one file of it")
    return b"\n".join(lines) + b"\n"


def strip_endings(file_name: str) -> str:
    """A file's name without the endings that say how it is written."""
    for ending in NAME_ENDINGS:
        file_name = file_name.removesuffix(ending)
    return file_name or "unnamed"


def _unpack(name: str, stored: bytes) -> bytes:
    if not stored.startswith(GZIP):
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
    if content.startswith(GZIP):
        raise IngestError(f"{name}: is packed twice with gzip; unpack it once")
    for magic, kind in MAGIC.items():
        if content.startswith(magic):
            raise IngestError(f"{name}: is {kind}, which is not read here; unpack or export it as JSON Lines first")
    if content.startswith(b"version https://git-lfs"):
        raise IngestError(f"{name}: is a Git LFS pointer, not the file itself; fetch it with `git lfs pull`")
