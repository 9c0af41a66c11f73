"""Objects that hold rows give their rows, each with its line; all others stay as they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.sources.importing import Format, Imported
from pipelines.sources.listing import list_rows
from pipelines.sources.reading import SourceRow, read_file, read_rows


def list_data(value: Mapping[str, Any]) -> list[Any] | None:
    """`{"data": [...]}`, or `{KEY: row}` with the key put into a new object around the row."""
    if all(isinstance(row, dict) for row in value.values()):
        return [{"key": key, "row": row} for key, row in value.items()]
    return value.get("data")


FORMAT = Format("f", frozenset(), frozenset(), (), lambda value: Imported(()), list_rows=list_data)


def read(tmp_path: Path, text: str) -> list[SourceRow]:
    (tmp_path / "f.json").write_text(text)
    return list(list_rows(read_rows(read_file(tmp_path / "f.json")), FORMAT))


def test_rows_inside_an_object_have_numbers_and_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"v": 1,\n "data": [\n  {"a": 1},\n\n  {"a": 2}]}')
    assert [(row.number, row.line, row.value) for row in rows] == [(1, 3, {"a": 1}), (2, 5, {"a": 2})]


def test_a_row_put_into_a_new_object_keeps_its_line(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"x":\n {"a": 1},\n "y": {"a": 2}}')
    assert [(row.line, row.value["key"], row.value["row"]) for row in rows] == [(2, "x", {"a": 1}), (3, "y", {"a": 2})]


def test_lines_that_each_hold_rows(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"data": [{"a": 1}, 7]}\n{"a": 2}\n{"data": [}\n{"data": []}\n')
    assert [(row.number, row.line, row.value, row.fault and row.fault.reason) for row in rows] == [
        (1, 1, {"a": 1}, None), (2, 1, None, "not_an_object"), (3, 2, {"a": 2}, None), (4, 3, None, "invalid_json"),
    ]  # fmt: skip
