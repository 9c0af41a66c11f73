"""Turns the kept votes on each pair into a consensus, and those that are not tied into preferences."""

import polars as pl

from schemas.params import TiedConsensus
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


def make_preferences(decided: pl.DataFrame) -> pl.DataFrame:
    """Table `preferences` of the pairs whose consensus is not a tie; votes are counts of kept rankings."""
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
        ),
    )
