"""An export holds the rows asked for, whole or not at all, equal bytes each time, and says what it leaves behind."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from exported_projects import ROOT, answer, ask, assign, come_from, drop, judge, write_project

from pipelines.export import NAMES, ExportError, export_rows, format_report
from pipelines.ingest import ingest_file
from pipelines.sources.imports import IMPORTS
from schemas.records import Demonstration, Record, TrainedMessage
from schemas.tables import TABLES, conform_frame

QUESTIONS = [ask(f"Question {i}?") for i in range(4)]
SPLITS = ("train", "train", "validation", "benchmark")
FILES = {name: f"out{'.json' if name in ('label-studio', 'argilla') else '.jsonl'}" for name in NAMES} | {
    "parquet": "out"
}


def teach(place: int) -> Demonstration:
    message = TrainedMessage(role="assistant", content=f"Answer {place}.")
    return Demonstration(prompt_id=QUESTIONS[place].prompt_id, completion=(message,))


def make_project(root: Path) -> Path:
    """Four prompts, one a split but two in train, with a demonstration each; answers to the first two are ranked.

    The second demonstration is dropped for two reasons. Of the pairs ranked, one is tied.
    """
    rows: list[Record] = [*QUESTIONS, *(teach(place) for place in range(4))]
    rows += [come_from(QUESTIONS[0], "web|site", "MIT"), come_from(teach(0), "web|site", "MIT")]
    first = [answer(QUESTIONS[0], text) for text in "abc"]
    second = [answer(QUESTIONS[1], text) for text in "ab"]
    rows += [*first, *second, *judge("sim", first, [[0], [1, 2]], kind="simulated")]
    rows += judge("ann", second, [[0], [1]], strength=2.0)
    rows += [answer(QUESTIONS[2], text) for text in "ab"]
    gone = [drop("demonstrations", teach(1).demonstration_id, reason) for reason in ("empty", "refusal")]
    splits = [assign(prompt, split) for prompt, split in zip(QUESTIONS, SPLITS, strict=True)]
    return write_project(root, rows, dropped=gone, assignments=splits)


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def questions(path: Path) -> list[str]:
    return sorted(row["prompt"][0]["content"] for row in read_lines(path))


def test_a_file_has_the_kept_rows_of_train(tmp_path: Path) -> None:
    report = export_rows(make_project(tmp_path), "trl", tmp_path / "out.jsonl")
    assert questions(tmp_path / "out.jsonl") == ["Question 0?"]
    assert report.rows == {"demonstrations": 1} and report.curated
    assert report.left_out == {"demonstrations": {"dropped by curation": 1, "of another split": 2}}
    written = (tmp_path / "out.jsonl").read_bytes()
    assert (report.files[0].rows, report.files[0].n_bytes) == (1, len(written))


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"raw": True}, [0, 1]),
        ({"split": "validation"}, [2]),
        ({"split": "all"}, [0, 2, 3]),
        ({"split": "all", "raw": True}, [0, 1, 2, 3]),
    ],
)
def test_split_and_raw_choose_rows(tmp_path: Path, options: dict[str, Any], places: list[int]) -> None:
    report = export_rows(make_project(tmp_path), "trl", tmp_path / "out.jsonl", **options)
    assert questions(tmp_path / "out.jsonl") == [f"Question {place}?" for place in places]
    left = report.left_out["demonstrations"]
    assert report.rows["demonstrations"] + sum(left.values()) == 4
    assert report.curated is not options.get("raw", False)


def test_rows_by_hand(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    asked, said = {"role": "user", "content": "Question 0?"}, {"role": "assistant", "content": "Answer 0."}
    expected = {
        "trl": {"prompt": [asked], "completion": [said]},
        "openai": {"messages": [asked, said]},
        "sharegpt": {
            "conversations": [{"from": "human", "value": "Question 0?"}, {"from": "gpt", "value": "Answer 0."}]
        },
    }
    for name, row in expected.items():
        export_rows(project, name, tmp_path / "out.jsonl")
        assert read_lines(tmp_path / "out.jsonl") == [row]


def test_preferences_by_hand(tmp_path: Path) -> None:
    """a over b and a over c of the first prompt, a over b of the second; b and c are held equal."""
    project = make_project(tmp_path)
    report = export_rows(project, "trl", tmp_path / "out.jsonl", table="preferences", raw=True)
    sides = ("prompt", "chosen", "rejected")
    rows = read_lines(tmp_path / "out.jsonl")
    found = {(*(row[side][0]["content"] for side in sides), row["margin"]) for row in rows}
    assert found == {("Question 0?", "a", "b", 1.0), ("Question 0?", "a", "c", 1.0), ("Question 1?", "a", "b", 1.0)}
    assert report.left_out["preferences"] == {"pairs held equal (ties)": 1}
    export_rows(project, "openai", tmp_path / "out.jsonl", table="preferences", raw=True)
    row = read_lines(tmp_path / "out.jsonl")[0]
    assert set(row) == {"input", "preferred_output", "non_preferred_output"}


def test_left_out_pairs_are_those_of_the_ledger(tmp_path: Path) -> None:
    """Of four judged pairs curation kept one, called one a tie and dropped the others; all are accounted for."""
    project = make_project(tmp_path)
    export_rows(project, "parquet", tmp_path / "set", table="preferences", raw=True)
    kept, tied = (pl.read_parquet(tmp_path / "set/preferences/train.parquet")["pair_id"][place] for place in (0, 1))
    path = project / "data/preferences.parquet"
    pairs = pl.read_parquet(tmp_path / "set/preferences/train.parquet").filter(pl.col("pair_id") == kept)
    conform_frame("preferences", pairs.select(list(TABLES["preferences"].columns))).write_parquet(path)
    gone = pl.DataFrame([drop("preferences", tied, "tied_consensus")], dict(TABLES["dropped"].columns))
    gone.write_parquet(project / "data/dropped.parquet")
    report = export_rows(project, "trl", tmp_path / "out.jsonl", table="preferences")
    assert report.rows == {"preferences": 1}
    assert report.left_out["preferences"] == {"pairs held equal (ties)": 1, "dropped by curation": 2}


def test_tasks_by_hand(tmp_path: Path) -> None:
    """Two ranked tasks of train; validation's answers, which nobody ranked, are a task without an annotation."""
    project = make_project(tmp_path)
    report = export_rows(project, "label-studio", tmp_path / "out.json")
    tasks = {task["data"]["prompt"]: task for task in json.loads((tmp_path / "out.json").read_text())}
    assert set(tasks) == {"Question 0?", "Question 1?"} and report.rows == {"tasks": 2, "rankings": 2}
    bodies = {item["id"]: item["body"] for item in tasks["Question 0?"]["data"]["items"]}
    result = tasks["Question 0?"]["annotations"][0]["result"][0]["value"]["ranker"]
    assert {place: sorted(bodies[item] for item in items) for place, items in result.items()} == {
        "1": ["a"],
        "2": ["b", "c"],
    }
    assert report.losses["rankings"]["strength of preference"] == 1
    waiting = export_rows(project, "argilla", tmp_path / "out.json", split="validation")
    record = json.loads((tmp_path / "out.json").read_text())[0]
    assert waiting.rows == {"tasks": 1, "rankings": 0} and record["responses"] == {}
    assert sorted(record["fields"].values()) == ["Question 2?", "a", "b"]


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_gives_equal_bytes(tmp_path: Path, name: str) -> None:
    """From the same project, and from one whose files have their rows in another order."""
    project, out = make_project(tmp_path / "p"), FILES[name]
    first = export_rows(project, name, tmp_path / "one" / out, raw=True)
    for path in (project / "data").rglob("*.parquet"):
        pl.read_parquet(path).reverse().write_parquet(path)
    second = export_rows(project, name, tmp_path / "two" / out, raw=True)
    again = export_rows(project, name, tmp_path / "two" / out, raw=True)
    assert first.files == second.files == again.files
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("name", ["trl", "parquet"])
def test_an_export_cut_short_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    project, out = make_project(tmp_path / "p"), tmp_path / FILES[name]
    before = {file.path: file.sha256 for file in export_rows(project, name, out).files}
    listed = sorted(path.relative_to(tmp_path) for path in out.parent.rglob("*"))

    def end(source: Any, target: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", end)
        with pytest.raises(KeyboardInterrupt):
            export_rows(project, name, out, raw=True, split="all")
    assert sorted(path.relative_to(tmp_path) for path in out.parent.rglob("*")) == listed
    assert {file.path: file.sha256 for file in export_rows(project, name, out).files} == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not delete")
    with pytest.raises(ExportError, match=r"holds thesis\.txt, which no export wrote"):
        export_rows(project, "parquet", tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "do not delete"


@pytest.mark.parametrize(
    ("name", "out", "options", "words"),
    [
        ("trll", "out.jsonl", {}, "no such format; did you mean trl"),
        ("trl", "out.jsonl", {"table": "prompts"}, "no such table"),
        ("sharegpt", "out.jsonl", {"table": "preferences"}, "carries demonstrations only"),
        ("openai", "out.json", {}, r"a file named \*\.jsonl"),
        ("label-studio", "out.jsonl", {}, r"a file named \*\.json"),
        ("trl", "out.jsonl", {"split": "test"}, "no such split"),
        ("trl", "out.jsonl", {"table": "preferences", "split": "benchmark"}, "no row of preferences"),
        ("trl", "p", {}, "a file named"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, name: str, out: str, options: dict[str, Any], words: str
) -> None:
    project = make_project(tmp_path / "p")
    with pytest.raises(ExportError, match=words) as caught:
        export_rows(project, name, tmp_path / out, **options)
    assert "\n" not in str(caught.value) and not (tmp_path / "out.jsonl").exists()


def test_an_empty_project_says_how_to_get_rows(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="flywheel ingest"):
        export_rows(write_project(tmp_path, []), "trl", tmp_path / "out.jsonl")


def test_imports_alone_can_be_exported(tmp_path: Path) -> None:
    project = write_project(tmp_path, [])
    (tmp_path / "a.jsonl").write_text(json.dumps({"instruction": "Add.", "output": "3"}))
    ingest_file(project, tmp_path / "a.jsonl", licence="Apache-2.0")
    report = export_rows(project, "trl", tmp_path / "out.jsonl")
    assert report.imports_only and not report.curated and report.rows == {"demonstrations": 1}
    assert "not curated" in format_report(report)
    with pytest.raises(ExportError, match="no prompt has a split yet"):
        export_rows(project, "trl", tmp_path / "out.jsonl", split="train")
    make_project(tmp_path)
    assert questions(_export(project, tmp_path / "turn.jsonl")) == ["Question 0?"]
    assert questions(_export(project, tmp_path / "imports.jsonl", imports=True)) == ["Add."]
    assert (project / IMPORTS).is_dir()


def _export(project: Path, out: Path, **options: Any) -> Path:
    export_rows(project, "trl", out, **options)
    return out


def read_card(folder: Path) -> tuple[dict[str, Any], str]:
    _, header, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(header), body


def test_card_by_hand(tmp_path: Path) -> None:
    export_rows(make_project(tmp_path / "p"), "parquet", tmp_path / "set")
    header, body = read_card(tmp_path / "set")
    assert header["pretty_name"] == "set" and header["size_categories"] == ["n<1K"]
    assert header["license"] == ["mit", "unknown"]
    assert "language" not in header
    demonstrations = header["configs"][0]
    assert demonstrations["config_name"] == "demonstrations"
    assert [part["split"] for part in demonstrations["data_files"]] == ["train", "validation", "benchmark"]
    sizes = {s["name"]: s["num_examples"] for s in header["dataset_info"][0]["splits"]}
    assert sizes == {"train": 1, "validation": 1, "benchmark": 1}
    assert "| web\\|site | 2 | MIT | not stated |" in body  # a demonstration, and a ranking of its prompt
    assert "- 1 `person`" in body and "- 1 `simulated` (simulated labelers: programs, no person judged)" in body
    assert "| demonstrations | empty | 1 |" in body and "| demonstrations | refusal | 1 |" in body
    for config in header["configs"]:
        for part in config["data_files"]:
            assert (tmp_path / "set" / part["path"]).is_file()


@pytest.mark.parametrize(
    ("licences", "header"),
    [
        (["MIT"], {"license": "mit"}),
        ([None], {"license": "unknown"}),
        (["CC-BY-4.0", "MIT"], {"license": ["cc-by-4.0", "mit"]}),
        (["My Own"], {"license": "other", "license_name": "My Own"}),
    ],
)
def test_card_licences(tmp_path: Path, licences: list[str | None], header: dict[str, Any]) -> None:
    rows: list[Record] = []
    for place, licence in enumerate(licences):
        rows += [QUESTIONS[place], teach(place), come_from(teach(place), f"s{place}", licence)]
    export_rows(write_project(tmp_path / "p", rows), "parquet", tmp_path / "set")
    found = read_card(tmp_path / "set")[0]
    assert {name: found.get(name) for name in header} == header


def test_card_of_machine_labels_says_so(tmp_path: Path) -> None:
    candidates = [answer(QUESTIONS[0], text) for text in "ab"]
    rows = [QUESTIONS[0], *candidates, *judge("sim", candidates, [[0], [1]], kind="simulated")]
    export_rows(write_project(tmp_path / "p", rows), "parquet", tmp_path / "set", raw=True)
    assert read_card(tmp_path / "set")[0]["annotations_creators"] == ["machine-generated"]


def test_card_and_files_load_as_a_hub_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The card's features and sizes are those that the datasets library finds in the files."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets, hub = pytest.importorskip("datasets"), pytest.importorskip("huggingface_hub")
    export_rows(make_project(tmp_path / "p"), "parquet", tmp_path / "set", raw=True)
    card = hub.DatasetCard.load(tmp_path / "set" / "README.md")
    assert card.data.license == ["mit", "unknown"] and card.data.to_dict()["configs"]
    infos = {info["config_name"]: info for info in read_card(tmp_path / "set")[0]["dataset_info"]}
    for name, info in infos.items():
        loaded = datasets.load_dataset(str(tmp_path / "set"), name, cache_dir=str(tmp_path / "cache"))
        assert {split: len(rows) for split, rows in loaded.items()} == {
            split["name"]: split["num_examples"] for split in info["splits"]
        }
        assert next(iter(loaded.values())).features._to_yaml_list() == info["features"]


def test_command(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    command = [sys.executable, "-m", "pipelines.cli", "export", "trl", "--out", "out.jsonl"]
    values = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "--json"], cwd=project, capture_output=True, text=True, env=values)
    assert done.returncode == 0 and json.loads(done.stdout)["rows"] == {"demonstrations": 1}
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, env=values)
    assert done.stdout == "" and "left out: 1 dropped by curation, 2 of another split" in done.stderr
