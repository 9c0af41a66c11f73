"""Prompts: splits before generation, nothing given twice, kinds balanced."""

from collections import Counter

import pytest

from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.prompts import share_out, split_prompt, write_prompts
from pipelines.sandbox.tasks import every_task, parse_task, render_task
from schemas.errors import UserError
from schemas.params import Sandbox


def test_all_wordings_of_a_task_share_a_split(params: Sandbox) -> None:
    for pattern in PATTERNS:
        for task in every_task(pattern.kind, pattern.mode)[::200]:
            splits = {split_prompt(render_task(task, w), params.splits, params.seed) for w in range(4)}
            assert len(splits) == 1


def test_splits_have_their_shares(params: Sandbox) -> None:
    tasks = [task for p in PATTERNS for task in every_task(p.kind, p.mode)[::10]]
    counts = Counter(split_prompt(render_task(task, 0), params.splits, params.seed) for task in tasks)
    assert counts["benchmark"] / len(tasks) == pytest.approx(0.2, abs=0.02)
    assert counts["validation"] / len(tasks) == pytest.approx(0.08, abs=0.015)


def test_five_turns_and_the_held_out_prompts_are_all_different(params: Sandbox) -> None:
    given: set[str] = set()
    for split, n in (("benchmark", 900), ("validation", 200), *[("train", 1500)] * 5):
        texts = write_prompts(split, n, params=params, turn_seed=len(given), exclude=given)
        assert len(set(texts)) == n and not set(texts) & given
        assert {split_prompt(text, params.splits, params.seed) for text in texts} == {split}
        given |= set(texts)
    tasks = Counter(parse_task(text) for text in given)
    repeated = sum(n - 1 for task, n in tasks.items() if task)
    assert repeated <= 5 * 30  # only the near-duplicates: 2% of each turn's 1,500 train prompts


def test_held_out_prompts_are_clean_and_kinds_are_balanced(params: Sandbox) -> None:
    kinds = Counter(
        task.kind if (task := parse_task(text)) else None
        for text in write_prompts("benchmark", 900, params=params, turn_seed=1, exclude=set())
    )
    assert None not in kinds and set(kinds.values()) <= {112, 113}  # 900 / 8 = 112.5


def test_other_turns_get_other_prompts(params: Sandbox) -> None:
    first, again, second = (
        write_prompts("train", 200, params=params, turn_seed=seed, exclude=set()) for seed in (1, 1, 2)
    )
    assert first == again and len(set(first) & set(second)) < 20


def test_asking_for_more_than_there_is_says_so(params: Sandbox) -> None:
    with pytest.raises(UserError, match="validation prompts wanted"):
        write_prompts("validation", 60_000, params=params, turn_seed=1, exclude=set())


def test_shares_are_rounded_by_largest_remainder() -> None:
    # 12 labelers: 6, 1.92, 1.08, 1.08, 1.92 -> whole parts 6, 1, 1, 1, 1 and two left for the two .92
    shares = {"skilled": 0.5, "careless": 0.16, "contrary": 0.09, "length_biased": 0.09, "position_biased": 0.16}
    assert share_out(12, shares) == {
        "skilled": 6, "careless": 2, "contrary": 1, "length_biased": 1, "position_biased": 2,
    }  # fmt: skip
