import dataclasses
from typing import Any

import numpy as np
import polars as pl
import pytest

from curation.dawid_skene import believe_others
from curation.labeler_stats import measure_length_pull
from curation.reliability import bound_bias, estimate_reliability, find_unreliable, regress_votes
from curation.votes import Votes, encode_votes
from schemas.curation_params import UnreliableLabeler

RULE = UnreliableLabeler(enabled=True, min_reliability=0.65, confidence=0.95)


def simulate(seed: int, kinds: list[str], *, n_prompts: int = 1500, k: int = 4, per_prompt: int = 3) -> pl.DataFrame:
    """Comparisons of rankings over k candidates of five levels of quality, several tied.

    Honest labelers see quality with noise of their own (strict verdicts right .72 to .87); ties are likings that round
    to the same. Careless ones draw, contrary ones turn theirs round, biased ones like place or length.
    """
    rng = np.random.default_rng(seed)
    noise = rng.uniform(0.5, 0.9, len(kinds))
    rows = []
    for prompt in range(n_prompts):
        quality, length = rng.integers(0, 5, k) / 2, rng.integers(2, 12, k)
        for labeler in rng.choice(len(kinds), per_prompt, replace=False):
            place, kind = rng.permutation(k), kinds[labeler]
            liking = quality + rng.normal(0, noise[labeler], k)
            if kind == "careless":
                liking = rng.normal(0, 0.8, k)
            elif kind == "contrary":
                liking = -liking
            elif kind == "position":
                liking = 0.3 * liking - place
            elif kind == "length":
                liking = 0.3 * liking + 0.4 * length
            tiers = np.round(2 * liking)
            rows += [
                (
                    f"{prompt}-{labeler}", f"{prompt}:{i}{j}", str(prompt), f"{kind}-{labeler:02}", f"{prompt}-{i}",
                    f"{prompt}-{j}", "tie" if tiers[i] == tiers[j] else "first" if tiers[i] > tiers[j] else "second",
                    place[i], place[j], length[i], length[j],
                )
                for i in range(k) for j in range(i + 1, k)
            ]  # fmt: skip
    columns = ["ranking_id", "pair_id", "prompt_id", "labeler_id", "first_id", "second_id", "verdict"]
    return pl.DataFrame(rows, schema=[*columns, "first_shown", "second_shown", "n_first", "n_second"], orient="row")


def blamed(comparisons: pl.DataFrame) -> set[str]:
    return set(find_unreliable(estimate_reliability(comparisons, confidence=RULE.confidence), RULE)["labeler_id"])


def bad_ones(comparisons: pl.DataFrame) -> set[str]:
    return {name for name in comparisons["labeler_id"].unique() if not name.startswith("honest")}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_labelers", [12, 20])
def test_a_quarter_careless_and_a_quarter_contrary_are_found_and_nobody_else(seed: int, n_labelers: int) -> None:
    quarter = n_labelers // 4
    kinds = ["careless"] * quarter + ["contrary"] * quarter + ["honest"] * (n_labelers - 2 * quarter)
    comparisons = simulate(seed, kinds)
    assert blamed(comparisons) == bad_ones(comparisons)


@pytest.mark.parametrize("seed", range(5))
def test_forty_percent_careless_are_found_and_nobody_else(seed: int) -> None:
    comparisons = simulate(seed, ["careless"] * 6 + ["honest"] * 9)
    assert blamed(comparisons) == bad_ones(comparisons)


def test_few_votes_blame_nobody_honest() -> None:
    below = 0
    for seed in range(8):
        comparisons = simulate(seed, ["careless"] * 4 + ["contrary"] * 2 + ["honest"] * 10, n_prompts=60)
        assert blamed(comparisons) <= bad_ones(comparisons)
        estimates = estimate_reliability(comparisons, confidence=RULE.confidence)
        honest = estimates.filter(pl.col("labeler_id").str.starts_with("honest"))
        below += (honest["reliability"] < RULE.min_reliability).sum()
    assert below > 0  # though some of them look bad


def test_reliability_is_the_chance_to_be_right() -> None:
    # independent votes on pairs, no ties: the truth is known exactly
    rng = np.random.default_rng(3)
    chances = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.5, "e": 0.2}
    rows = []
    for pair in range(3000):
        better = rng.random() < 0.5
        for name, chance in chances.items():
            verdict = "first" if (rng.random() < chance) == better else "second"
            rows.append((f"r{pair}{name}", str(pair), str(pair), name, f"{pair}x", f"{pair}y", verdict))
    columns = ["ranking_id", "pair_id", "prompt_id", "labeler_id", "first_id", "second_id", "verdict"]
    result = estimate_reliability(pl.DataFrame(rows, schema=columns, orient="row"), confidence=0.995)
    for name, _, reliability, lower, upper in result.iter_rows():
        assert reliability == pytest.approx(chances[name], abs=0.04)
        assert lower < chances[name] < upper


def test_belief_of_others_leaves_a_labelers_own_votes_out() -> None:
    comparisons = pl.DataFrame(
        [("r1", "p", "q", "a", "x", "y", "first"), ("r2", "p2", "q2", "a", "x2", "y2", "first")],
        schema=["ranking_id", "pair_id", "prompt_id", "labeler_id", "first_id", "second_id", "verdict"], orient="row",
    )  # fmt: skip
    assert believe_others(encode_votes(comparisons)).tolist() == [0.0, 0.0]
    result = estimate_reliability(comparisons, confidence=0.95)
    assert result.select("reliability", "lower", "upper").row(0) == (None, None, None)


def test_direction_rounds_and_row_order_make_no_difference() -> None:
    comparisons = simulate(1, ["careless", "contrary", "honest", "honest", "honest", "honest"], n_prompts=150)
    expected = estimate_reliability(comparisons, confidence=0.95)
    turned = comparisons.select(
        "ranking_id", "pair_id", "prompt_id", "labeler_id", first_id="second_id", second_id="first_id",
        verdict=pl.col("verdict").replace({"first": "second", "second": "first"}), first_shown="second_shown",
        second_shown="first_shown",
    )  # fmt: skip
    shuffled = comparisons.sample(fraction=1, shuffle=True, seed=1)
    for other in (shuffled, turned):
        assert estimate_reliability(other, confidence=0.95).equals(expected)


def test_only_ties_and_no_votes_tell_nothing() -> None:
    comparisons = simulate(1, ["honest"] * 3, n_prompts=5).with_columns(verdict=pl.lit("tie"))
    result = estimate_reliability(comparisons, confidence=0.95)
    assert result["labeler_id"].len() == 3 and result["reliability"].null_count() == 3
    assert estimate_reliability(comparisons.clear(), confidence=0.95).height == 0


def measure_bias(comparisons: pl.DataFrame, lengths: pl.DataFrame | None = None) -> dict[str, Any]:
    """Slope of each labeler's position bias, or with lengths of their length bias."""
    votes = encode_votes(comparisons)
    direction = votes.towards_earlier if lengths is None else measure_length_pull(votes, lengths)
    bounds = bound_bias(votes, believe_others(votes), direction, 0.95)
    return dict(bounds.select("labeler_id", "slope").iter_rows())


def test_biases_are_measured_beside_what_others_say() -> None:
    kinds = ["position", "length", "contrary", "careless"] + ["honest"] * 8
    comparisons = simulate(2, kinds)
    lengths = pl.concat(
        [comparisons.select(candidate_id=f"{side}_id", n_characters=f"n_{side}") for side in ("first", "second")]
    ).unique()
    position, length = measure_bias(comparisons), measure_bias(comparisons, lengths)
    assert position.pop("position-00") > 0.9 and length.pop("length-01") > 0.9
    assert all(abs(bias) < 0.15 for bias in [*position.values(), *length.values()])


def test_a_pair_named_the_other_way_round_pulls_the_same() -> None:
    comparisons = simulate(2, ["length"] * 2 + ["honest"] * 3, n_prompts=40)
    lengths = pl.concat(
        [comparisons.select(candidate_id=f"{side}_id", n_characters=f"n_{side}") for side in ("first", "second")]
    ).unique()
    swapped = {"first": "second", "second": "first"}
    turned = comparisons.rename(
        {c: c.replace(*p) for p in swapped.items() for c in comparisons.columns if p[0] in c}
    ).with_columns(pl.col("verdict").replace(swapped))
    assert measure_bias(turned) == pytest.approx(measure_bias(comparisons))
    assert measure_bias(turned, lengths) == pytest.approx(measure_bias(comparisons, lengths))


def test_bias_without_a_recorded_order_is_null() -> None:
    comparisons = simulate(2, ["honest"] * 3, n_prompts=20).with_columns(first_shown=pl.lit(None, pl.Int64))
    assert set(measure_bias(comparisons).values()) == {None}


def test_sign_of_bias() -> None:
    def bias(first_shown: int, second_shown: int) -> Any:
        rows = [
            (f"r{i}", f"p{i}", f"q{i}", "a", f"{i}x", f"{i}y", "first", first_shown, second_shown) for i in range(9)
        ]
        columns = ["ranking_id", "pair_id", "prompt_id", "labeler_id", "first_id", "second_id", "verdict"]
        return measure_bias(pl.DataFrame(rows, schema=[*columns, "first_shown", "second_shown"], orient="row"))["a"]

    # nobody else voted: belief is 0 throughout, and the slope on the order alone is +-1
    assert (bias(1, 2), bias(2, 1)) == (1.0, -1.0)


def test_errors_are_clustered_by_prompt() -> None:
    # one regressor of 1 and votes 1, 1, -1 | 1: the slope is 1/2, residuals sum to -.5 and .5 by prompt, so the
    # clustered variance is (.25 + .25) * 2/1 / 4^2; that of independent votes, 4 * (1 - .25) / 4^2, is larger
    votes = Votes(
        pl.DataFrame(), ["a"], np.array([0, 1, 2, 3]), np.zeros(4, int), np.array([1.0, 1, -1, 1]),
        np.array([0, 0, 0, 1]), np.zeros(4), np.zeros(4),
    )  # fmt: skip
    slopes = regress_votes(votes, np.ones(4))
    assert (slopes.slopes[0], slopes.n_clusters[0]) == (pytest.approx(0.5), 2)
    assert slopes.errors[0] == pytest.approx((3 / 16) ** 0.5)
    # the votes of one prompt all alike: residuals .5 * 3 and -1.5 sum up, 2 * (2.25 + 2.25) / 16 is larger now
    alike = dataclasses.replace(votes, sign=np.array([1.0, 1, 1, -1]))
    assert regress_votes(alike, np.ones(4)).errors[0] == pytest.approx((9 / 16) ** 0.5)


def test_bounds_hold_the_estimate_where_all_votes_agree() -> None:
    # what others say is less sure than what each said, so that the slope is above what any record may show
    for n_prompts in (4, 40, 400):
        votes = [
            {
                "pair_id": f"p{p}", "prompt_id": f"p{p}", "ranking_id": f"p{p}:{labeler}", "labeler_id": labeler,
                "first_id": "a", "second_id": "b", "verdict": ("first", "second")[p % 2 != (labeler == "contrary")],
            }
            for p in range(n_prompts)
            for labeler in ("ann", "bob", "contrary", "dan")
        ]  # fmt: skip
        known = estimate_reliability(pl.DataFrame(votes), confidence=0.95)
        assert known.filter(~pl.col("reliability").is_between("lower", "upper")).is_empty(), known
