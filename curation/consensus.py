"""Turns the kept votes on each pair into a consensus, and those that are not tied into preferences.

By weighted majority a pair is decided by its own votes; by a model of strengths (pair_models.py, plackett_luce.py) by
all votes on its prompt's candidates, so that one odd vote saves no well-beaten candidate, and no cycles are left.
"""

from collections.abc import Callable

import numpy as np
import polars as pl

from curation.pair_models import (
    Array,
    PairCounts,
    fit_davidson,
    fit_rao_kupper,
    predict_davidson,
    predict_rao_kupper,
)
from curation.plackett_luce import fit_plackett_luce, list_choices
from schemas.curation_params import Consensus, TiedConsensus
from schemas.tables import conform_frame

_EQUAL = 1e-9  # weights nearer than rounding are equal


def decide_consensus(pair_votes: pl.DataFrame, rule: TiedConsensus) -> pl.DataFrame:
    """Rows of view `pair_votes` with `consensus`: the verdict of most weight, `tie` where two share it.

    With the rule on, a preferred side also needs a margin above the rule's.
    """
    first, second, tie = (pl.col(f"weight_{v}") for v in ("first", "second", "tie"))
    # without the rule ties among the labelers don't matter, only exact balance does
    rivals = [tie] if rule.enabled else []
    least = rule.min_margin if rule.enabled else 0.0
    ahead = pl.col("margin").abs() > least + _EQUAL
    wins_first = (first > pl.max_horizontal(second, *rivals) + _EQUAL) & ahead
    wins_second = (second > pl.max_horizontal(first, *rivals) + _EQUAL) & ahead
    verdict = (
        pl.when(wins_first).then(pl.lit("first")).when(wins_second).then(pl.lit("second")).otherwise(pl.lit("tie"))
    )
    return pair_votes.with_columns(consensus=verdict)


def model_pairs(pair_votes: pl.DataFrame, ranked: Callable[[], pl.DataFrame], consensus: Consensus) -> pl.DataFrame:
    """Rows of view `pair_votes` as the consensus method sees them: with a model, its chances stand for the weights.

    Then weight_first, weight_second and weight_tie are the chances of each verdict (Plackett and Luce's model knows no
    tie), margin is that of the first less that of the second, probability_first the first's among wins, and
    `modelled` is true.

    Args:
        ranked: view `ranked_candidates`; called only where rankings as a whole count.
    """
    modelled = consensus.method != "weighted_majority"
    if not modelled or not pair_votes.height:
        return pair_votes.with_columns(modelled=pl.lit(modelled))
    names = pl.concat([pair_votes["first_id"], pair_votes["second_id"]]).unique().sort()
    first, second = (_number(pair_votes[f"{side}_id"], names) for side in ("first", "second"))
    if consensus.method == "plackett_luce":
        won = _compare_rankings(ranked(), names, first, second, consensus.invented_wins)
    else:
        weights = (pair_votes[f"weight_{v}"].to_numpy() for v in ("first", "second", "tie"))
        counts = PairCounts(len(names), first, second, *weights)
        if consensus.method == "newman":
            won = predict_davidson(fit_davidson(counts, invented_wins=consensus.invented_wins), first, second)
        else:
            won = predict_rao_kupper(fit_rao_kupper(counts, invented_wins=consensus.invented_wins), first, second)
    chances = {f"weight_{v}": pl.Series(chance) for v, chance in zip(("first", "second", "tie"), won, strict=True)}
    margin = pl.col("weight_first") - pl.col("weight_second")
    strict = pl.col("weight_first") + pl.col("weight_second")
    return pair_votes.with_columns(**chances).with_columns(
        margin=margin, probability_first=pl.col("weight_first") / strict, modelled=pl.lit(True)
    )


def _compare_rankings(
    ranked: pl.DataFrame, names: pl.Series, first: Array, second: Array, invented_wins: float
) -> tuple[Array, Array, Array]:
    known = ranked.filter(pl.col("candidate_id").is_in(names.implode()))
    numbered = known.with_columns(
        ranking=pl.col("ranking_id").rank("dense"),
        item=pl.Series(_number(known["candidate_id"], names), dtype=pl.Int64),
    )
    logs = fit_plackett_luce(list_choices(numbered, len(names)), invented_wins=invented_wins)
    chance = 1 / (1 + np.exp(logs[second] - logs[first]))
    return chance, 1 - chance, np.zeros(len(chance))


def _number(values: pl.Series, names: pl.Series) -> Array:
    """Place of each value among the sorted names."""
    return names.search_sorted(values).to_numpy().astype(np.int64)


def make_preferences(decided: pl.DataFrame) -> pl.DataFrame:
    """Table `preferences` of the pairs whose consensus is not a tie; votes are counts of kept rankings.

    margin and weight are written only where a model says them: those of votes the view `preference_pairs` works out,
    so that one new vote, which moves every reliability a little, changes no other row.
    """
    modelled = pl.col("modelled")
    strict = decided.filter(pl.col("consensus") != "tie")
    first = pl.col("consensus") == "first"
    return conform_frame(
        "preferences",
        strict.select(
            "pair_id",
            "prompt_id",
            chosen_id=pl.when(first).then("first_id").otherwise("second_id"),
            rejected_id=pl.when(first).then("second_id").otherwise("first_id"),
            votes_for=pl.when(first).then("n_first").otherwise("n_second"),
            votes_against=pl.when(first).then("n_second").otherwise("n_first"),
            votes_tie="n_tie",
            margin=pl.when(modelled).then(pl.col("margin").abs()),
            weight=pl.when(modelled).then((2 * pl.col("probability_first") - 1).abs()),
        ),
    )
