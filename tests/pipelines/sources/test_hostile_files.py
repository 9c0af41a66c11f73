"""Whatever a file holds: one clear error that names file and place, or every row accounted for; never a traceback."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from format_examples import ALPACA, EXAMPLES
from hostile_cases import ACCOUNTED, REFUSED, pack_bad_text
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import cli, ingest
from pipelines.sources.formats import FORMATS
from pipelines.sources.imports import IMPORTS, read_ledger, read_part


@dataclass(frozen=True)
class Outcome:
    """What the command did."""

    status: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`flywheel ingest` inside a project, in this process."""
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    (project / "dvc.yaml").touch()
    monkeypatch.chdir(project)
    monkeypatch.delenv("FLYWHEEL_TRACEBACK", raising=False)
    monkeypatch.setattr(ingest, "_track_files", lambda root, files: None)

    def call(path: Path, *options: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["flywheel", "ingest", str(path), "--json", *options])
        try:
            cli.run()
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else 1 if left.code else 0
        said = capsys.readouterr()
        return Outcome(status, said.out, said.err)

    return call


def check_error(outcome: Outcome, name: str, words: Sequence[str]) -> None:
    """One line that names the file, says what the case says, and tells the mend; nothing was taken in."""
    assert outcome.status == 1 and outcome.out == ""
    assert outcome.err.startswith("flywheel: ") and outcome.err.count("\n") == 1
    assert outcome.err.strip().isprintable() and len(outcome.err) < 1500
    assert name in outcome.err
    for word in words:
        assert word in outcome.err
    assert not (Path.cwd() / IMPORTS).exists()


def check_rows(outcome: Outcome, kept: int, reasons: dict[str, int]) -> None:
    """Rows in = kept + dropped + quarantined, and each quarantined row is there with its reason, mend and text."""
    assert outcome.status == 0, outcome.err
    part = json.loads(outcome.out)["part"]
    rows = part["rows"]
    assert rows["rows_in"] == rows["kept"] + rows["dropped"] + rows["quarantined"]
    assert rows["kept"] == kept
    assert {finding["name"]: finding["rows"] for finding in part["quarantined"]} == reasons
    if reasons:
        (told,) = read_ledger(Path.cwd()).parts
        quarantine = read_part(Path.cwd(), told.records["quarantine"])
        assert quarantine.height == rows["quarantined"]
        assert quarantine.select(pl.all_horizontal(pl.col("mend", "detail", "raw").str.len_chars() > 0).all()).item()


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_taken_in_is_one_clear_error(case: str, run: Run, tmp_path: Path) -> None:
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    check_error(run(tmp_path / name), name, words)


@pytest.mark.parametrize("case", ACCOUNTED)
def test_every_row_of_a_bad_file_is_accounted_for(case: str, run: Run, tmp_path: Path) -> None:
    name, content, options, kept, reasons = ACCOUNTED[case]
    (tmp_path / name).write_bytes(content)
    check_rows(run(tmp_path / name, *options), kept, reasons)


def test_there_are_enough_of_them() -> None:
    assert len(REFUSED) + len(ACCOUNTED) >= 60


def test_paths_that_are_no_files(run: Run, tmp_path: Path) -> None:
    check_error(run(tmp_path / "absent.json"), "absent.json", ["no such file"])
    check_error(run(tmp_path), tmp_path.name, ["is a folder"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--as", "alpacca"], ["did you mean alpaca?"]),
        (["--as", "mapped"], ["--map prompt=question"]),
        (["--map", "prompt"], ["FIELD=COLUMN"]),
        (["--map", "prompt=act"], ["no column 'act'", "'instruction'"]),
        (["--map", "prompt=instruction", "--as", "trl"], ["--map goes with --as mapped"]),
        (["--source", " "], ["--source"]),
    ],
)
def test_options_that_cannot_be_meant(options: list[str], words: list[str], run: Run, tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text(json.dumps(ALPACA))
    check_error(run(tmp_path / "f.jsonl", *options), options[0], words)


def take_in(root: Path, content: bytes, name: str | None, mapping: Sequence[str] = ()) -> None:
    """Ingest bytes as a format, and check what must hold of any."""
    (root / "f").write_bytes(content)
    try:
        report = ingest.ingest_file(root, root / "f", name, mapping=mapping, track=False)
    except ingest.IngestError as error:
        assert "\n" not in str(error) and str(error).isprintable()
        assert not (root / IMPORTS).exists()
        return
    rows = report.part.rows
    assert rows.rows_in == rows.kept + rows.dropped + rows.quarantined > 0
    assert rows.kept and ingest.format_report(report)


STARTS = [b"", b"[", b"{", b'{"a": ', b"PAR1", b"\x1f\x8b\x08", b"a,b\n", b"a\tb\n", b'[{"', b"\xef\xbb\xbf"]


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from(STARTS),
    content=st.binary(max_size=80) | st.text('{}[]",:\\\n\r\t ab01', max_size=80).map(str.encode),
    name=st.sampled_from([None, *FORMATS]),
)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, start: bytes, content: bytes, name: str | None) -> None:
    take_in(tmp_path_factory.mktemp("bytes"), start + content, name)


scalar = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
any_json = st.recursive(
    scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def damage(draw: st.DrawFn, value: Any) -> Any:
    """A value of which some part, at any depth, is replaced by any JSON or left out."""
    if draw(st.integers(0, 3)) == 0 or not value or not isinstance(value, list | dict):
        return draw(any_json)
    if isinstance(value, list):
        place = draw(st.integers(0, len(value) - 1))
        return [draw(damage(item)) if at == place else item for at, item in enumerate(value)]
    key = draw(st.sampled_from(sorted(value)))
    if draw(st.integers(0, 4)) == 0:
        return {other: item for other, item in value.items() if other != key}
    return {other: draw(damage(item)) if other == key else item for other, item in value.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_any_rows_of_any_format(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A good row, then rows that are damaged somewhere or are any JSON: all are kept or have a reason."""

    @settings(max_examples=12, deadline=None, database=None)
    @given(rows=st.lists(damage(EXAMPLES[name]) | any_json, min_size=1, max_size=6))
    def check(rows: list[Any]) -> None:
        content = b"\n".join(json.dumps(row).encode() for row in [EXAMPLES[name], *rows])
        take_in(tmp_path_factory.mktemp("rows"), content, name)

    check()


@settings(max_examples=100, deadline=None)
@given(row=st.sampled_from(list(EXAMPLES.values())).flatmap(damage) | any_json)
def test_no_row_breaks_the_guess(row: Any) -> None:
    """Every format can look at any object without a fault of its own."""
    value = json.loads(json.dumps(row))
    if isinstance(value, dict):
        assert {format_.fits(value) for format_ in FORMATS.values()} <= {True, False}


def test_the_text_of_a_parquet_row_that_is_no_utf8_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(pack_bad_text())
    run(tmp_path / "f.parquet")
    (part,) = read_ledger(Path.cwd()).parts
    row = read_part(Path.cwd(), part.records["quarantine"]).row(0, named=True)
    assert row["row"] == 2 and "'instruction': 'y'" in row["raw"] and "xff" in row["raw"]
