"""Each noise rule finds a fault that was put into clean texts, every time, and says nothing of the clean ones."""

import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from noise_faults import FAULTS, Row, write_clean

from curation.noise import RULES, find_noise
from schemas.noise_rules import PromptRules
from schemas.params import Params

N_FAULTS, N_CLEAN = 120, 400
COLUMNS = {
    "row_id": pl.String, "text": pl.String, "prompt": pl.String, "reference": pl.String, "finish_reason": pl.String,
    "n_tokens": pl.Int64,
}  # fmt: skip
# Judged by py3langid, a statistical model; the rest are deterministic
STATISTICAL = {"language"}


@pytest.fixture(scope="module")
def clean(params: Params) -> list[str]:
    return write_clean(params.sandbox.model_copy(update={"n_documents": 3_000}), N_CLEAN)


def make_frame(rows: list[Row]) -> pl.DataFrame:
    named = [{"row_id": f"{i:05}", "prompt": "Tell me something.", "n_tokens": 9} | row for i, row in enumerate(rows)]
    return pl.DataFrame(named, schema=COLUMNS)


def pick_rules(reason: str, params: Params) -> Any:
    return params.prompts.rules if reason in PromptRules.model_fields else params.curate_demonstrations.rules


def test_every_rule_has_a_fault() -> None:
    assert set(FAULTS) == set(RULES)


@pytest.mark.parametrize("reason", sorted(FAULTS))
def test_every_fault_is_found_and_no_clean_text(
    reason: str, clean: list[str], params: Params, only: Callable[..., Any]
) -> None:
    rng = random.Random(f"faults/{reason}")
    rules = only(pick_rules(reason, params), **{reason: {}})
    faulty = make_frame([FAULTS[reason](rng.choice(clean), rng) for _ in range(N_FAULTS)])
    found = find_noise(faulty, rules)
    missed = faulty.join(found, on="row_id", how="anti")
    assert found.height >= (0.95 if reason in STATISTICAL else 0.99) * N_FAULTS, missed["text"].to_list()[:3]
    assert set(found["reason"]) == {reason} and found["value"].null_count() == 0
    assert find_noise(make_frame([{"text": text} for text in clean]), rules).rows() == []


def test_the_clean_texts_are_clean_by_all_rules_as_committed(clean: list[str], params: Params) -> None:
    frame = make_frame([{"text": text} for text in clean])
    for rules in (params.prompts.rules, params.curate_demonstrations.rules, params.curate_preferences.candidate_rules):
        assert find_noise(frame, rules).rows() == []


def test_news_articles_break_no_rule_of_documents(
    public_file: Callable[[str], Any], params: Params, only: Callable[..., Any]
) -> None:
    lines = public_file("minhash-articles/data/articles_1000.train").read_text(encoding="utf-8").splitlines()
    frame = make_frame([{"text": line.partition(" ")[2]} for line in lines])
    every = only(params.curate_demonstrations.rules, **{name: {} for name in RULES})
    found = find_noise(frame, every).group_by("reason").len()
    # articles were cut into these lines: some end within a sentence, or before a quotation; some name a phone number
    true_of_them = {"truncated", "unfinished_sentence", "trailing_colon", "too_few_sentences", "personal_data"}
    assert set(found["reason"]) <= true_of_them and found["len"].max() < 40
