"""A stage at work: declared inputs only, outputs whole, resume state by inputs."""

import sys
from pathlib import Path

import polars as pl
import pytest

from pipelines.runner import run_stage
from pipelines.stage import Stage, StageError
from pipelines.store import digest_path, list_files, write_json, write_parquet

ROOT = Path(__file__).parents[2]
DVC_YAML = """
stages:
  sft:
    cmd: exec python run.py sft
    deps: [data/prompts.parquet, data/past/prompts, input.txt]
    params: [seed, {versions.yaml: [stages.sft]}]
    outs: [models/sft, data/candidates/sft.parquet]
    metrics: [{metrics/sft.json: {cache: false}}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "versions.yaml").write_text("stages: {sft: 1}\n")
    (tmp_path / "input.txt").write_text("one")
    write_parquet(prompts("new", "both"), tmp_path / "data/prompts.parquet")
    write_parquet(prompts("both", "old"), tmp_path / "data/past/prompts/turn=001.parquet")
    return tmp_path


def prompts(*ids: str) -> pl.DataFrame:
    from schemas.messages import user_prompt
    from schemas.tables import conform_frame

    rows = [
        {"prompt_id": i, "messages": user_prompt(i), "tools": None, "conversation_id": i, "kind": None} for i in ids
    ]
    return conform_frame("prompts", pl.DataFrame(rows))


def write_all(stage: Stage) -> None:
    stage.out("models/sft").mkdir()
    (stage.out("models/sft") / "model.safetensors").write_text(stage.dep("input.txt").read_text())
    stage.write_table(
        "candidates", pl.DataFrame(schema={"candidate_id": pl.String, "prompt_id": pl.String, "completion": pl.Null})
    )
    stage.write_metrics("sft", {"loss": float("nan")})


def use(monkeypatch: pytest.MonkeyPatch, run: object) -> None:
    import types

    module = types.ModuleType("pipelines.sft")
    module.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pipelines.sft", module)


def test_rows_are_past_and_new_once_each(project: Path) -> None:
    stage = Stage(project, "sft")
    assert stage.rows("prompts")["prompt_id"].to_list() == ["both", "new", "old"]
    assert stage.new_rows("prompts")["prompt_id"].to_list() == ["both", "new"]
    assert stage.past_rows("prompts")["prompt_id"].to_list() == ["both", "old"]


def test_undeclared_paths_are_refused(project: Path) -> None:
    stage = Stage(project, "sft")
    with pytest.raises(StageError, match="reads data/other"):
        stage.dep("data/other")
    with pytest.raises(StageError, match=r"writes metrics/other\.json"):
        stage.write_metrics("other", {})
    with pytest.raises(StageError, match="reads data/rankings"):
        stage.rows("rankings")


def test_outputs_appear_together_or_not_at_all(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_late(stage: Stage) -> None:
        write_all(stage)
        raise RuntimeError("killed")

    use(monkeypatch, fail_late)
    with pytest.raises(RuntimeError):
        run_stage(project, "sft")
    assert not (project / "models").exists() and not (project / "metrics").exists()
    use(monkeypatch, write_all)
    run_stage(project, "sft")
    assert (project / "models/sft/model.safetensors").read_text() == "one"
    assert (project / "metrics/sft.json").read_text() == '{\n  "loss": null\n}\n'


def test_an_output_not_written_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, lambda stage: stage.write_metrics("sft", {}))
    with pytest.raises(StageError, match=r"did not write models/sft, data/candidates/sft\.parquet"):
        run_stage(project, "sft")


def test_resume_state_lives_as_long_as_its_inputs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def leave_state(stage: Stage) -> None:
        seen.append(sorted(path.name for path in stage.resume().iterdir()))
        (stage.resume() / "step-1").touch()
        raise RuntimeError("killed")

    use(monkeypatch, leave_state)
    for text in ("one", "one", "two"):
        (project / "input.txt").write_text(text)
        with pytest.raises(RuntimeError):
            run_stage(project, "sft")
    assert seen == [[], ["step-1"], []]


@pytest.mark.parametrize("change", ["data", "params", "version"])
def test_digest_changes_with_every_input(project: Path, change: str) -> None:
    before = Stage(project, "sft").digest
    if change == "data":
        (project / "input.txt").write_text("two")
    elif change == "params":
        text = (project / "params.yaml").read_text()
        (project / "params.yaml").write_text(text.replace("\nseed: 1", "\nseed: 2"))
    else:
        (project / "versions.yaml").write_text("stages: {sft: 2}\n")
    assert Stage(project, "sft").digest != before


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    frame = prompts(*map(str, range(100)))
    write_parquet(frame, tmp_path / "a.parquet")
    write_parquet(pl.concat([frame[:40], frame[40:]], rechunk=False), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert [path.name for path in list_files(tmp_path)] == ["a.parquet", "b.parquet"]


def test_a_directory_digest_sees_names_and_bytes(tmp_path: Path) -> None:
    write_json({"a": 1}, tmp_path / "d" / "x.json")
    first = digest_path(tmp_path / "d")
    (tmp_path / "d" / "x.json").rename(tmp_path / "d" / "y.json")
    assert digest_path(tmp_path / "d") != first
