"""The nine question sets come in from their original layouts: each row is told, kept or accounted for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.ingest import IngestError, ingest_file
from pipelines.sources.imports import read_imports

FOLDER = "nlp-samples"
ARC = "ai2_arc/ARC-Challenge/1.0.0/ARC-V1-Feb2018-2/ARC-Challenge/ARC-Challenge-Train.jsonl"
OPENBOOKQA = "openbookqa/main/1.0.1/OpenBookQA-V1-Sep2018/Data/Main/train.jsonl"
Find = Callable[[str], Path]


def texts(root: Path) -> set[tuple[str, ...]]:
    """Prompt and messages of each demonstration."""
    asked = read_imports(root, "prompts").select("prompt_id", "messages")
    rows = read_imports(root, "demonstrations").join(asked, on="prompt_id").iter_rows(named=True)
    return {(row["messages"][0]["content"], *(m["content"] for m in row["completion"])) for row in rows}


@pytest.mark.parametrize(
    ("file", "format_", "rows", "n_demonstrations"),
    [
        (ARC, "arc", 3, 3),
        ("ai2_arc/ARC-Easy/1.0.0/ARC-V1-Feb2018-2/ARC-Easy/ARC-Easy-Test.jsonl", "arc", 2, 2),
        ("boolq/0.1.0/train.jsonl", "boolq", 3, 3),
        ("boolq/0.1.0/dev.jsonl", "boolq", 1, 1),
        ("coqa/1.0.0/coqa-train-v1.0.json", "coqa", 1, 1),
        ("coqa/1.0.0/coqa-dev-v1.0.json", "coqa", 1, 1),
        ("drop/0.1.0/drop_dataset/drop_dataset_train.json", "drop", 1, 5),
        ("drop/0.1.0/drop_dataset/drop_dataset_dev.json", "drop", 1, 2),
        ("multinli_1.0/multinli_1.0_train.jsonl", "multinli", 5, 5),
        ("multinli_1.0/multinli_1.0_dev_mismatched.jsonl", "multinli", 5, 5),
        ("multinli_1.0/multinli_1.0_dev_matched.txt", "multinli", 4, 4),
        (OPENBOOKQA, "openbookqa", 4, 4),
        ("openbookqa/additional/1.0.1/OpenBookQA-V1-Sep2018/Data/Additional/dev.jsonl", "openbookqa", 2, 2),
        ("quac/plain_text/1.1.0/train_v0.2.json", "quac", 5, 5),
        ("quac/plain_text/1.1.0/val_v0.2.json", "quac", 5, 5),
        ("race/all/0.1.0/RACE/dev/high/73.txt", "race", 1, 1),
        ("winogrande/winogrande_xl/1.1.0/winogrande_1.1/train_xl.jsonl", "winogrande", 4, 4),
        ("winogrande/winogrande_debiased/1.1.0/winogrande_1.1/dev.jsonl", "winogrande", 2, 2),
    ],
)
def test_a_file_is_told_and_all_of_it_kept(
    tmp_path: Path, public_file: Find, file: str, format_: str, rows: int, n_demonstrations: int
) -> None:
    part = ingest_file(tmp_path, public_file(f"{FOLDER}/{file}")).part
    assert (part.format, part.rows.rows_in, part.rows.kept) == (format_, rows, rows)
    assert read_imports(tmp_path, "demonstrations").height == n_demonstrations


def test_answers_are_those_of_the_file(tmp_path: Path, public_file: Find) -> None:
    """Held against the files' own keys, read here another way."""
    ingest_file(tmp_path, public_file(f"{FOLDER}/{ARC}"))
    expected = set()
    for line in public_file(f"{FOLDER}/{ARC}").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        right = next(c["text"] for c in row["question"]["choices"] if c["label"] == row["answerKey"])
        expected.add((row["question"]["stem"].strip(), f"{row['answerKey']}. {right}"))
    assert {(asked.split("\n\nA. ")[0], answered) for asked, answered in texts(tmp_path)} == expected


def test_multinli_is_the_same_from_both_layouts(tmp_path: Path, public_file: Find) -> None:
    """The tab-separated sample has the first four rows; the last of them lost its empty columns at its end."""
    ingest_file(tmp_path / "jsonl", public_file(f"{FOLDER}/multinli_1.0/multinli_1.0_train.jsonl"))
    part = ingest_file(tmp_path / "txt", public_file(f"{FOLDER}/multinli_1.0/multinli_1.0_train.txt")).part
    assert (part.format, part.rows.kept) == ("multinli", 3)
    assert [(bad.rows, bad.first_rows) for bad in part.quarantined] == [(1, [4])]
    assert texts(tmp_path / "txt") < texts(tmp_path / "jsonl") and len(texts(tmp_path / "txt")) == 3


def test_conversations_are_one_demonstration_each(tmp_path: Path, public_file: Find) -> None:
    file = public_file(f"{FOLDER}/coqa/1.0.0/coqa-train-v1.0.json")
    ingest_file(tmp_path, file)
    story = json.loads(file.read_text(encoding="utf-8"))["data"][0]
    completion = read_imports(tmp_path, "demonstrations")["completion"][0].to_list()
    assert [m["content"] for m in completion if m["role"] == "assistant"] == [
        answer["input_text"].strip() for answer in story["answers"]
    ]
    assert [m["content"] for m in completion if m["role"] == "user"] == [
        question["input_text"].strip() for question in story["questions"][1:]
    ]
    context = [m["role"] == "user" or m["content"] == "unknown" for m in completion]
    assert [not m["train"] for m in completion] == context  # its one bad turn is the one answered "unknown"


def test_quac_answers_what_the_text_does_not_say(tmp_path: Path, public_file: Find) -> None:
    part = ingest_file(tmp_path, public_file(f"{FOLDER}/quac/plain_text/1.1.0/val_v0.2.json")).part
    assert {note.name: note.rows for note in part.notes} == {"unanswerable": 5}
    said = [text for row in texts(tmp_path) for text in row]
    assert not any("CANNOTANSWER" in text for text in said)
    assert sum(text == "The text does not say." for text in said) == 10
    assert any(text.startswith("Yes. in November she gave birth") for text in said)


def test_a_file_without_answers_is_refused_with_the_reason(tmp_path: Path, public_file: Find) -> None:
    with pytest.raises(IngestError, match=r"none of 2 rows is winogrande.*no_gold_answer.*train or dev"):
        ingest_file(tmp_path, public_file(f"{FOLDER}/winogrande/winogrande_xl/1.1.0/winogrande_1.1/test.jsonl"))


def test_race_comes_in_as_the_folder_it_is(tmp_path: Path, public_file: Find) -> None:
    folder = public_file(f"{FOLDER}/race/all/0.1.0/RACE/dev")
    part = ingest_file(tmp_path, folder).part
    files = sorted(folder.rglob("*.txt"))
    articles = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert (part.format, part.file, part.rows.kept) == ("race", "dev", len(files))
    assert len(texts(tmp_path)) == sum(len(article["questions"]) for article in articles)
    origins = read_imports(tmp_path, "origins").filter(pl.col("table_name") == "demonstrations")
    assert set(origins["external_id"]) == {
        f"{article['id']}/{number}" for article in articles for number in range(1, 1 + len(article["questions"]))
    }


def write_folder(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_folder_is_the_same_wherever_it_lies(tmp_path: Path) -> None:
    row = {"instruction": "Add.", "output": "3"}
    files = {"b.json": row, "a/1.json": {**row, "output": "4"}}
    first = ingest_file(tmp_path / "one", write_folder(tmp_path / "x" / "set", files)).part
    again = ingest_file(tmp_path / "two", write_folder(tmp_path / "y" / "set", dict(reversed(files.items())))).part
    assert first == again and first.rows.kept == 2


@pytest.mark.parametrize("files", [{}, {"a.json": "{\n}"}, {"a.json": "[]"}, {"a.json": ""}, {"a.txt": "hello"}])
def test_other_folders_are_refused(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "set").mkdir()
    with pytest.raises(IngestError, match=r"set.*is a folder") as caught:
        ingest_file(tmp_path / "p", write_folder(tmp_path / "set", files))
    assert "\n" not in str(caught.value)
