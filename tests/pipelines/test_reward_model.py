"""Which preferences a reward model is trained on."""

from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest

from pipelines.reward_model import replay_pairs
from pipelines.stage import Stage

PAST = [f"past-{n}" for n in range(20)]
PAIRS = pl.DataFrame({"prompt_id": [name for name in [*PAST, "new-1", "new-2"] for _ in range(3)]})


def draw(limit: int | None, seed: int = 1, pairs: pl.DataFrame = PAIRS) -> list[str]:
    params = SimpleNamespace(reward_model=SimpleNamespace(past_prompts=limit))
    rows = pl.DataFrame({"prompt_id": PAST})
    stage = SimpleNamespace(params=params, seed=seed, past_rows={"prompts": rows}.__getitem__)
    return replay_pairs(cast(Stage, stage), pairs)["prompt_id"].to_list()


@pytest.mark.parametrize("limit", [0, 5, 19])
def test_all_of_this_turn_and_so_many_prompts_of_earlier_ones(limit: int) -> None:
    drawn = draw(limit)
    assert {"new-1", "new-2"} <= set(drawn)
    assert len(set(drawn)) == limit + 2
    assert len(drawn) == 3 * (limit + 2), "a prompt comes with all its pairs"


@pytest.mark.parametrize("limit", [None, 20, 21])
def test_few_enough_are_all_replayed(limit: int | None) -> None:
    assert draw(limit) == PAIRS["prompt_id"].to_list()


def test_the_seed_alone_decides() -> None:
    assert sorted(draw(5)) == sorted(draw(5, pairs=PAIRS.reverse()))
    assert draw(5) != draw(5, seed=2)
