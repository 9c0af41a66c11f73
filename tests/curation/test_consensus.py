from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus import decide_consensus, make_preferences
from schemas.params import TiedConsensus


def pair(first: float, second: float, tie: float, name: str = "p") -> dict[str, Any]:
    total = first + second + tie
    return {
        "pair_id": name, "prompt_id": "q", "first_id": "a", "second_id": "b", "n_first": 2, "n_second": 1, "n_tie": 0,
        "weight_first": first, "weight_second": second, "weight_tie": tie, "margin": (first - second) / total,
    }  # fmt: skip


def decide(rows: list[dict[str, Any]], *, enabled: bool = True, min_margin: float = 0.0) -> pl.DataFrame:
    return decide_consensus(pl.DataFrame(rows), TiedConsensus(enabled=enabled, min_margin=min_margin))


@pytest.mark.parametrize(
    ("weights", "consensus", "without_rule"),
    [
        ((2.0, 1.0, 0.0), "first", "first"),
        ((1.0, 2.0, 0.0), "second", "second"),
        ((1.0, 1.0, 0.0), "tie", "tie"),
        ((0.0, 0.0, 1.0), "tie", "tie"),
        ((1.0, 0.0, 2.0), "tie", "first"),  # most say that they are equal
        ((1.0, 0.0, 1.0), "tie", "first"),
        ((1.5, 0.0, 1.0), "first", "first"),
        ((0.3, 0.1 + 0.2, 0.0), "tie", "tie"),  # equal but for rounding
    ],
)
def test_the_verdict_of_most_weight_wins(
    weights: tuple[float, float, float], consensus: str, without_rule: str
) -> None:
    assert decide([pair(*weights)])["consensus"].to_list() == [consensus]
    assert decide([pair(*weights)], enabled=False)["consensus"].to_list() == [without_rule]


def test_a_margin_can_be_asked_for() -> None:
    rows = [pair(3.0, 2.0, 0.0)]  # margin .2
    assert decide(rows, min_margin=0.19)["consensus"].to_list() == ["first"]
    assert decide(rows, min_margin=0.2)["consensus"].to_list() == ["tie"]


def test_the_preferred_side_is_chosen_and_votes_turn_with_it() -> None:
    made = make_preferences(decide([pair(2, 1, 0, "p1"), pair(1, 2, 0, "p2"), pair(1, 1, 0, "p3")]))
    columns = ["pair_id", "chosen_id", "rejected_id", "votes_for", "votes_against", "votes_tie"]
    assert made.select(columns).rows() == [("p1", "a", "b", 2, 1, 0), ("p2", "b", "a", 1, 2, 0)]


WEIGHT = st.floats(0, 9)


@given(WEIGHT, WEIGHT, WEIGHT.map(lambda w: w + 0.01))
def test_turning_a_pair_round_turns_its_consensus(first: float, second: float, tie: float) -> None:
    (one,), (other,) = (decide([pair(*w, tie)])["consensus"] for w in ((first, second), (second, first)))
    assert other == {"first": "second", "second": "first", "tie": "tie"}[one]
