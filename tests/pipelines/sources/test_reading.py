"""Rows are read with their row and line numbers; what cannot be read is one clear error or a row with a fault."""

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
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
        (b"Some text.\nMore text.\n", ["line 1", "neither rows of JSON, Parquet nor a CSV", "'Some text.'"]),
        (b"\n\nNaN", ["line 3", "neither"]),
        (b"\0\0\0\0", ["NUL"]),
        ('{"a": 1}'.encode("utf-16"), ["line 1", "UTF-16", "UTF-8"]),
        ('{"a": 1}'.encode("utf-16-le"), ["line 1", "UTF-16"]),
        ('{"a": 1}'.encode("utf-32"), ["UTF-32"]),
        (b'[\n{"a": "\xe9"}\n]', ["line 2, byte 8", "not UTF-8"]),
        (b"PK\x03\x04rest", ["a zip archive"]),
        (b"PAR1rest", ["Parquet", "damaged"]),
        (b"BZh9rest", ["a bzip2 file"]),
        (b"\x1f\x8b\x08broken", ["gzip", "damaged"]),
        (b"\x1f\x8b", ["gzip", "cut short"]),
        (gzip.compress(b'{"a": 1}\n' * 500)[:-12], ["gzip", "cut short"]),
        (gzip.compress(b'{"a": 1}\n') + b"trailing", ["gzip", "damaged"]),
        (gzip.compress(b""), ["is empty"]),
        (b'{\n "data": [1, 2]\n}\n{\n "data": []\n}', ["line 4", "a second object", "jq -c"]),
        (b'{\n "data": [{"a": 1}\n {"a": 2}]}', ["line 3, column 2", "Expecting ',' or ']'", "begins in line 1"]),
        (b'{\n "data": [{"a": 1},\n]}', ["line 3, column 1", "Expecting value"]),
        (b'{\n "data" 1}', ["line 2, column 9", "':'"]),
        (b'{\n "data": 1,\n}', ["line 3, column 1", "key in double quotes"]),
        (b'{\n "data": 1\n} 2', ["line 3, column 3", "Extra data"]),
        (b"a,b,a\n1,2,3", ["line 1", "column 'a' twice"]),
        (b"\na,,\n1,2,3", ["line 2", "without a name"]),
        (b"a,\xff\n1,2", ["line 1", "not UTF-8"]),
        (b"a,b\0\n1,2", ["line 1", "NUL"]),
        (b'a,b\n1,"x\ny\n', ["line 2", "never closes"]),
        (b'a,b\n1,"x\ny"z\n2,3', ["line 2", "line 3 breaks a quoted field"]),
        (b'"a"b,c\n1,2', ["line 1", "closing quotation mark"]),
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


def test_an_object_over_several_lines_is_one_row_whose_objects_know_their_lines(tmp_path: Path) -> None:
    row = read(tmp_path, b'\n{\n "data": [{"a":\n  1}, {"a": 2},\n\n  {"a": 3}],\n "b": {"a": 4}}\n')[0]
    assert (row.number, row.line) == (1, 2) and row.fault is None
    assert row.value == {"data": [{"a": 1}, {"a": 2}, {"a": 3}], "b": {"a": 4}}
    assert [item.line for item in row.value["data"]] == [3, 4, 6] and row.value["b"].line == 7


def test_a_first_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    assert faults(read(tmp_path, b'{"a": [1\n{"a": 2}\n{"a": 3}\n')) == ["invalid_json", None, None]


def test_keys_that_an_object_names_twice_spoil_it(tmp_path: Path) -> None:
    assert faults(read(tmp_path, b'{\n"a": 1,\n"a": 2}')) == ["repeated_key"]
    assert faults(read(tmp_path, b'{\n"a": [{"b": 1, "b": 2}]}')) == ["repeated_key"]


def test_json_lines_that_end_in_carriage_returns(tmp_path: Path) -> None:
    assert [(row.line, row.value) for row in read(tmp_path, b'{"a": 1}\r{"a": 2}\r')] == [(1, {"a": 1}), (2, {"a": 2})]


def test_csv_rows_know_the_line_they_begin_in(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbfact,prompt\r\nA,"one\r\ntwo ""x"" "\r\n\r\nB,\xc3\xa9\r\n'
    rows = read(tmp_path, content, "f.csv")
    assert [(row.number, row.line, row.value) for row in rows] == [
        (1, 2, {"act": "A", "prompt": 'one\r\ntwo "x" '}),
        (2, 5, {"act": "B", "prompt": "é"}),
    ]
    assert rows[0].raw == 'A,"one\r\ntwo ""x"" "'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,2,3", "ragged_row"),
        (b"1", "ragged_row"),
        (b"a,b", "repeated_header"),
        (b'1,"2"3', "broken_quotes"),
        (b"1,\xff", "not_utf8"),
        (b"1,\xed\xa0\x80", "not_utf8"),
        (b"1,\0", "nul_character"),
    ],
)
def test_a_bad_line_of_a_csv_is_one_bad_row(tmp_path: Path, line: bytes, reason: str) -> None:
    rows = read(tmp_path, b"a,b\n0,0\n" + line + b"\n3,3\n")
    assert faults(rows) == [None, reason, None]
    bad = rows[1]
    assert bad.line == 3 and bad.value is None and bad.fault is not None and bad.fault.mend and bad.raw is not None
    assert bad.raw.encode() == line or reason == "not_utf8"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"a\tb\n1, 2\t3", {"a": "1, 2", "b": "3"}),
        (b"a;b\n1, 2;3", {"a": "1, 2", "b": "3"}),
        (b"a,b\r1,3\r", {"a": "1", "b": "3"}),
        (b'a\tb\n"1\t2"\t3', {"a": "1\t2", "b": "3"}),
        (b'a\tb\n"1" 2\t"3', {"a": '"1" 2', "b": '"3'}),
        (b",a,b\n0,1,2", {"": "0", "a": "1", "b": "2"}),
    ],
)
def test_separators_and_quotes_are_told_by_the_content(tmp_path: Path, content: bytes, value: dict[str, str]) -> None:
    assert [row.value for row in read(tmp_path, content)] == [value]


def test_one_column_is_a_table_only_where_the_name_says_so(tmp_path: Path) -> None:
    assert [row.value for row in read(tmp_path, b"prompt\nHi\n", "f.csv")] == [{"prompt": "Hi"}]
    with pytest.raises(IngestError, match="neither"):
        read(tmp_path, b"prompt\nHi\n", "f.txt")


def test_parquet_rows_are_as_json_would_hold_them(tmp_path: Path) -> None:
    instant = datetime(2026, 1, 31, 12, tzinfo=UTC)
    values = {
        "text": ["é", None], "messages": [[{"role": "user", "content": "Hi"}], []], "at": [instant, None],
        "cents": [Decimal("1.50"), Decimal("2.00")], "score": [float("nan"), 0.5], "image": [b"\xff", None],
    }  # fmt: skip
    pl.DataFrame(values).write_parquet(tmp_path / "f")
    rows = read(tmp_path, (tmp_path / "f").read_bytes())
    assert [(row.number, row.line, row.fault) for row in rows] == [(1, 1, None), (2, 2, None)]
    first, second = (row.value for row in rows)
    assert first.pop("score") != 0 and second == {
        "text": None, "messages": [], "at": None, "cents": 2, "score": 0.5, "image": None,
    }  # fmt: skip
    assert first == {
        "text": "é", "messages": [{"role": "user", "content": "Hi"}], "at": "2026-01-31T12:00:00+00:00",
        "cents": 1.5, "image": {"base64": "/w=="},
    }  # fmt: skip


def test_parquet_dates_beyond_those_of_python_are_texts(tmp_path: Path) -> None:
    days = pa.array([4_000_000, 1], pa.date32())
    instants = pa.array([10**18, 1_000], pa.timestamp("ms"))
    pq.write_table(pa.table({"n": [1, 2], "day": days, "instant": instants}), tmp_path / "f.parquet")
    rows = [row.value for row in read_rows(read_file(tmp_path / "f.parquet"))]
    assert [row["n"] for row in rows] == [1, 2] and rows[0]["day"] == "12921-08-18"
    assert rows[1]["day"] == "1970-01-02" and rows[1]["instant"] == "1970-01-01T00:00:01"  # as without a neighbour


def test_far_dates_inside_lists_and_objects_and_long_durations_are_read(tmp_path: Path) -> None:
    far = 4_000_000 * 86_400  # the day of the test above
    table = pa.table({
        "list": pa.array([[far, 1]], pa.list_(pa.timestamp("s"))),
        "object": pa.array([{"at": far, "n": 1}], pa.struct([("at", pa.timestamp("s")), ("n", pa.int8())])),
        "took": pa.array([2**50], pa.duration("s")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "f.parquet")
    [row] = read_rows(read_file(tmp_path / "f.parquet"))
    (first, second), inside = row.value["list"], row.value["object"]
    assert first.startswith("12921-08-18") and second == "1970-01-01T00:00:01"
    assert inside == {"at": first, "n": 1} and row.value["took"] == str(2**50)


def test_a_parquet_file_that_names_a_column_twice_is_not_called_damaged(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "f.parquet")
    with pytest.raises(IngestError, match=r"^f.parquet: names the column 'a' twice; write it again with one of them$"):
        list(read_rows(read_file(tmp_path / "f.parquet")))


def test_all_of_a_parquet_row_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff"))
    table = pa.table({
        "id": [7], "bad": bad, "list": pa.ListArray.from_arrays([0, 1], bad),
        "fine": pa.array(["ok"]).dictionary_encode(),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "f.parquet")
    [row] = read_rows(read_file(tmp_path / "f.parquet"))
    assert row.fault is not None and row.fault.reason == "not_utf8"
    said = "a list or object with a text that is no UTF-8"
    assert row.raw == str({"id": 7, "bad": "a\\xff", "list": said, "fine": "ok"})
