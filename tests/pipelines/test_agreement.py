import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.agreement import AgreementError, measure_file, measure_project
from pipelines.sources.faults import IngestError

ROOT = Path(__file__).parents[2]
PANDALM = Path(os.environ.get("FLYWHEEL_PUBLIC_DATA") or ROOT / "../shared/data") / "pandalm/data/testset-v1.json"


def write_pandalm(path: Path, *verdicts: tuple[int, int, int]) -> Path:
    """A file of PandaLM's layout with the verdicts of three annotators on each row's two answers."""
    rows = [
        {"idx": number, "cmp_key": "m_n", "instruction": f"Say {number}.", "input": "", "response1": "one",
         "response2": "two", **{f"annotator{k}": verdict for k, verdict in enumerate(said, 1)}}
        for number, said in enumerate(verdicts)
    ]  # fmt: skip
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def flywheel(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", "agreement", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=environment)


def test_a_file_needs_no_project_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = write_pandalm(tmp_path / "labels.json", (1, 1, 2), (2, 2, 2), (0, 0, 1), (1, 1, 1))
    done = flywheel(tmp_path, str(file), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    # pairs of votes on four rows: 1 of 3 equal, 3 of 3, 1 + .5 + .5 of 3 with the tie, 3 of 3
    assert found["agreement"] == pytest.approx((1 + 3 + 2 + 3) / 12)
    assert found["majorities"] == {"first": 2, "second": 1, "tie": 1, "none": 0}
    assert {row["labeler_id"] for row in found["labelers"]} == {f"pandalm/annotator{k}" for k in (1, 2, 3)}
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]
    told = flywheel(tmp_path, str(file), "--as", "pandalm").stdout
    assert "two labelers agree" in told and "0.750" in told and "pandalm/annotator3" in told


def test_gold_is_told_by_name(tmp_path: Path) -> None:
    file = write_pandalm(tmp_path / "labels.json", (1, 1, 2), (2, 2, 2), (1, 2, 1))
    quality = measure_file(file, gold_labelers=["pandalm/annotator1"])
    accuracy = dict(quality.labelers.select("labeler_id", "gold_accuracy").iter_rows())
    assert accuracy == pytest.approx({"pandalm/annotator2": 2 / 3, "pandalm/annotator3": 2 / 3})
    with pytest.raises(AgreementError, match="--gold someone: no such labeler"):
        measure_file(file, gold_labelers=["someone"])


def test_pandalms_figures_come_out_of_its_file() -> None:
    if not PANDALM.exists():
        pytest.skip(f"no {PANDALM} (FLYWHEEL_PUBLIC_DATA)")
    quality = measure_file(PANDALM)
    assert quality.pairs["kappa"].round(3).to_list() == [0.852, 0.879, 0.862]
    assert round(quality.overall["alpha_nominal"], 3) == 0.864
    assert quality.overall["majorities"] == {"first": 422, "second": 472, "tie": 105, "none": 0}


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([{"instruction": "Say it.", "input": "", "output": "It."}], "hold no labels"),
        ([{"some": "thing"}], "--as"),
        ([], "other.json: "),
    ],
)
def test_a_file_without_labels_is_one_clear_error(tmp_path: Path, rows: list[Any], fault: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises((AgreementError, IngestError), match=fault):
        measure_file(file)
    done = flywheel(tmp_path, str(file))
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("flywheel: ")
    assert "Traceback" not in done.stderr


def test_how_to_read_needs_what_to_read(tmp_path: Path) -> None:
    assert flywheel(tmp_path, "--as", "pandalm").returncode == 2
    assert flywheel(tmp_path).returncode == 1  # in no project


def test_a_project_is_measured_by_its_own_labels(tmp_path: Path) -> None:
    from pipelines.ingest import ingest_file

    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    with pytest.raises(AgreementError, match="no labels here"):
        measure_project(tmp_path)
    file = write_pandalm(tmp_path / "labels.json", (1, 1, 2), (2, 2, 2))
    ingest_file(tmp_path, file, track=False)
    assert measure_project(tmp_path).overall == measure_file(file).overall
