"""Turns comparisons into the table `labeler_stats`: agreement, reliability, biases, consistency of each labeler."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.agreement import pair_agreement
from curation.dawid_skene import believe_others
from curation.reliability import bound_bias, bound_reliability
from curation.votes import Votes, encode_votes
from schemas.curation_params import BiasedLabeler, PreferenceRules
from schemas.tables import conform_frame


@dataclass(frozen=True)
class JudgedLabelers:
    """stats: table `labeler_stats`. blamed: (labeler_id, reason, value, threshold) of labelers to drop."""

    stats: pl.DataFrame
    blamed: pl.DataFrame


def judge_labelers(
    comparisons: pl.DataFrame,
    rankings: pl.DataFrame,
    labelers: pl.DataFrame,
    lengths: pl.DataFrame,
    rules: PreferenceRules,
    *,
    gold_labelers: Collection[str],
) -> JudgedLabelers:
    """Measure each labeler and name those whom the rules drop.

    Args:
        comparisons: view `comparisons`, one direction of each pair.
        rankings, labelers: the tables; a labeler without rankings has stats of null.
        lengths: candidate_id, n_characters.
    """
    votes = encode_votes(comparisons, gold_labelers)
    belief = believe_others(votes)
    reliability = bound_reliability(votes, belief, rules.unreliable_labeler.confidence)
    position = bound_bias(votes, belief, votes.towards_earlier, rules.position_biased_labeler.confidence)
    pull = measure_length_pull(votes, lengths)
    length = bound_bias(votes, belief, pull, rules.length_biased_labeler.confidence)
    everyone = pl.concat([labelers.select("labeler_id"), rankings.select("labeler_id")]).unique()
    counts = rankings.filter(pl.col("skip_reason").is_null()).group_by("labeler_id").agg(n_rankings=pl.len())
    stats = everyone.join(counts, on="labeler_id", how="left").with_columns(pl.col("n_rankings").fill_null(0))
    by_gold = pl.col("labeler_id").is_in(list(gold_labelers))
    voted = comparisons.filter(~by_gold)
    for part in (
        measure_agreement_by_labeler(voted),
        reliability.select("labeler_id", "reliability"),
        position.select("labeler_id", position_bias=pl.col("slope").clip(-1, 1)),
        length.select("labeler_id", length_bias=pl.col("slope").clip(-1, 1)),
        measure_repeat_consistency(voted),
        measure_gold_accuracy(votes).select("labeler_id", "gold_accuracy"),
    ):
        stats = stats.join(part, on="labeler_id", how="left")
    stats = stats.with_columns(reliability=pl.when(by_gold).then(1.0).otherwise("reliability"))
    blamed = [
        pl.DataFrame(
            schema={"labeler_id": pl.String, "reason": pl.String, "value": pl.Float64, "threshold": pl.Float64}
        )
    ]
    rule = rules.unreliable_labeler
    if rule.enabled:
        low = reliability.filter(pl.col("upper") < rule.min_reliability)
        blamed.append(_blame(low.select("labeler_id", value="reliability"), "unreliable_labeler", rule.min_reliability))
    for reason, bias in (("position_biased_labeler", position), ("length_biased_labeler", length)):
        biased: BiasedLabeler = getattr(rules, reason)
        if biased.enabled:
            blamed.append(_blame(_find_biased(bias, reliability, biased), reason, biased.max_bias))
    return JudgedLabelers(conform_frame("labeler_stats", stats), pl.concat(blamed).sort("labeler_id", "reason"))


def measure_agreement_by_labeler(comparisons: pl.DataFrame) -> pl.DataFrame:
    """(labeler_id, agreement): mean agreement with each other vote on the same pair, as agreement.py defines it."""
    pairs = pair_agreement(first_round_votes(comparisons))
    sides = [pairs.select(pl.col(c).alias("labeler_id"), "agreed") for c in ("labeler_id", "other_id")]
    return pl.concat(sides).group_by("labeler_id").agg(agreement=pl.col("agreed").mean()).sort("labeler_id")


def first_round_votes(comparisons: pl.DataFrame) -> pl.DataFrame:
    """One vote a labeler and pair, of their first round: item_id, prompt_id, labeler_id, verdict."""
    ordered = comparisons.sort("pair_id", "labeler_id", "round", "ranking_id")
    first = ordered.unique(["pair_id", "labeler_id"], keep="first", maintain_order=True)
    return first.select("prompt_id", "labeler_id", "verdict", item_id="pair_id")


def measure_repeat_consistency(comparisons: pl.DataFrame) -> pl.DataFrame:
    """(labeler_id, repeat_consistency): agreement of a labeler's own votes on one pair in different rounds."""
    owned = pl.col("labeler_id") + ":" + pl.col("pair_id")
    votes = comparisons.select(item_id=owned, owner="labeler_id", labeler_id="ranking_id", verdict="verdict")
    pairs = pair_agreement(votes, "owner")
    return pairs.group_by(labeler_id="owner").agg(repeat_consistency=pl.col("agreed").mean()).sort("labeler_id")


def measure_gold_accuracy(votes: Votes) -> pl.DataFrame:
    """(labeler_id, n_gold, gold_accuracy): share of right votes among the strict ones on pairs that gold decides."""
    gold = votes.gold[votes.pair]
    n_gold = np.bincount(votes.labeler, gold != 0, minlength=len(votes.labelers)).astype(np.int64)
    n_right = np.bincount(votes.labeler, votes.sign == gold, minlength=len(votes.labelers))
    told = pl.DataFrame(
        {"labeler_id": pl.Series(votes.labelers, dtype=pl.String), "n_gold": n_gold, "n_right": n_right}
    )
    accuracy = pl.col("n_right") / pl.col("n_gold")
    return told.filter(pl.col("n_gold") > 0).select("labeler_id", "n_gold", gold_accuracy=accuracy)


def measure_length_pull(votes: Votes, lengths: pl.DataFrame) -> np.ndarray:
    """For each vote +1 where the first side is longer, -1 where the second is, 0 where they are equal or unknown."""
    sizes = votes.sides
    for side in ("first", "second"):
        named = lengths.select(pl.col("candidate_id").alias(f"{side}_id"), pl.col("n_characters").alias(f"{side}_size"))
        sizes = sizes.join(named, on=f"{side}_id", how="left", maintain_order="left")
    pull = (pl.col("first_size").cast(pl.Int64) - pl.col("second_size").cast(pl.Int64)).sign()
    return sizes.select(pull.cast(pl.Float64).fill_null(0.0)).to_series().to_numpy()


def _find_biased(bias: pl.DataFrame, reliability: pl.DataFrame, rule: BiasedLabeler) -> pl.DataFrame:
    """(labeler_id, value the bias) of labelers surely more biased than allowed and not reliable in spite of it."""
    both = bias.join(reliability.select("labeler_id", "reliability"), on="labeler_id")
    extreme = (pl.col("lower") > rule.max_bias) | (pl.col("upper") < -rule.max_bias)
    return both.filter(extreme & (pl.col("reliability") < rule.min_reliability)).select("labeler_id", value="slope")


def _blame(labelers: pl.DataFrame, reason: str, threshold: float) -> pl.DataFrame:
    return labelers.select(
        "labeler_id", pl.lit(reason).alias("reason"), "value", pl.lit(threshold, pl.Float64).alias("threshold")
    )
