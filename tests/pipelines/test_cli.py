"""The command line: data to stdout, words to stderr, exit status 0, 1 or 2, never a traceback for the user's faults."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.cli import app

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def flywheel(cwd: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    values = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=values)


def test_help_names_every_command_and_loads_nothing_heavy(tmp_path: Path) -> None:
    done = flywheel(tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert all(f" {command} " in done.stdout for command in COMMANDS)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "polars", "dvc", "duckdb", "numpy", "transformers", "pydantic", "yaml"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(tmp_path: Path, command: str) -> None:
    assert flywheel(tmp_path, command, "--help").returncode == 0


def test_version(tmp_path: Path) -> None:
    assert flywheel(tmp_path, "--version").stdout.startswith("flywheel")


@pytest.mark.parametrize("arguments", [["nonsense"], ["status", "--nonsense"], ["init"], []])
def test_usage_errors_exit_with_2(tmp_path: Path, arguments: list[str]) -> None:
    assert flywheel(tmp_path, *arguments).returncode == 2


@pytest.mark.parametrize("arguments", [["status"], ["next"], ["summary", "--json"], ["init", "."], ["ingest", "x"]])
def test_faults_of_the_user_are_one_line_on_stderr(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "something").touch()
    done = flywheel(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("flywheel: ") and done.stderr.count("\n") == 1


def test_init_then_status_as_json(tmp_path: Path) -> None:
    done = flywheel(tmp_path, "init", "project")
    assert done.returncode == 0 and done.stdout == "" and "dvc repro" in done.stderr
    found = json.loads(flywheel(tmp_path / "project", "status", "--json").stdout)
    assert (found["turn"], found["parent"], found["next"]) == (1, None, "dvc repro")
    assert [stage["stage"] for stage in found["stages"]][:2] == ["start", "prompts"]
    identity = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    refused = flywheel(tmp_path / "project" / "imports", "next", **identity)
    assert refused.returncode == 1 and "turn 1 has not been run yet: `dvc repro`" in refused.stderr


def test_reader_that_stops_reading_is_no_fault(tmp_path: Path) -> None:
    flywheel(tmp_path, "init", "project")
    command = f"{sys.executable} -m pipelines.cli status | true"
    values = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, shell=True, cwd=tmp_path / "project", capture_output=True, text=True, env=values)
    assert done.stderr == ""


def test_ingest_says_all_that_it_records(tmp_path: Path) -> None:
    flywheel(tmp_path, "init", "project")
    (tmp_path / "project" / "a.jsonl").write_text('{"instruction": "Add.", "output": "3"}')
    facts = ("--licence", "MIT", "--consent", "public", "--source", "sums", "--date", "2024-05-21")
    done = flywheel(tmp_path / "project", "ingest", "a.jsonl", "--json", *facts)
    part = json.loads(done.stdout)["part"]
    assert [part[fact] for fact in ("licence", "consent", "source", "date")] == ["MIT", "public", "sums", "2024-05-21"]
    assert len(part["sha256"]) == 64 and part["supersedes"] is None
    assert flywheel(tmp_path / "project", "ingest", "a.jsonl", "--date", "21.5.2024").returncode == 2
