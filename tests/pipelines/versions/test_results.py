"""Rows of a query become a table to read, JSON, CSV or Parquet, and no format loses or mangles any."""

import csv
import datetime
import io
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.versions.results import (
    Answer,
    name_columns,
    plain_value,
    write_csv,
    write_json,
    write_parquet,
    write_table,
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def answer(connection: duckdb.DuckDBPyConnection, text: str) -> Answer:
    return Answer(connection, text, tuple(connection.sql(text).columns))


def test_json_is_a_list_of_objects(connection: duckdb.DuckDBPyConnection) -> None:
    half = "CASE i WHEN 0 THEN 'nan'::DOUBLE ELSE i / 2 END AS half"
    text = f"SELECT i AS id, {half}, ['é', NULL] AS l FROM range(5000) r(i)"
    out = io.StringIO()
    write_json(answer(connection, text), out)
    rows = json.loads(out.getvalue())
    assert len(rows) == 5000 and rows[0] == {"id": 0, "half": None, "l": ["é", None]} and rows[3]["half"] == 1.5
    assert out.getvalue().count("\n") == 5002, "a line a row"


@pytest.mark.parametrize("write", [write_json, write_csv, write_table])
def test_no_rows(connection: duckdb.DuckDBPyConnection, write: Callable[..., None]) -> None:
    out = io.StringIO()
    write(answer(connection, "SELECT 1 AS id, 2 AS other WHERE false"), out)
    assert out.getvalue() in ("[]\n", "id,other\n", "id  other\n--  -----\n")


def test_columns_of_one_name_are_told_apart() -> None:
    assert name_columns(["a", "b", "a", "a_1", "a"]) == ["a", "b", "a_1", "a_1_1", "a_2"]


def test_values_are_plain() -> None:
    instant = datetime.datetime(2026, 1, 5, 23, 30)
    assert plain_value({"at": instant, "b": b"\xff", 1: [float("inf"), (2,)]}) == {
        "at": "2026-01-05T23:30:00", "b": "ff", "1": [None, [2]]
    }  # fmt: skip


def test_csv_keeps_texts_as_they_are(connection: duckdb.DuckDBPyConnection) -> None:
    out = io.StringIO()
    write_csv(answer(connection, "SELECT 'a,\"b\"' || chr(10) || 'c' AS text, NULL AS nothing, {'k': [1]} AS s"), out)
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [
        ["text", "nothing", "s"], ['a,"b"\nc', "", '{"k": [1]}']
    ]  # fmt: skip


def test_a_table_is_aligned_and_says_what_it_leaves_out(connection: duckdb.DuckDBPyConnection) -> None:
    out = io.StringIO()
    assert write_table(answer(connection, "SELECT 5 AS n, 'ab' AS t UNION ALL SELECT 50, NULL"), out) == []
    assert out.getvalue() == " n  t\n--  --\n 5  ab\n50\n"
    out = io.StringIO()
    notes = write_table(answer(connection, "SELECT repeat('x', 61) AS t, i FROM range(101) r(i)"), out)
    assert notes == ["100 long texts are cut", "only the first 100 rows are shown"]
    assert out.getvalue().splitlines()[2].startswith("x" * 59 + "…  ")


def test_escape_codes_of_models_reach_no_terminal(connection: duckdb.DuckDBPyConnection) -> None:
    out = io.StringIO()
    write_table(answer(connection, "SELECT chr(27) || '[31mred' || chr(10) || 'x' || chr(8238) AS t"), out)
    assert out.getvalue().splitlines()[2] == "�[31mred⏎x�"


def test_parquet_is_whole_or_not_at_all(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(answer(connection, "SELECT i, [i] AS l FROM range(3) r(i)"), path)
    assert pl.read_parquet(path).rows() == [(0, [0]), (1, [1]), (2, [2])]
    with pytest.raises(duckdb.Error):
        write_parquet(answer(connection, "SELECT error('stop') FROM range(10000) r(i) WHERE i = 9999"), path)
    assert pl.read_parquet(path).height == 3 and list(tmp_path.iterdir()) == [path]


def test_each_form_on_the_command_line(judged_project: Path, flywheel: Run, tmp_path: Path) -> None:
    query = "SELECT prompt_id, votes_for FROM preferences WHERE votes_against > 0"
    assert json.loads(flywheel(judged_project, "sql", "--json", query).stdout) == [{"prompt_id": "p1", "votes_for": 2}]
    assert flywheel(judged_project, "sql", "--csv", query).stdout == "prompt_id,votes_for\np1,2\n"
    done = flywheel(judged_project, "sql", query, "--parquet", str(tmp_path / "x.parquet"))
    assert (done.returncode, done.stdout) == (0, "")
    assert pl.read_parquet(tmp_path / "x.parquet").rows() == [("p1", 2)]
    command = f"SELECT count(*) AS n FROM preferences{' ' * 3}"
    assert flywheel(judged_project, "sql", "--at", "turn-1", command).stdout == "n\n-\n3\n"
    cut = flywheel(judged_project, "sql", "SELECT repeat(prompt, 9) FROM texts")
    assert "cut: --json, --csv or --parquet FILE give all" in cut.stderr


@pytest.mark.parametrize(
    "arguments", [[], ["SELECT 1", "--json", "--csv"], ["SELECT 1", "--save", "x"], ["--json", "--save", "x"]]
)
def test_usage(judged_project: Path, flywheel: Run, arguments: list[str]) -> None:
    assert flywheel(judged_project, "sql", *arguments).returncode == 2


def test_a_fault_is_one_line_and_exit_status_1(judged_project: Path, flywheel: Run) -> None:
    done = flywheel(judged_project, "sql", "FROM preferencs")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "flywheel: there is no table preferencs, near are preferences, preference_pairs\n"


def test_the_query_may_come_from_stdin(judged_project: Path) -> None:
    import sys

    command = [sys.executable, "-m", "pipelines.cli", "sql", "--csv", "-"]
    done = subprocess.run(
        command,
        cwd=judged_project,
        input='SELECT count(*) AS n FROM "turn-1".preferences',
        capture_output=True,
        text=True,
    )
    assert done.stdout == "n\n3\n"
