"""`flywheel status` says of each stage why it would run: data, params, version, outputs, never run, or one before."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.init import find_pipeline_file
from pipelines.versions.dvc_status import DvcError
from pipelines.versions.project import rewrite_turn
from pipelines.versions.revisions import read_revision
from pipelines.versions.status import ProjectStatus, describe_status, list_status, read_status
from schemas.errors import UserError

Change = Callable[[Path], object]


def replace_in(name: str, old: str, new: str) -> Change:
    def change(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return change


def reasons_of(status: ProjectStatus) -> dict[str, list[tuple[str, str, str]]]:
    return {stage.name: [(r.kind, r.what, r.change) for r in stage.reasons] for stage in status.stages if stage.reasons}


WAITS = [("waits", "prompts", "")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: None, {}),
        (replace_in("params.yaml", "n: 3", "n: 4"), {"prompts": [("param", "prompts.n", "3 -> 4")], "policy": WAITS}),
        (
            replace_in("versions.yaml", "prompts: 1", "prompts: 2"),
            {"prompts": [("version", "stages.prompts", "1 -> 2")], "policy": WAITS},
        ),
        (
            lambda root: (root / "data/prompts.parquet").write_text("edited"),
            {
                "prompts": [("outs", "data/prompts.parquet", "modified")],
                "policy": [("data", "data/prompts.parquet", "modified"), *WAITS],
            },
        ),
        (
            lambda root: (root / "metrics/turn.json").unlink(),
            {"policy": [("outs", "metrics/turn.json", "deleted")]},
        ),
        (replace_in("dvc.yaml", "toy.py policy", "toy.py  policy"), {"policy": [("command", "", "changed")]}),
        (
            lambda root: (root / "dvc.lock").unlink(),
            {stage: [("never_run", "", "")] for stage in ("start", "prompts", "policy")},
        ),
    ],
)
def test_reasons(project: Path, change: Change, expected: dict[str, list[tuple[str, str, str]]]) -> None:
    change(project)
    status = read_status(project)
    assert reasons_of(status) == expected
    assert status.next_step == ("dvc repro" if expected else "flywheel next")
    assert len(describe_status(status)) >= 2 + len(status.stages)
    assert list_status(status)["turn"] == 1


def test_params_are_read_as_dvc_reads_them(project: Path) -> None:
    """`on` is text in YAML 1.2: PyYAML alone would call it true, and see a change where there is none."""
    replace_in("params.yaml", "note: on", "note: off")(project)
    assert reasons_of(read_status(project))["prompts"] == [("param", "prompts.note", "on -> off")]


def test_open_turn_names_its_parent(history: Path) -> None:
    status = read_status(history)
    assert (status.turn.number, status.parent_name, status.branch) == (6, "turn-5", "main")
    assert reasons_of(status)["start"][0][:2] == ("param", "turn.number")
    assert status.next_step == "dvc repro"


def test_parent_that_is_not_here(history: Path, tmp_path: Path) -> None:
    replace_in("params.yaml", read_status(history).turn.parent or "", "f" * 40)(history)
    assert any("turn.parent: unknown revision" in line for line in read_status(history).missing)


def test_missing_identity_and_imports(project: Path, dvc: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "imports/part.parquet").write_text("rows")
    dvc(project, "add", "--quiet", "imports/part.parquet")
    (project / "imports/part.parquet").unlink()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    missing = read_status(project).missing
    assert any("git does not know who you are" in line for line in missing)
    assert "imports/part.parquet is not here: `dvc pull imports/part.parquet.dvc`" in missing


def test_a_file_that_stages_read_and_git_holds_is_missing(project: Path) -> None:
    replace_in("dvc.yaml", "deps: [data/past/prompts]", "deps: [data/past/prompts, imports/imports.json]")(project)
    assert read_status(project).missing == ()
    (project / "imports/imports.json").unlink()
    assert "imports/imports.json is not here: `git checkout -- imports/imports.json`" in read_status(project).missing


def test_code_that_is_newer_than_the_project_says(project: Path) -> None:
    """After an upgrade a project's own versions.yaml still names the code it was made with."""
    replace_in("dvc.yaml", "toy.py policy", "-m pipelines.stage policy")(project)
    ours = rewrite_turn(find_pipeline_file("params.yaml").read_text(), 1, None)
    (project / "params.yaml").write_text(ours)
    replace_in("versions.yaml", "policy: 1", "policy: 999")(project)
    assert read_status(project).missing == ()
    replace_in("params.yaml", "method: best_of_n ", "method: best ")(project)
    [line] = read_status(project).missing
    assert line.startswith("params.yaml: policy.method: Input should be 'best_of_n'")
    (project / "params.yaml").write_text(ours)
    replace_in("versions.yaml", "policy: 999", "policy: 0")(project)
    [line] = read_status(project).missing
    assert line.startswith("versions.yaml is older than the installed code: write `policy: ")


def test_while_dvc_works_it_says_who_does(project: Path) -> None:
    """A lock of DVC's that a living process holds, this one; read in one line, with the mend."""
    lock = {"write": {str(project / "models/policy"): {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (project / ".dvc/tmp").mkdir(exist_ok=True)
    (project / ".dvc/tmp/rwlock").write_text(json.dumps(lock))
    with pytest.raises(DvcError, match=rf"models/policy' is busy, .*PID {os.getpid()}\): dvc repro.* remove") as caught:
        read_status(project)
    assert "\n" not in str(caught.value)


def test_prompts_without_a_ranking_are_missing(project: Path) -> None:
    (project / "metrics/rankings.json").write_text('{"rankings": 7, "prompts_without_ranking": 3}')
    assert any(line.startswith("3 prompts with candidates have no ranking") for line in read_status(project).missing)


def test_lines_read_well(history: Path) -> None:
    commits = [read_status(history).turn.parent or "", read_revision(history, "turn-4").commit]
    assert describe_status(read_status(history)) == [
        "turn 6, from turn-5, on branch main",
        "  start    stale       param turn.number 5 -> 6",
        f"                       param turn.parent {commits[1][:10]}... -> {commits[0][:10]}...",
        "  prompts  stale       param turn.number 5 -> 6",
        "                       after start",
        "  policy   waits       after start, prompts",
        "next: `dvc repro`",
    ]


@pytest.mark.parametrize("name", ["params.yaml", "dvc.lock", "dvc.yaml", "versions.yaml"])
def test_a_merge_that_stopped_is_named_with_its_line(project: Path, name: str) -> None:
    text = (project / name).read_text()
    (project / name).write_text(f"# one\n<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> other\n")
    with pytest.raises(UserError, match=f"^{name}, line 2: a merge left both sides here; keep one, .* `dvc repro`$"):
        read_status(project)
