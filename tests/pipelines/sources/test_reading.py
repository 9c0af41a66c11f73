"""Rows are read with their row and line numbers; what cannot be read is one clear error or a row with a fault."""

import gzip
from pathlib import Path

import pytest

from pipelines.sources.faults import IngestError
from pipelines.sources.reading import SourceRow, read_file, read_rows


def read(tmp_path: Path, content: bytes, name: str = "f.json") -> list[SourceRow]:
    path = tmp_path / name
    path.write_bytes(content)
    return list(read_rows(read_file(path)))


def faults(rows: list[SourceRow]) -> list[str | None]:
    return [row.fault.reason if row.fault else None for row in rows]


def test_json_lines_count_rows_and_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, b'\n{"a": 1}\r\n\n  {"a": 2}\n')
    assert [(row.number, row.line, row.value) for row in rows] == [(1, 2, {"a": 1}), (2, 4, {"a": 2})]
    assert rows[0].raw == '{"a": 1}'


def test_array_rows_know_the_line_they_begin_in(tmp_path: Path) -> None:
    rows = read(tmp_path, b'[\n {\n  "a": 1\n }, {"a": 2},\n\n {"a": "\xc3\xa9"}\n]\n')
    assert [(row.number, row.line) for row in rows] == [(1, 2), (2, 4), (3, 6)]
    assert rows[2].value == {"a": "é"} and rows[2].raw == '{"a": "é"}'


def test_gzip_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    plain, packed = b'{"a": 1}\n', gzip.compress(b'{"a": 1}\n', mtime=0)
    assert [row.value for row in read(tmp_path, packed, "f.txt")] == [{"a": 1}]
    (tmp_path / "p").write_bytes(plain)
    assert read_file(tmp_path / "f.txt").content == read_file(tmp_path / "p").content
    assert read_file(tmp_path / "f.txt").sha256 != read_file(tmp_path / "p").sha256


def test_utf8_mark_is_no_text(tmp_path: Path) -> None:
    assert [row.value for row in read(tmp_path, b'\xef\xbb\xbf{"a": 1}')] == [{"a": 1}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": 1', "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": "tab\there"}', "invalid_json"),
        (b'{"a": 1} {"a": 2}', "invalid_json"),
        (b'{"a": undefined}', "invalid_json"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "invalid_json"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "invalid_json"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8"),
        (b'{"a": "x\0y"}', "nul_character"),
        (b"\0" * 20, "nul_character"),
        (b'{"a": 1, "a": 2}', "repeated_key"),
        (b'{"b": {"a": 1, "a": 2}}', "repeated_key"),
        (b"[1, 2]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
    ],
)
def test_a_bad_line_is_one_bad_row(tmp_path: Path, line: bytes, reason: str) -> None:
    rows = read(tmp_path, b'{"a": 0}\n' + line + b'\n{"a": 3}\n')
    assert faults(rows) == [None, reason, None]
    bad = rows[1]
    assert bad.line == 2 and bad.value is None and bad.fault is not None and bad.fault.mend
    assert bad.raw.encode() == line or reason == "not_utf8"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["is empty"]),
        (b" \n\t\n", ["is empty"]),
        (b"\xef\xbb\xbf", ["is empty"]),
        (b"act,prompt\n1,2\n", ["line 1", "neither a JSON array nor JSON Lines", "'act,prompt'"]),
        (b"\n\nNaN", ["line 3", "neither"]),
        (b"\0\0\0\0", ["NUL"]),
        ('{"a": 1}'.encode("utf-16"), ["line 1", "UTF-16", "UTF-8"]),
        ('{"a": 1}'.encode("utf-16-le"), ["line 1", "UTF-16"]),
        ('{"a": 1}'.encode("utf-32"), ["UTF-32"]),
        (b'[\n{"a": "\xe9"}\n]', ["line 2, byte 8", "not UTF-8"]),
        (b"PK\x03\x04rest", ["a zip archive"]),
        (b"PAR1rest", ["a Parquet file"]),
        (b"BZh9rest", ["a bzip2 file"]),
        (b"\x1f\x8b\x08broken", ["gzip", "damaged"]),
        (b"\x1f\x8b", ["gzip", "cut short"]),
        (gzip.compress(b'{"a": 1}\n' * 500)[:-12], ["gzip", "cut short"]),
        (gzip.compress(b'{"a": 1}\n') + b"trailing", ["gzip", "damaged"]),
        (gzip.compress(b""), ["is empty"]),
        (b'{\n "data": [1, 2]\n}\n', ["one JSON object over several lines"]),
        (b"[", ["line 1, column 2", "the file ends there"]),
        (b'[\n{"a": 1},\n{"a": 2\n', ["line 4", "row 2 begins in line 3", "the file ends there"]),
        (b'[{"a": 1}\n{"a": 2}]', ["line 2, column 1", "Expecting ',' or ']'"]),
        (b'[{"a": 1},\n]', ["line 1, column 10", "comma"]),
        (b'[{"a": 1}, , {"a": 2}]', ["line 1, column 12"]),
        (b'[{"a": 1}]\n[{"a": 2}]', ["line 2, column 1", "Extra data"]),
        (b'[{"a": "x\0y"}]', ["line 1, column 10", "control character"]),
        (b"[" * 100_000, ["Nested too deeply"]),
        (b"[{\"a\": " + b"1" * 5_000 + b"}]", ["too many digits"]),
        (b"[{'a': 1}]", ["line 1, column 3", "double quotes"]),
        (b'<<<<<<< HEAD\n[{"a": 1}]', ["line 1", "neither"]),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_line_of_error(tmp_path: Path, content: bytes, words: list[str]) -> None:
    with pytest.raises(IngestError) as caught:
        read(tmp_path, content)
    message = str(caught.value)
    assert message.startswith("f.json") and "\n" not in message and message.isprintable() and len(message) < 400
    for word in words:
        assert word in message


def test_rows_of_an_array_that_are_no_objects_are_bad_rows(tmp_path: Path) -> None:
    assert faults(read(tmp_path, b'[{"a": 1}, 7, [{"a": 1}], null]')) == [None] + ["not_an_object"] * 3


def test_missing_files_and_folders_say_so(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="no such file"):
        read_file(tmp_path / "absent.json")
    with pytest.raises(IngestError, match="is a folder"):
        read_file(tmp_path)


def test_one_line_of_many_megabytes(tmp_path: Path) -> None:
    rows = read(tmp_path, b'{"a": "' + b"x" * 20_000_000 + b'"}\n{"a": 1}')
    assert [row.line for row in rows] == [1, 2] and len(rows[0].value["a"]) == 20_000_000
