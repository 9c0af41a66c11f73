"""What a policy is improved with."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from pipelines import policy
from pipelines.stage import Stage
from schemas.ids import candidate_id, pair_id, prompt_id
from schemas.messages import assistant_completion, user_prompt


def test_labels_of_a_prompt_dropped_as_a_duplicate_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = user_prompt("Name a fruit.")
    prompt = prompt_id(asked)
    prompts = pl.DataFrame({"prompt_id": [prompt], "messages": [asked]})
    completions = [assistant_completion(text) for text in ("An apple.", "A chair.")]
    apple, chair = (candidate_id(prompt, completion) for completion in completions)
    candidates = pl.DataFrame({"candidate_id": [apple, chair], "completion": completions})
    pairs = pl.DataFrame({
        "pair_id": [pair_id(prompt, apple, chair)], "prompt_id": [prompt], "split": ["train"], "chosen_id": [apple],
        "rejected_id": [chair], "weight": [1.0], "margin": [1.0],
    })  # fmt: skip
    tables = {"prompts": prompts, "candidates": candidates, "rankings": prompts.select("prompt_id")}
    stage = SimpleNamespace(rows=tables.get, new_rows=tables.get, dep=Path)
    monkeypatch.setattr(policy, "read_pairs", lambda stage: pairs)
    kept = prompts.clear().with_columns(split=pl.lit("train"))
    found = policy.gather_inputs(cast(Stage, stage), kept, Path("start"))
    assert list(found.prompts) == [], "nothing is sampled for a dropped prompt"
    assert [group.prompt_id for group in found.groups] == [prompt]
    best: Any = found.labelers_best[0]
    assert best.row_id == apple and best.messages[0]["content"] == "Name a fruit."
