"""The table that ends a turn shows what the turn measured, and no more."""

import json
from pathlib import Path

import pytest

from pipelines.versions.summary import SummaryError, describe_summary, read_summary


def test_summary_lines(tmp_path: Path) -> None:
    for name, values in {
        "metrics/turn.json": {"turn": 2, "gold_policy": 0.8125, "win_rate": 0.75, "rows_dropped": 1234, "kl": None},
        ".flywheel/seconds.json": {"start": {"seconds": 1.6, "peak_megabytes": 90}, "sft": {"seconds": 20.2}},
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(values))
    lines = describe_summary(read_summary(tmp_path))
    assert lines[0] == "turn 2"
    assert [line.split()[-1] for line in lines[1:4]] == ["0.812", "75.0%", "1,234"]
    assert lines[4:] == ["seconds: start 2, sft 20; 22 in all, at most 90 MB"]
    (tmp_path / "report").mkdir()
    (tmp_path / "report/index.html").touch()
    assert describe_summary(read_summary(tmp_path))[-1] == f"report: {tmp_path / 'report/index.html'}"


def test_nothing_to_sum_up_yet(tmp_path: Path) -> None:
    with pytest.raises(SummaryError, match="dvc repro"):
        read_summary(tmp_path)
