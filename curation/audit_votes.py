"""Checks of the audit that read votes and rewards: who speaks for a pair, how fast, and pulled by what.

One rule holds throughout: a pair is found when every vote for its chosen side is faulty, so that nothing else speaks
for it; one sound vote clears it.
"""

import polars as pl

from curation.pairs import Evidence
from schemas.audit import (
    LengthPulled,
    LowAgreement,
    Pulled,
    RewardOpposed,
    RewardOutlier,
    Tied,
    TooFast,
    Unreliable,
)

_MAD_TO_DEVIATION = 1.4826  # median absolute deviation of a normal distribution, in standard deviations


def find_ties(evidence: Evidence, check: Tied) -> pl.DataFrame:
    """Pairs whose votes do not prefer the chosen side: by their margin, or by counts where there is none."""
    n = pl.col("votes_for") + pl.col("votes_against") + pl.col("votes_tie").fill_null(0)
    counted = (pl.col("votes_for") - pl.col("votes_against")) / n
    tally = count_votes(evidence).with_columns(value=pl.coalesce(pl.col("margin"), pl.when(n > 0).then(counted)))
    return tally.filter(pl.col("value") <= check.min_margin).select(
        "value", row_id="pair_id", threshold=pl.lit(check.min_margin)
    )


def find_low_agreement(evidence: Evidence, check: LowAgreement) -> pl.DataFrame:
    """Pairs for whose chosen side too small a share of the votes speaks."""
    n = pl.col("votes_for") + pl.col("votes_against") + pl.col("votes_tie").fill_null(0)
    tally = count_votes(evidence).with_columns(value=pl.col("votes_for") / n)
    return tally.filter((n >= check.min_votes) & (pl.col("value") < check.min_share)).select(
        "value", row_id="pair_id", threshold=pl.lit(check.min_share)
    )


def find_unreliable(evidence: Evidence, check: Unreliable) -> pl.DataFrame:
    """Pairs that unreliable labelers alone speak for. Value: the most reliable's, who is matched."""
    value = pl.col("reliability")
    return _rest_on(evidence.votes, value < check.min_reliability, value, check.min_reliability, greatest=True)


def find_position_bias(evidence: Evidence, check: Pulled) -> pl.DataFrame:
    """Pairs that labelers alone speak for who follow the order shown, first or last, and did so here.

    Value: share of the labeler's verdicts for the side shown first; each ranking counts once, its pairs are not
    independent.
    """
    towards = (pl.col("rejected_shown") - pl.col("chosen_shown")).sign()
    return _find_pulled(evidence.votes.with_columns(towards_chosen=towards), check)


def find_length_bias(evidence: Evidence, check: LengthPulled) -> pl.DataFrame:
    """Pairs that labelers alone speak for who take the longer side, or the shorter, whatever it says, and did here.

    Value: share of the labeler's verdicts for the longer side. Truth may favour one: max_share allows for it.
    """
    lengths = [pl.col(side).str.len_chars().cast(pl.Float64) for side in ("chosen", "rejected")]
    longer, shorter = pl.max_horizontal(lengths), pl.min_horizontal(lengths)
    differ = (longer > shorter) & (longer >= check.min_ratio * shorter)
    signs = evidence.pairs.select("pair_id", towards_chosen=pl.when(differ).then((lengths[0] - lengths[1]).sign()))
    return _find_pulled(evidence.votes.join(signs, on="pair_id"), check)


def find_too_fast(evidence: Evidence, check: TooFast) -> pl.DataFrame:
    """Pairs that only votes given faster than anyone reads speak for. Value: characters a second of the slowest."""
    texts = [pl.col(c).str.len_chars().fill_null(0) for c in ("prompt", "chosen", "rejected")]
    read = evidence.pairs.select("pair_id", of_pair=pl.sum_horizontal(texts))
    timed = evidence.votes.join(read, on="pair_id").with_columns(
        speed=pl.coalesce("n_characters", "of_pair") / pl.col("seconds").clip(lower_bound=1e-3)
    )
    speed, limit = pl.col("speed"), check.max_characters_per_second
    return _rest_on(timed, speed > limit, speed, limit, greatest=False)


def find_reward_outliers(evidence: Evidence, check: RewardOutlier) -> pl.DataFrame:
    """Differences of rewards far off the others'. Value: robust standard deviations from the median."""
    scored = _score(evidence)
    gap = pl.col("gap")
    deviation = _MAD_TO_DEVIATION * (gap - gap.median()).abs().median()
    far = scored.with_columns(value=((gap - gap.median()) / deviation).abs())
    if scored.height < check.min_pairs:
        far = far.clear()
    return far.filter(pl.col("value").is_finite() & (pl.col("value") > check.max_deviations)).select(
        "value", row_id="pair_id", threshold=pl.lit(check.max_deviations)
    )


def find_opposed_rewards(evidence: Evidence, check: RewardOpposed) -> pl.DataFrame:
    """Pairs whose rejected side the reward model is sure of. Value: its probability by Bradley-Terry."""
    sure = _score(evidence).with_columns(value=1 / (1 + pl.col("gap").exp()))
    return sure.filter(pl.col("value") >= check.min_probability).select(
        "value", row_id="pair_id", threshold=pl.lit(check.min_probability)
    )


def count_votes(evidence: Evidence) -> pl.DataFrame:
    """Pairs with their counts of votes, from the votes themselves where the frame of pairs has none."""
    counts = evidence.votes.group_by("pair_id").agg(
        (pl.col("verdict") == verdict).sum().cast(pl.Int64).alias(f"{column}_counted")
        for column, verdict in (("votes_for", "chosen"), ("votes_against", "rejected"), ("votes_tie", "tie"))
    )
    both = evidence.pairs.join(counts, on="pair_id", how="left")
    return both.with_columns(
        pl.coalesce(column, f"{column}_counted").alias(column) for column in ("votes_for", "votes_against", "votes_tie")
    )


def _score(evidence: Evidence) -> pl.DataFrame:
    gap = pl.col("chosen_reward") - pl.col("rejected_reward")
    return evidence.pairs.select("pair_id", gap=gap).filter(pl.col("gap").is_finite().fill_null(False))


def _find_pulled(votes: pl.DataFrame, check: Pulled) -> pl.DataFrame:
    """Pairs that only pulled labelers speak for, each voting as pulled; towards_chosen: +1, -1, or null and 0."""
    judged = votes.filter((pl.col("verdict") != "tie") & (pl.col("towards_chosen").abs() == 1))
    with_pull = (pl.col("verdict") == "chosen") == (pl.col("towards_chosen") > 0)
    each = judged.group_by("labeler_id", ranking=pl.coalesce("ranking_id", "pair_id")).agg(share=with_pull.mean())
    shares = each.sort("labeler_id", "ranking").group_by("labeler_id").agg(share=pl.col("share").mean(), n=pl.len())
    low, high = _bound_share(pl.col("share"), pl.col("n"), check.confidence)
    pulls = pl.when(low > check.max_share).then(1).when(high < 1 - check.max_share).then(-1)
    known = votes.join(shares.with_columns(pull=pulls), on="labeler_id", how="left")
    faulty = pl.col("pull") == pl.col("towards_chosen")
    strength = pl.max_horizontal("share", 1 - pl.col("share"))
    return _rest_on(known, faulty, strength, check.max_share, greatest=False)


def _bound_share(share: pl.Expr, n: pl.Expr, confidence: float) -> tuple[pl.Expr, pl.Expr]:
    """One-sided bounds of a share of n (Wilson 1927): honest also for few, and for shares of 0 and 1."""
    from scipy.special import ndtri

    z = float(ndtri(confidence))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    width = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt()
    return middle - width, middle + width


def _rest_on(votes: pl.DataFrame, faulty: pl.Expr, value: pl.Expr, threshold: float, *, greatest: bool) -> pl.DataFrame:
    """Pairs all of whose votes for the chosen side are faulty, with the value of the one nearest to being sound."""
    speaking = votes.filter(pl.col("verdict") == "chosen").with_columns(faulty=faulty.fill_null(False), value=value)
    owned = speaking.filter(pl.col("faulty").all().over("pair_id"))
    ordered = owned.sort("pair_id", "value", "labeler_id", descending=[False, greatest, False])
    return ordered.unique("pair_id", keep="first", maintain_order=True).select(
        "value", row_id="pair_id", threshold=pl.lit(threshold, pl.Float64), matched_id="labeler_id"
    )
