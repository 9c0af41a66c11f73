"""Frames are what their table says, or the error names table, column and count."""

import re

import polars as pl
import pytest

from schemas.tables import TABLES, TableError, conform_frame, empty_frame, union_rows


def labelers(*ids: str, kind: str = "person") -> pl.DataFrame:
    return pl.DataFrame(
        {"labeler_id": ids, "kind": [kind] * len(ids), "vendor": [None] * len(ids), "consent": [None] * len(ids)}
    )


@pytest.mark.parametrize("name", TABLES)
def test_key_and_rules_name_columns_of_the_table(name: str) -> None:
    table = TABLES[name]
    assert table.name == name
    assert set(table.key) <= set(table.columns)
    assert not set(table.key) & table.nullable
    assert table.nullable | set(table.allowed) <= set(table.columns)


@pytest.mark.parametrize("name", TABLES)
def test_empty_frames_conform(name: str) -> None:
    frame = conform_frame(name, empty_frame(name))
    assert frame.columns == list(TABLES[name].columns)
    assert frame.height == 0


def test_conforming_sorts_by_key_and_orders_columns() -> None:
    frame = conform_frame("labelers", labelers("b", "a").select("vendor", "kind", "consent", "labeler_id"))
    assert frame.columns == ["labeler_id", "kind", "vendor", "consent"]
    assert frame["labeler_id"].to_list() == ["a", "b"]
    assert frame.schema["vendor"] == pl.String


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (labelers("a").drop("kind"), ["labelers", "missing columns ['kind']"]),
        (labelers("a").with_columns(x=1), ["labelers", "unknown columns ['x']"]),
        (labelers("a", "a", "b"), ["labelers", "2 rows share a key", "'a'"]),
        (labelers("a", "b", kind="robot"), ["labelers", "column kind", "2 values", "'robot'", "'person'"]),
        (labelers("a", "b").with_columns(kind=pl.Series([None, "llm"])), ["labelers", "column kind", "1 nulls"]),
        (labelers("a").with_columns(vendor=pl.Series([[1]])), ["labelers", "another type"]),
    ],
)
def test_errors_name_table_column_and_count(frame: pl.DataFrame, words: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        conform_frame("labelers", frame)
    for word in words:
        assert word in str(caught.value)


def test_error_counts_every_null() -> None:
    frame = labelers("a", "b", "c").with_columns(kind=pl.Series([None, "llm", None], dtype=pl.String))
    with pytest.raises(TableError, match=re.escape("2 nulls")):
        conform_frame("labelers", frame)


def test_union_keeps_the_first_frames_row() -> None:
    joined = union_rows("labelers", labelers("a"), labelers("b", "a", kind="llm"))
    assert joined.rows() == [("a", "person", None, None), ("b", "llm", None, None)]


def test_union_leaves_its_frames_alone() -> None:
    first, second = labelers("b"), labelers("a")
    before = first.clone()
    union_rows("labelers", first, second)
    assert first.equals(before)
