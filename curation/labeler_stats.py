"""Turns comparisons into the table `labeler_stats`: agreement, reliability, biases, consistency of each labeler."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from curation.agreement import pair_agreement
from curation.reliability import believe_others, bound_slopes, encode_votes, estimate_reliability, regress_votes
from schemas.params import BiasedLabeler, PreferenceRules
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
) -> JudgedLabelers:
    """Measure each labeler and name those whom the rules drop.

    Args:
        comparisons: view `comparisons`, one direction of each pair.
        rankings, labelers: the tables; a labeler without rankings has stats of null.
        lengths: candidate_id, n_characters.
    """
    reliability = estimate_reliability(comparisons, confidence=rules.unreliable_labeler.confidence)
    position = measure_position_bias(comparisons, rules.position_biased_labeler.confidence)
    length = measure_length_bias(comparisons, lengths, rules.length_biased_labeler.confidence)
    everyone = pl.concat([labelers.select("labeler_id"), rankings.select("labeler_id")]).unique()
    counts = rankings.filter(pl.col("skip_reason").is_null()).group_by("labeler_id").agg(n_rankings=pl.len())
    stats = everyone.join(counts, on="labeler_id", how="left").with_columns(pl.col("n_rankings").fill_null(0))
    for part in (
        measure_agreement_by_labeler(comparisons),
        reliability.select("labeler_id", "reliability"),
        position.select("labeler_id", position_bias=pl.col("slope").clip(-1, 1)),
        length.select("labeler_id", length_bias=pl.col("slope").clip(-1, 1)),
        measure_repeat_consistency(comparisons),
    ):
        stats = stats.join(part, on="labeler_id", how="left")
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


def measure_position_bias(comparisons: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Pull towards the side shown earlier, beside what other labelers say: (labeler_id, slope, lower, upper, ...).

    0 is none, 1 always the earlier, -1 always the later; null where no order was recorded.
    """
    votes = encode_votes(comparisons)
    shown = votes.frame.select(
        sign=(pl.col("second_shown").cast(pl.Int64) - pl.col("first_shown").cast(pl.Int64)).sign()
    )
    return _measure_bias(comparisons, shown["sign"], confidence)


def measure_length_bias(comparisons: pl.DataFrame, lengths: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Pull towards the longer side, beside what other labelers say; scale and shape as position bias."""
    votes = encode_votes(comparisons)
    sizes = votes.frame.join(
        lengths.select(first_id="candidate_id", first_size="n_characters"),
        on="first_id",
        how="left",
        maintain_order="left",
    )
    sizes = sizes.join(
        lengths.select(second_id="candidate_id", second_size="n_characters"),
        on="second_id",
        how="left",
        maintain_order="left",
    )
    sign = sizes.select(sign=(pl.col("first_size").cast(pl.Int64) - pl.col("second_size").cast(pl.Int64)).sign())
    return _measure_bias(comparisons, sign["sign"], confidence)


def _measure_bias(comparisons: pl.DataFrame, towards_first: pl.Series, confidence: float) -> pl.DataFrame:
    """Slope of votes on a direction (+1: towards the first side), with what others believe held fixed.

    Truth may favour longer answers: only the pull beyond what others see counts, so a contrary labeler is not biased.
    """
    votes = encode_votes(comparisons)
    pull = towards_first.fill_null(0).to_numpy().astype(np.float64)
    both = np.stack([believe_others(votes), pull], axis=1)
    return bound_slopes(votes, regress_votes(votes, both), confidence)


def _find_biased(bias: pl.DataFrame, reliability: pl.DataFrame, rule: BiasedLabeler) -> pl.DataFrame:
    """(labeler_id, value the bias) of labelers surely more biased than allowed and not reliable in spite of it."""
    both = bias.join(reliability.select("labeler_id", "reliability"), on="labeler_id")
    extreme = (pl.col("lower") > rule.max_bias) | (pl.col("upper") < -rule.max_bias)
    return both.filter(extreme & (pl.col("reliability") < rule.min_reliability)).select("labeler_id", value="slope")


def _blame(labelers: pl.DataFrame, reason: str, threshold: float) -> pl.DataFrame:
    return labelers.select(
        "labeler_id", pl.lit(reason).alias("reason"), "value", pl.lit(threshold, pl.Float64).alias("threshold")
    )
