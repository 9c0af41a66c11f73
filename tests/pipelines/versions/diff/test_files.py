"""Any two files are compared row by row, by a key that is named, and nothing in a text is markup."""

import csv
import gzip
import itertools
import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.versions.diff.comparing import compare_files
from pipelines.versions.diff.files import FileError
from pipelines.versions.diff.found import Diff, TableDiff
from pipelines.versions.diff.lines import describe_diff
from pipelines.versions.diff.markdown import MAX_CHARACTERS, write_markdown
from pipelines.versions.diff.page import write_page
from pipelines.versions.diff.words import compare_words
from pipelines.versions.names import QueryError

PUBLIC = Path(os.environ.get("FLYWHEEL_PUBLIC_DATA", "../shared/data")).absolute()
public = pytest.mark.skipif(not PUBLIC.is_dir(), reason="public files are not here")
OLD = [
    {"id": 1, "text": "one", "score": 0.5, "tags": ["a", "b"]}, {"id": 2, "text": "two", "score": 1.5, "tags": []},
    {"id": 3, "text": "three", "score": None, "tags": ["c"]}, {"id": 4, "text": "four", "score": 2.0, "tags": None},
]  # fmt: skip
NEW = [
    {"id": 5, "text": "five", "score": 0.0, "tags": []}, {"id": 4, "text": "four", "score": 2.0, "tags": None},
    {"id": 2, "text": "two!", "score": 1.5, "tags": []}, {"id": 1, "text": "one", "score": 0.5, "tags": ["a,b"]},
]  # fmt: skip


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        pl.DataFrame(rows).write_parquet(path)
        return path
    if name.endswith(".csv"):
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({c: json.dumps(v) if isinstance(v, list) else v for c, v in row.items()} for row in rows)
        return path
    text = "\n".join(json.dumps(row) for row in rows) if "jsonl" in name else json.dumps(rows, indent=1)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def compare(old: Path, new: Path, **options: Any) -> TableDiff:
    [table] = compare_files(old, new, **{"limit": 3, **options}).tables
    return table


def counts(table: TableDiff) -> tuple[int, int, int, int]:
    return table.added, table.removed, table.changed, table.unchanged


@pytest.mark.parametrize("old", ["old.parquet", "old.jsonl", "old.json", "old.csv", "old.jsonl.gz"])
@pytest.mark.parametrize("new", ["new.parquet", "new.jsonl", "new.json", "new.csv", "new.jsonl.gz"])
def test_formats_do_not_matter(tmp_path: Path, old: str, new: str) -> None:
    found = compare(write(tmp_path / old, OLD), write(tmp_path / new, NEW))
    assert counts(found) == (1, 1, 2, 1)
    assert (found.key, found.guessed, dict(found.columns)) == (("id",), True, {"text": 1, "tags": 1})
    assert not found.schema
    assert compare(write(tmp_path / old, OLD), write(tmp_path / f"same-{new}", OLD[::-1])).same


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.text(max_size=3)), min_size=1, unique_by=lambda row: row[0]),
       st.lists(st.tuples(st.integers(0, 30), st.text(max_size=3)), min_size=1, unique_by=lambda row: row[0]),
       st.randoms())  # fmt: skip
def test_every_row_counts_once_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, old: list, new: list, chance: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    before, after = dict(old), dict(new)
    both = before.keys() & after.keys()
    changed = sum(before[key] != after[key] for key in both)
    chance.shuffle(new)
    paths = [write(folder / name, [{"id": i, "t": t} for i, t in rows]) for name, rows in
             (("a.parquet", old), ("b.parquet", new))]  # fmt: skip
    expected = (len(after) - len(both), len(before) - len(both), changed, len(both) - changed)
    assert counts(compare(*paths, key=["id"])) == expected


def test_a_repeated_key_is_told_and_never_joined(tmp_path: Path) -> None:
    old = write(tmp_path / "old.jsonl", [{"id": 1, "t": "a"}, {"id": 1, "t": "b"}, {"id": 2, "t": "c"}])
    new = write(tmp_path / "new.jsonl", [{"id": 1, "t": "b"}, {"id": 1, "t": "x"}, {"id": 2, "t": "c"}])
    found = compare(old, new, key=["id"])
    assert counts(found) == (1, 1, 0, 2)
    assert found.repeated == (2, 2)
    assert any("2 rows before and 2 after have one" in note for note in found.notes)


def test_the_key_may_be_several_columns_and_must_be_there(tmp_path: Path) -> None:
    old = write(tmp_path / "old.csv", [{"a": i // 3, "b": i % 3, "t": f"text {i}"} for i in range(9)])
    new = write(tmp_path / "new.csv", [{"a": i // 3, "b": i % 3, "t": f"text {i * (i != 4)}"} for i in range(9)])
    assert counts(compare(old, new, key=["a", "b"])) == (0, 0, 1, 8)
    with pytest.raises(Exception, match="no such column; it has a, b, t"):
        compare(old, new, key=["nope"])


def test_an_id_is_the_key_where_rows_came_and_went_and_a_shorter_text_pairs_nearly_as_many(tmp_path: Path) -> None:
    rows = [{"uuid": f"{number:036d}", "text": f"t{number}"} for number in range(110)]
    edited = [{**row, "text": f"{row['text']}!"} for row in rows[10:12]]
    found = compare(write(tmp_path / "old.jsonl", rows[:100]), write(tmp_path / "new.jsonl", [*edited, *rows[12:]]))
    assert (found.key, counts(found)) == (("uuid",), (10, 10, 2, 88))


def test_new_columns_and_other_types_are_told(tmp_path: Path) -> None:
    old = write(tmp_path / "old.parquet", [{"id": 1, "n": 1, "gone": 1}])
    new = write(tmp_path / "new.parquet", [{"id": 1, "n": "1", "came": 1}])
    found = compare(old, new)
    assert (found.schema.added, found.schema.removed) == (["came"], ["gone"])
    assert found.schema.retyped == {"n": ("BIGINT", "VARCHAR")}
    assert counts(found) == (0, 0, 0, 1)
    assert not found.same


@pytest.mark.parametrize("name", ["new.jsonl", "new.csv"])
def test_dates_and_times_are_the_same_however_they_are_written(tmp_path: Path, name: str) -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    times = [noon, noon + timedelta(hours=1), noon + timedelta(hours=2)]
    rows = {"id": [1, 2, 3], "at": times, "plain": [t.replace(tzinfo=None) for t in times], "day": [noon.date()] * 3}
    old = tmp_path / "old.parquet"
    pl.DataFrame(rows).write_parquet(old)
    written = ["2024-01-01T12:00:00Z", "2024-01-01T14:00:00+01:00", "soon"]
    plain = [f"2024-01-01T{hour}:00:00" for hour in (12, 13, 14)]
    texts = zip([1, 2, 3], written, plain, strict=True)
    new = write(tmp_path / name, [{"id": i, "at": at, "plain": p, "day": "2024-01-01"} for i, at, p in texts])
    for first, second in ((old, new), (new, old)):
        [table] = compare_files(first, second, limit=1).tables
        assert (table.changed, dict(table.columns)) == (1, {"at": 1})


def test_a_condition_holds_before_or_after(tmp_path: Path) -> None:
    old, new = write(tmp_path / "old.jsonl", OLD), write(tmp_path / "new.jsonl", NEW)
    assert counts(compare(old, new, where="text = 'two'")) == (0, 0, 1, 0)
    assert counts(compare(old, new, where="id > 2")) == (1, 1, 0, 1)
    for wrong in ("id IN (SELECT 1 FROM old)", "1); DROP TABLE x; SELECT (1", "nope = 1"):
        with pytest.raises(QueryError):
            compare(old, new, where=wrong)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("empty.csv", b"", "empty"), ("bad.jsonl", b'{"a": 1}\n{"a": \n', "line 2"), ("x.bin", b"a\0b\0c", "neither"),
     ("bad.parquet", b"not parquet", "no Parquet, though"),
     ("cut.gz", gzip.compress(b'{"a": 1}\n' * 99)[:20], "cut.gz")],
)  # fmt: skip
def test_a_file_that_is_no_table_is_an_error_of_one_line(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    good = write(tmp_path / "good.jsonl", OLD)
    with pytest.raises(FileError, match=told) as error:
        compare(tmp_path / name, good)
    assert "\n" not in str(error.value)


@public
def test_nan_that_became_empty_is_found_in_pandalm() -> None:
    old = next((PUBLIC / "history" / "pandalm").glob("*.json"))
    found = compare(old, PUBLIC / "pandalm" / "data" / "testset-v1.json")
    assert counts(found) == (0, 0, 219, 780)
    assert found.key == ("idx",)


@public
@pytest.mark.parametrize("step", [0, 1])
def test_a_handful_of_rows_changes_in_alpaca(step: int) -> None:
    files = sorted((PUBLIC / "alpaca" / "alpaca-zh-0-3252").glob("*.json"))[step : step + 2]
    old, new = ([tuple(row.values()) for row in json.loads(file.read_text())] for file in files)
    changed = sum(a != b for a, b in zip(old, new, strict=True))
    by_row = compare(*files, key=["row"])
    assert counts(by_row) == (0, 0, changed, len(old) - changed)
    guessed = compare(*files)
    assert guessed.key[0] == "instruction"
    assert guessed.added + guessed.changed == changed


@public
def test_every_step_of_a_growing_csv_adds_up() -> None:
    files = sorted((PUBLIC / "history" / "awesome-chatgpt-prompts").glob("*.csv"))
    for old, new in itertools.pairwise(files):
        n_old, n_new = (sum(1 for row in csv.reader(path.open(newline="")) if row) - 1 for path in (old, new))
        found = compare(old, new)
        assert found.added + found.changed + found.unchanged == n_new, new
        assert found.removed + found.changed + found.unchanged == n_old, new
        assert found.key == (("prompt",) if new.name.startswith("0120") else ("act",)), new
        assert not [name for name in found.schema.added if name not in ("for_devs", "type", "contributor")]
    ragged = compare(files[15], files[16])
    assert any("more fields than the header" in note for note in ragged.notes)


def test_words_put_together_are_the_texts() -> None:
    old, new = "Say hello to the\n old  world, please.", "Say hello, to the new world!"
    pieces = compare_words(old, new, context=None)
    assert "".join(text for kind, text in pieces if kind in ("same", "old")) == old
    assert "".join(text for kind, text in pieces if kind in ("same", "new")) == new
    assert ("old", "old") in [(kind, text.strip()) for kind, text in pieces]


HOSTILE = "</code></table><script>alert(1)</script> @someone #1 ![x](http://x) | `a` \x1b[31m\u202e"


def hostile_diff(tmp_path: Path, n_rows: int) -> Diff:
    old = [{"id": f"{i} {HOSTILE}", "text": f"{HOSTILE} {i}", HOSTILE: 1} for i in range(n_rows)]
    new = [row | {"text": f"new {row['text']}"} for row in old]
    paths = [write(tmp_path / name, rows) for name, rows in (("old.jsonl", old), ("new.jsonl", new))]
    return compare_files(*paths, key=["id"], limit=n_rows)


def test_no_text_is_markup_anywhere(tmp_path: Path) -> None:
    diff = hostile_diff(tmp_path, 3)
    write_page(diff, tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "http://x" in page
    assert "src=" not in page
    markdown = write_markdown(diff)
    for markup in ("<script", "@someone", "![", "`a`", "](http"):
        assert markup not in markdown
    assert "\x1b" not in "\n".join(describe_diff(diff))


def test_markdown_fits_a_comment(tmp_path: Path) -> None:
    markdown = write_markdown(hostile_diff(tmp_path, 400))
    assert len(markdown) <= MAX_CHARACTERS
    assert "more lines are left out" in markdown


def test_exit_status_is_that_of_diff(tmp_path: Path, flywheel: Callable[..., Any]) -> None:
    write(tmp_path / "old.jsonl", OLD)
    write(tmp_path / "new.jsonl", NEW)
    assert flywheel(tmp_path, "diff", "old.jsonl", "old.jsonl").returncode == 0
    different = flywheel(tmp_path, "diff", "old.jsonl", "new.jsonl", "--key", "id", "--json")
    assert different.returncode == 1
    found = json.loads(different.stdout)
    assert [found[name] for name in ("added", "removed", "changed", "unchanged")] == [1, 1, 2, 1]
    for trouble in (["old.jsonl", "none.jsonl"], ["old.jsonl"], ["HEAD"], ["old.jsonl", "new.jsonl", "--key", "x"]):
        done = flywheel(tmp_path, "diff", *trouble)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
