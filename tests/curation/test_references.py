"""Answers of trusted sources are what others are held against, in a turn's demonstrations and candidates."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from curation.demonstrations import curate_demonstrations
from curation.preferences import curate_preferences
from curation.references import list_references
from pipelines.ingest import ingest_file
from pipelines.sources.imports import read_imports
from schemas.params import Params
from schemas.tables import empty_frame

COWS, EGGS, PENS = "How many cows are there?", "How many eggs are left?", "How many pens does she have?"
KNOWN = [
    {"question": COWS, "answer": "Twice 24 is <<2*24=48>>48.\n#### 48"}, {"question": EGGS, "answer": "So 7.\n#### 7"},
    {"question": PENS, "answer": "#### 1"}, {"question": PENS, "answer": "#### 2"},
]  # fmt: skip
ANSWERED = [
    {"question": COWS, "answer": "All in all the answer is 48."},
    {"question": EGGS, "answer": "That makes \\boxed{8}."}, {"question": PENS, "answer": "#### 3"},
    {"question": "How many?", "answer": "#### 9"},
]  # fmt: skip


def take_in(root: Path, source: str, rows: list[dict[str, str]], *mapping: str) -> None:
    file = root / f"{source}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest_file(root, file, source=source, mapping=mapping)


@pytest.fixture
def imports(tmp_path: Path) -> dict[str, pl.DataFrame]:
    take_in(tmp_path, "gsm8k", KNOWN, "prompt=question", "completion=answer")
    take_in(tmp_path, "a-model", ANSWERED, "prompt=question", "completion=answer")
    take_in(tmp_path, "drawn", ANSWERED, "prompt=question", "candidate=answer")
    return {name: read_imports(tmp_path, name) for name in ("prompts", "demonstrations", "candidates", "origins")}


def assign(prompts: pl.DataFrame) -> pl.DataFrame:
    return prompts.select("prompt_id", cluster_id="prompt_id", split=pl.lit("train"))


def name_texts(rows: pl.DataFrame, key: str, dropped: pl.DataFrame) -> dict[str, Any]:
    """Value of each text that is dropped as a wrong answer."""
    wrong = dropped.filter(pl.col("reason") == "wrong_answer").rename({"row_id": key})
    found = rows.join(wrong, on=key)
    return {row["completion"][0]["content"]: row["value"] for row in found.iter_rows(named=True)}


def test_a_prompt_answered_twice_has_no_known_answer(imports: dict[str, pl.DataFrame]) -> None:
    asked = dict(imports["prompts"].select("prompt_id", pl.col("messages").list.first().struct["content"]).iter_rows())
    known = list_references(imports["demonstrations"], imports["origins"], ["gsm8k"])
    assert {asked[row[0]]: row[1] for row in known.iter_rows()} == {
        COWS: "Twice 24 is <<2*24=48>>48.\n#### 48", EGGS: "So 7.\n#### 7"
    }  # fmt: skip
    assert known["prompt_id"].is_sorted()
    assert list_references(imports["demonstrations"], imports["origins"], []).height == 0


@pytest.mark.parametrize(("sources", "wrong"), [(["gsm8k"], {"That makes \\boxed{8}.": 1.0}), ([], {})])
def test_demonstrations_are_held_against_a_trusted_source(
    imports: dict[str, pl.DataFrame], params: Params, only: Any, sources: list[str], wrong: dict[str, float]
) -> None:
    section = params.curate_demonstrations
    rules = only(section.rules, wrong_answer={"reference_sources": sources})
    dropped = curate_demonstrations(
        imports["demonstrations"], imports["prompts"], assign(imports["prompts"]), empty_frame("dropped"),
        imports["origins"], empty_frame("scores"), params=section.model_copy(update={"rules": rules}),
        near=params.near_duplicates, turn=1,
    )  # fmt: skip
    assert name_texts(imports["demonstrations"], "demonstration_id", dropped) == wrong


def test_candidates_are_held_against_a_trusted_source(
    imports: dict[str, pl.DataFrame], params: Params, only: Any
) -> None:
    section = params.curate_preferences
    section = section.model_copy(update={"candidate_rules": only(section.candidate_rules, wrong_answer={})})
    references = list_references(imports["demonstrations"], imports["origins"], ["gsm8k"])
    made = curate_preferences(
        empty_frame("rankings"), empty_frame("ratings"), imports["candidates"], empty_frame("samples"),
        imports["prompts"], assign(imports["prompts"]), empty_frame("dropped"), empty_frame("labelers"),
        params=section, near=params.near_duplicates, turn=1, seed=1, references=references,
    )  # fmt: skip
    assert name_texts(imports["candidates"], "candidate_id", made.dropped) == {"That makes \\boxed{8}.": 1.0}
