"""The prompt of `flywheel sql`: statements, completion, history."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.sql_prompt import HISTORY, Names, read_statements


def type_lines(monkeypatch: pytest.MonkeyPatch, *lines: str | type[BaseException]) -> None:
    """What is typed at the prompt, line by line."""
    rest: Iterator[str | type[BaseException]] = iter([*lines, EOFError])

    def read(_: str = "") -> str:
        line = next(rest)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", read)


def test_a_semicolon_or_an_empty_line_ends_a_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    type_lines(monkeypatch, "", "select 1;", "select", "  2", "", "from x")
    assert list(read_statements()) == ["select 1;", "select\n  2"]


def test_an_interrupt_drops_what_was_begun_and_exit_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    type_lines(monkeypatch, "select", KeyboardInterrupt, "select 2;", "exit;", "select 3;")
    assert list(read_statements()) == ["select 2;"]


def test_names_complete(judged_project: Path) -> None:
    names = Names(judged_project, [])
    assert names.complete("curated_r") == ["curated_rankings"]
    assert names.complete("sel") == ["SELECT"]
    assert names.complete('"turn-1".guid') == ['"turn-1".guidelines']
    assert names.complete('"turn-1') == ['"turn-1".', '"turn-1.raw".']
    assert names.complete("all_turns.met") == []
    assert names.complete("p.chosen_i") == ["p.chosen_id"]
    assert Names(judged_project, ["turn-1", "turn-2"]).complete("curated_r") == []


class Terminal:
    """`flywheel sql` in a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._leader, follower = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipelines.cli", "sql", *arguments], cwd=folder, stdin=follower, stdout=follower,
            stderr=follower, env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3]), "TERM": "dumb"},
            start_new_session=True,
        )  # fmt: skip
        os.close(follower)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until a text shows that was not there before."""
        deadline = time.monotonic() + 60
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self._leader], [], [], 1)[0]:
                self.seen += os.read(self._leader, 65536).decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def type(self, text: str) -> None:
        os.write(self._leader, text.encode())

    def leave(self) -> int:
        """Ctrl-D at the prompt."""
        self.wait_for("flywheel> ")
        self.type("\x04")
        status = self._process.wait(60)
        os.close(self._leader)
        return status


def test_without_a_query_a_prompt_opens(judged: Path) -> None:
    terminal = Terminal(judged)
    terminal.wait_for("flywheel> ")
    terminal.type("select 40 + 2 as answer from curated_dem\t limit 1;\n")
    terminal.wait_for("curated_demonstrations")
    terminal.wait_for("42")
    terminal.wait_for("flywheel> ")
    terminal.type("select nothing from guidelines;\n")
    terminal.wait_for('"nothing" not found')
    terminal.wait_for("flywheel> ")
    terminal.type("drop table guidelines;\n")
    terminal.wait_for("DROP is refused")
    assert terminal.leave() == 0
    assert "select nothing from guidelines;" in (judged / ".flywheel" / HISTORY).read_text()
    again = Terminal(judged, "--at", "turn-1", "--csv")
    again.wait_for("flywheel> ")
    again.type("\x10\x10\n")  # up, up: the query before the last
    again.wait_for("select nothing from guidelines;")
    again.wait_for("not found")
    assert again.leave() == 0


@pytest.mark.parametrize("arguments", [[], ["--parquet", "x.parquet"], ["--save", "x", "select 1"]])
def test_no_query_and_no_terminal_is_a_usage_error(
    judged_project: Path, flywheel: Callable[..., Any], arguments: list[str]
) -> None:
    assert flywheel(judged_project, "sql", *arguments).returncode == 2
