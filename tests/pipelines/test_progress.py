"""Long work shows how far it is on a terminal, and says nothing elsewhere."""

import io
import json
import sys
from pathlib import Path

import pytest
from exported_projects import answer, ask, judge, write_project

from pipelines.curate import curate_file
from pipelines.export import export_rows
from pipelines.ingest import ingest_file
from pipelines.progress import STEP, count_off


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def do_all(root: Path) -> None:
    asked = ask("Hi")
    candidates = [answer(asked, text) for text in "ab"]
    project = write_project(root / "p", [asked, *candidates, *judge("l", candidates, [[0], [1]])])
    export_rows(project, "trl", root / "pairs.jsonl", table="preferences", raw=True)
    export_rows(project, "parquet", root / "folder", raw=True)
    (root / "taken.jsonl").write_text(json.dumps({"instruction": "Hi", "output": "Ho"}) + "\n")
    ingest_file(root / "q", root / "taken.jsonl", track=False)
    (root / "judged.jsonl").write_text(json.dumps({"text": "Some words"}) + "\n")
    curate_file(root / "judged.jsonl", "text", dropped=root / "dropped.parquet", only=["near_duplicate"])


def test_a_bar_is_drawn_on_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        do_all(tmp_path / type(stream).__name__)
        named = {name for name in ("pairs.jsonl", "folder", "taken.jsonl", "judged.jsonl") if name in stream.getvalue()}
        assert len(named) == (4 if stream.isatty() else 0), named
    assert stream.getvalue() == ""


def test_rows_are_counted_off_now_and_then() -> None:
    told: list[tuple[int, int | None]] = []
    rows = count_off(range(2 * STEP + 1), lambda done, total: told.append((done, total)), 2 * STEP + 1)
    assert list(rows) == list(range(2 * STEP + 1))
    assert told == [(0, 2 * STEP + 1), (STEP, 2 * STEP + 1), (2 * STEP, 2 * STEP + 1)]
