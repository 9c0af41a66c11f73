"""A new version of a source adds what is new, and says what went and what was edited."""

import json
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest import format_report, ingest_file
from pipelines.sources.imports import Part, TableChanges, read_imports, read_ledger, read_part

Find = Callable[[str], Path]
ZH = "alpaca/alpaca-zh-0-3252"
AWESOME = "history/awesome-chatgpt-prompts"


def take_in(root: Path, name: str, rows: list[dict[str, Any]], **options: Any) -> Part:
    (root / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ingest_file(root / "p", root / name, **{"source": "s", **options}).part


def say(part: Part, table: str = "demonstrations") -> tuple[int, int, int, int]:
    changes = part.changes[table]
    return changes.added, changes.unchanged, changes.vanished, changes.edited


def task(key: str, answer: str) -> dict[str, Any]:
    return {"id": key, "name": "", "instruction": "Add.", "instances": [{"input": key, "output": answer}]}


def test_changes_by_hand(tmp_path: Path) -> None:
    """b stays though it moves, a says something else, c is gone, d is new."""
    first = take_in(tmp_path, "1.jsonl", [task("a", "1"), task("b", "2"), task("c", "3")])
    second = take_in(tmp_path, "2.jsonl", [task("b", "2"), task("a", "9"), task("d", "4")])
    assert first.supersedes is None and first.changes == {}
    assert second.supersedes == first.sha256
    assert say(second) == (1, 1, 1, 1)
    assert say(second, "prompts") == (1, 2, 1, 0)  # a's question is the same
    gone = read_part(tmp_path / "p", second.records["vanished"]).filter(pl.col("table_name") == "demonstrations")
    answers = {row["demonstration_id"]: row["completion"][0]["content"]
               for row in read_imports(tmp_path / "p", "demonstrations").to_dicts()}  # fmt: skip
    told = {(r["external_id"], answers[r["row_id"]], answers.get(r["matched_id"])) for r in gone.to_dicts()}
    assert told == {("a/1", "1", "9"), ("c/1", "3", None)}
    assert len(answers) == 5  # nothing is taken away


def test_versions_form_a_chain_and_coming_back_is_no_news(tmp_path: Path) -> None:
    rows = [task(key, "1") for key in "abcd"]
    one, two = take_in(tmp_path, "1.jsonl", rows), take_in(tmp_path, "2.jsonl", rows[1:])
    three = take_in(tmp_path, "3.jsonl", rows[2:])
    assert (two.supersedes, three.supersedes) == (one.sha256, two.sha256)
    again = take_in(tmp_path, "4.jsonl", rows)
    assert again == one and len(read_ledger(tmp_path / "p").parts) == 3
    report = ingest_file(tmp_path / "p", tmp_path / "4.jsonl", source="s")
    assert report.newer == "2.jsonl"
    told = "2.jsonl was taken in since as its new version; to go back to this one, restore imports/ from a commit"
    assert told in format_report(report)
    assert ingest_file(tmp_path / "p", tmp_path / "3.jsonl", source="s").newer is None


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        (
            [task("x", "1"), task("y", "2"), task("a", "1")],
            {},
        ),  # one row of three in common
        ([task("a", "1"), task("b", "2")], {"beside": True}),
        ([task("a", "1"), task("b", "2")], {"source": "t"}),
    ],
)
def test_other_files_are_no_new_versions(tmp_path: Path, rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
    take_in(tmp_path, "1.jsonl", [task("a", "1"), task("b", "2"), task("c", "3")])
    part = take_in(tmp_path, "2.jsonl", rows, **options)
    assert part.supersedes is None and part.changes == {} and "vanished" not in part.records


def test_a_file_taken_for_a_version_is_set_beside(tmp_path: Path) -> None:
    """One with much in common is taken for a new version: saying `--beside` afterwards is soon enough."""
    root, rows = tmp_path / "p", [task("a", "1"), task("b", "2"), task("c", "3")]
    first, second = take_in(tmp_path, "1.jsonl", rows), take_in(tmp_path, "2.jsonl", rows[1:])
    third = take_in(tmp_path, "3.jsonl", rows[2:])
    assert (second.supersedes, third.supersedes) == (first.sha256, second.sha256)
    gone = root / "imports" / second.records["vanished"].file
    assert gone.exists()
    report = ingest_file(root, tmp_path / "2.jsonl", source="s", beside=True)
    assert not report.added and "stands beside its source's other files from now on" in format_report(report)
    assert (report.part.supersedes, report.part.changes) == (None, {}) and not gone.exists()
    parts = {part.file: part for part in read_ledger(root).parts}
    assert parts == {"1.jsonl": first, "2.jsonl": report.part, "3.jsonl": third}
    assert not ingest_file(root, tmp_path / "2.jsonl", source="s", beside=True).parted


def test_row_numbers_are_no_ids_of_the_source(tmp_path: Path) -> None:
    """Rows of another file of the source have the same numbers; that makes it no version."""
    take_in(tmp_path, "1.jsonl", [{"instruction": f"Add {i}.", "output": "1"} for i in range(4)])
    part = take_in(tmp_path, "2.jsonl", [{"instruction": f"Take {i}.", "output": "1"} for i in range(4)])
    assert part.supersedes is None


@pytest.mark.parametrize("gone", [0, 1])
def test_ids_that_count_from_one_are_ids(tmp_path: Path, gone: int) -> None:
    """All four rows were written anew, under the ids 1 to 4; with the first gone, ids and row numbers part."""
    mapping = ("id=id", "prompt=q", "completion=a")
    old = [{"id": i, "q": f"old {i}", "a": "1"} for i in range(1, 5)]
    new = [{"id": i, "q": f"new {i}", "a": "2"} for i in range(1, 5)]
    first = take_in(tmp_path, "1.jsonl", old, mapping=mapping)
    part = take_in(tmp_path, "2.jsonl", new[gone:], mapping=mapping)
    assert part.supersedes == first.sha256
    assert say(part) == (0, 0, gone, 4 - gone)


def test_ids_are_not_held_against_row_numbers(tmp_path: Path) -> None:
    """The first file's rows had no ids: that the second's count as its rows do says nothing."""
    take_in(tmp_path, "1.jsonl", [{"q": f"a {i}", "a": "1"} for i in range(4)], mapping=("prompt=q", "completion=a"))
    rows = [{"id": i, "q": f"b {i}", "a": "2"} for i in range(1, 5)]
    part = take_in(tmp_path, "2.jsonl", rows, mapping=("id=id", "prompt=q", "completion=a"))
    assert part.supersedes is None


def test_report_says_all(tmp_path: Path) -> None:
    first = take_in(tmp_path, "1.jsonl", [task("a", "1"), task("b", "2")])
    (tmp_path / "2.jsonl").write_text(json.dumps(task("a", "1")))
    options: dict[str, Any] = {"licence": "MIT", "consent": "public", "date": date(2024, 5, 21)}
    report = ingest_file(tmp_path / "p", tmp_path / "2.jsonl", source="s", **options)
    told = json.loads(json.dumps(report.to_json()))["part"]
    assert (told["licence"], told["consent"], told["date"]) == ("MIT", "public", "2024-05-21")
    assert len(told["sha256"]) == 64 and told["supersedes"] == first.sha256 and told["file"] == "2.jsonl"
    assert told["changes"]["demonstrations"] == {"added": 0, "unchanged": 1, "vanished": 1, "edited": 0}
    words = format_report(report)
    assert f"a new version of this source's file {first.sha256[:12]}" in words
    assert "demonstrations: added 0, unchanged 1, vanished 1, edited 0" in words and "vanished_at_source" in words


def test_pandalm_without_nan(tmp_path: Path, public_file: Find) -> None:
    """Of 219 rows that had a NaN 54 had no answer and were quarantined; the rest says the same as before."""
    old = public_file("history/pandalm/testset-v1@2023-04-30_65d7cff.json")
    first = ingest_file(tmp_path, old, "pandalm", source="pandalm").part
    second = ingest_file(tmp_path, public_file("pandalm/data/testset-v1.json"), "pandalm", source="pandalm").part
    assert second.supersedes == first.sha256
    assert say(second, "rankings") == (3 * 54, 3 * (999 - 54), 0, 0)
    assert second.rows.kept - first.rows.kept == first.rows.quarantined == 54


def test_alpaca_zh_versions(tmp_path: Path, public_file: Find) -> None:
    """Counted here from the files: rows that differ in place; none came or went."""
    names = ("04_2023-03-21_566faef", "05_2023-03-21_e1c6096", "06_2023-03-21_41fbd6f")
    files = [public_file(f"{ZH}/{name}.json") for name in names]
    rows = [[tuple(map(str.strip, row.values())) for row in json.loads(f.read_text(encoding="utf-8"))] for f in files]
    parts = [ingest_file(tmp_path, file, source="alpaca-zh").part for file in files]
    for before, after, part in zip(rows, rows[1:], parts[1:], strict=False):
        edited = sum(a != b for a, b in zip(before, after, strict=True))
        assert say(part) == (0, 3252 - edited, 0, edited) and 0 < edited < 40
    assert [part.supersedes for part in parts] == [None, parts[0].sha256, parts[1].sha256]


def test_awesome_prompts_versions(tmp_path: Path, public_file: Find) -> None:
    """A growing CSV, by a mapping: the first step adds one row; the last, cut to 7 rows, loses nearly all."""
    names = ("0000_2022-12-14_def06dc", "0001_2022-12-14_f406b86", "0120_2025-04-24_0db580e", "0140_2025-12-13_035eeea")
    mapping = ("prompt=prompt", "id=act")
    files = [public_file(f"{AWESOME}/{name}.csv") for name in names]
    parts = [ingest_file(tmp_path, file, source="awesome", mapping=mapping).part for file in files]
    assert say(parts[1], "prompts") == (1, 107, 0, 0)
    for before, after in pairwise(parts):
        changes: TableChanges = after.changes["prompts"]
        assert after.supersedes == before.sha256
        assert changes.unchanged + changes.vanished + changes.edited == before.tables["prompts"].rows
        assert changes.unchanged + changes.added + changes.edited == after.tables["prompts"].rows
    assert parts[3].changes["prompts"].vanished > 200
