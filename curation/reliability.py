"""Turns votes, and a belief of which sides are better, into how reliable and how biased each labeler surely is.

Reliability is the chance that a strict verdict is right, (1 + a) / 2 for a slope a of votes on the belief: .5 for a
coin, less for who answers contrary to the truth. A bias is the slope on a direction beside the belief, which is what
the second coin of dawid_skene.py says of position: E(vote) = a * truth + b * direction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from curation.dawid_skene import believe_others
from curation.votes import Array, Votes, encode_votes

if TYPE_CHECKING:
    from schemas.curation_params import UnreliableLabeler

_TINY = 1e-6
_MOST = 0.98  # of informedness: no finite record shows a labeler to be never wrong


@dataclass(frozen=True)
class Slopes:
    """For each labeler the slope of the last regressor, its standard error, and how many prompts it rests on."""

    slopes: Array
    errors: Array
    n_clusters: Array


def estimate_reliability(
    comparisons: pl.DataFrame, *, confidence: float, gold_labelers: Collection[str] = ()
) -> pl.DataFrame:
    """Reliability of each labeler but gold's: (labeler_id, n_strict, reliability, lower, upper), null where unknown.

    Each labeler's votes are regressed on what gold or else all others say. The bounds are one-sided at the confidence
    given, from errors clustered by prompt: the pairs of one ranking are not independent.

    Args:
        comparisons, gold_labelers: as `encode_votes` wants them.
    """
    votes = encode_votes(comparisons, gold_labelers)
    known = bound_reliability(votes, believe_others(votes), confidence)
    labelers = comparisons.select(pl.col("labeler_id").unique())
    labelers = labelers.filter(~pl.col("labeler_id").is_in(list(gold_labelers)))
    joined = labelers.join(known, on="labeler_id", how="left")
    return joined.with_columns(pl.col("n_strict").fill_null(0)).sort("labeler_id")


def bound_reliability(votes: Votes, belief: Array, confidence: float) -> pl.DataFrame:
    """(labeler_id, n_strict, reliability, lower, upper) of the labelers who gave strict votes."""
    bounds = bound_slopes(votes, regress_votes(votes, belief), confidence)
    return bounds.select(
        "labeler_id",
        "n_strict",
        reliability=(1 + pl.col("slope").clip(-_MOST, _MOST)) / 2,
        lower=(1 + pl.col("lower").clip(-1, _MOST)) / 2,
        upper=(1 + pl.col("upper").clip(-_MOST, 1)) / 2,
    )


def bound_bias(votes: Votes, belief: Array, direction: Array, confidence: float) -> pl.DataFrame:
    """(labeler_id, n_strict, slope, lower, upper) of the pull of a direction (+1: towards the first side).

    Truth may favour longer answers: only the pull beyond what others see counts, so a contrary labeler is not biased.
    """
    return bound_slopes(votes, regress_votes(votes, direction, beside=belief), confidence)


def find_unreliable(reliability: pl.DataFrame, rule: "UnreliableLabeler") -> pl.DataFrame:
    """Labelers shown to be below the rule's reliability: (labeler_id, value the reliability).

    Blame needs evidence: the upper bound is below the limit, so a labeler with few votes is kept.
    """
    return reliability.filter(pl.col("upper") < rule.min_reliability).select("labeler_id", value="reliability")


def bound_slopes(votes: Votes, slopes: Slopes, confidence: float) -> pl.DataFrame:
    """(labeler_id, n_strict, slope, lower, upper) of the last regressor, one-sided Student bounds; null if unknown."""
    from scipy.special import stdtrit  # scipy.stats takes seconds to import

    n = len(votes.labelers)
    width = slopes.errors * stdtrit(np.maximum(slopes.n_clusters - 1, 1), confidence)
    width = np.where(slopes.n_clusters < 2, 2.0, width)
    values = {"slope": slopes.slopes, "lower": slopes.slopes - width, "upper": slopes.slopes + width}
    frame = pl.DataFrame(
        {"labeler_id": votes.labelers, "n_strict": np.bincount(votes.labeler, minlength=n).astype(np.int64), **values},
        schema_overrides={"labeler_id": pl.String},
    )
    return frame.with_columns(pl.col("slope", "lower", "upper").fill_nan(None))


def regress_votes(votes: Votes, regressor: Array, *, beside: Array | None = None) -> Slopes:
    """Least squares of each labeler's votes on a regressor, beside another one or alone, without intercept.

    Errors are clustered by prompt (Liang and Zeger 1986), and never less than independent votes would have: a handful
    of equal votes is no certainty. NaN where a regressor is 0 throughout, or where the two depend on each other.
    """
    n = len(votes.labelers)
    x = np.stack([regressor] if beside is None else [regressor, beside])
    inverse = _invert_sums(_sum_products(votes.labeler, x, 1.0, n))
    slopes = np.einsum("ijn,jn->in", inverse, _sum_by(votes.labeler, x * votes.sign, n))
    fitted = (slopes[:, votes.labeler] * x).sum(axis=0)
    used = np.flatnonzero(x.any(axis=0))
    # votes come by pair, so that they are nearly sorted by prompt
    groups, places = np.unique(votes.cluster[used] * n + votes.labeler[used], return_inverse=True)
    owners = groups % n
    n_clusters = np.bincount(owners, minlength=n)
    scores = _sum_by(places, (x * (votes.sign - fitted))[:, used], len(owners))
    clustered = _sum_products(owners, scores, 1.0, n) * n_clusters / np.maximum(n_clusters - 1, 1)
    independent = _sum_products(votes.labeler, x, 1 - np.minimum(fitted**2, _MOST), n)
    spreads = [np.einsum("in,ijn,jn->n", inverse[0], spread, inverse[0]) for spread in (clustered, independent)]
    known = inverse[0, 0] > 0
    errors = np.sqrt(np.maximum(*spreads))
    return Slopes(np.where(known, slopes[0], np.nan), np.where(known, errors, np.nan), n_clusters * known)


def _sum_by(places: Array, rows: Array, n: int) -> Array:
    return np.stack([np.bincount(places, row, minlength=n) for row in rows])


def _sum_products(places: Array, rows: Array, weights: Array | float, n: int) -> Array:
    """Sum of weight * row row' over each place: (k, k, n) for k rows."""
    return np.stack([_sum_by(places, rows * row * weights, n) for row in rows])


def _invert_sums(sums: Array) -> Array:
    """Inverse of each labeler's x x', (k, k, n): 0 where the first is unknown, and for a second one that is 0."""
    a, c = sums[0, 0], sums[-1, -1] if len(sums) > 1 else np.zeros_like(sums[0, 0])
    inverse = np.zeros_like(sums)
    alone = (a > _TINY) & (c <= _TINY)
    inverse[0, 0, alone] = 1 / a[alone]
    if len(sums) > 1:
        b = sums[0, 1]
        # the lesser singular value says whether the two can be told apart
        determinant = a * c - b * b
        both = (c > _TINY) & (determinant > _TINY * (a + c))
        inverse[:, :, both] = np.stack([[c, -b], [-b, a]])[:, :, both] / determinant[both]
    return inverse
