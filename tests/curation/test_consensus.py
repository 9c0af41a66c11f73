from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.consensus import decide_consensus, make_preferences, model_pairs
from schemas.curation_params import Consensus, TiedConsensus


def pair(first: float, second: float, tie: float, name: str = "p") -> dict[str, Any]:
    total = first + second + tie
    return {
        "pair_id": name, "prompt_id": "q", "first_id": "a", "second_id": "b", "n_first": 2, "n_second": 1, "n_tie": 0,
        "weight_first": first, "weight_second": second, "weight_tie": tie, "margin": (first - second) / total,
        "probability_first": 0.5, "modelled": False,
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


RANKED = pl.DataFrame(
    [("r1", "a", 1), ("r1", "b", 2), ("r1", "c", 3), ("r2", "a", 1), ("r2", "c", 2), ("r3", "c", 1), ("r3", "b", 2)],
    schema=["ranking_id", "candidate_id", "tier"], orient="row",
).with_columns(tied=pl.lit(False), weight=pl.lit(1.0))  # fmt: skip


def votes_of(**pairs: tuple[float, float, float]) -> pl.DataFrame:
    """Rows of pair_votes: ab=(weight for a, weight for b, weight of ties)."""
    rows = [pair(*weights, name) | {"first_id": name[0], "second_id": name[1]} for name, weights in pairs.items()]
    return pl.DataFrame(rows)


def model(method: Any, votes: pl.DataFrame) -> pl.DataFrame:
    return model_pairs(votes, lambda: RANKED, Consensus(method=method, invented_wins=0.5))


@pytest.mark.parametrize("method", ["bradley_terry", "newman", "plackett_luce"])
def test_a_model_decides_by_all_votes_on_the_prompt(method: str) -> None:
    # a beats b and c by far, b and c are even but for one odd vote against a: the pair ac follows the whole
    votes = votes_of(ab=(3.0, 0.0, 0.0), ac=(3.0, 1.0, 0.0), bc=(1.0, 1.0, 1.0))
    seen = model(method, votes)
    assert seen["modelled"].all() and seen.select("pair_id", "n_first").equals(votes.select("pair_id", "n_first"))
    chances = seen.select("weight_first", "weight_second", "weight_tie").to_numpy()
    assert chances.sum(axis=1) == pytest.approx([1, 1, 1]) and (chances >= 0).all()
    assert seen["margin"].to_numpy() == pytest.approx(chances[:, 0] - chances[:, 1])
    assert seen["probability_first"].to_numpy() == pytest.approx(chances[:, 0] / (chances[:, 0] + chances[:, 1]))
    assert seen["margin"][0] > 0.2 and seen["margin"][1] > 0.1
    made = make_preferences(decide_consensus(seen, TiedConsensus(enabled=False, min_margin=0.0)))
    both = seen.join(made, on="pair_id")
    assert both["margin_right"].to_numpy() == pytest.approx(both["margin"].abs().to_numpy())
    assert both["weight"].to_numpy() == pytest.approx((2 * both["probability_first"] - 1).abs().to_numpy())


def test_weighted_majority_leaves_votes_as_they_are_and_writes_no_margin() -> None:
    votes = votes_of(ab=(3.0, 1.0, 0.0))
    seen = model("weighted_majority", votes)
    assert seen.drop("modelled").equals(votes.drop("modelled")) and not seen["modelled"].any()
    made = make_preferences(decide_consensus(seen, TiedConsensus(enabled=True, min_margin=0.0)))
    assert made.select("margin", "weight").row(0) == (None, None)


def test_two_candidates_with_an_invented_win_each() -> None:
    # P(a) / P(b) = (3 + .5 y) / (.5 y) ... by hand for bradley_terry: s = exp(d), both share out 2 d symmetrically
    seen = model("bradley_terry", votes_of(ab=(3.0, 0.0, 0.0)))
    p = seen["weight_first"][0]
    # stationarity in the log-strength x of a (b is at -x): 3 (1 - p) + .5 (1 - 2 q) = 0 with q = 1 / (1 + exp(-x))
    import math

    x = math.log(p / (1 - p)) / 2
    q = 1 / (1 + math.exp(-x))
    assert 3 * (1 - p) + 0.5 * (1 - 2 * q) == pytest.approx(0, abs=1e-6)


def test_no_votes_need_no_model() -> None:
    assert model("newman", votes_of(ab=(1.0, 0.0, 0.0)).clear())["modelled"].len() == 0
