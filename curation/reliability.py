"""Turns comparisons into how reliable each labeler is, without knowing any right answer.

Model: a pair has a better side; a labeler's strict verdict names it with chance p, whichever side it is (Dawid and
Skene 1979 with one coin a labeler; sides are named by id, so there is nothing for a second coin to learn). By the same
symmetry a tie says nothing about which side is better, so it is no evidence for either, only for consensus.
Reliability is p, informedness a = 2p - 1: 0 for a coin, negative for who answers contrary to the truth. Agreement alone
can't tell a world from its mirror image: the pool, weighted by votes, is taken to be better than coins.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from schemas.params import UnreliableLabeler

Array = np.ndarray
_TINY = 1e-6
_MOST = 0.98  # of informedness: no finite record shows a labeler to be never wrong


@dataclass(frozen=True)
class Votes:
    """Strict votes as arrays of one length: pair, labeler and cluster (prompt) numbers, sign +1 first, -1 second.

    First is the side with the lesser id. frame: the comparisons behind the arrays, row by row.
    """

    frame: pl.DataFrame
    labelers: list[str]
    pair: Array
    labeler: Array
    sign: Array
    cluster: Array
    n_pairs: int


@dataclass(frozen=True)
class Slopes:
    """For each labeler the slope of the last regressor, its standard error, and how many prompts it rests on."""

    slopes: Array
    errors: Array
    n_clusters: Array


def estimate_reliability(comparisons: pl.DataFrame, *, confidence: float) -> pl.DataFrame:
    """Reliability of each labeler: (labeler_id, n_strict, reliability, lower, upper), null where nothing is known.

    A spectral start (Ghosh, Kale and McAfee 2011) that works when half of the labelers are useless or contrary, then
    EM to the likelihood's maximum, then for each labeler the regression of their votes on what all others say. The
    bounds are one-sided at the confidence given, from errors clustered by prompt: the pairs of one ranking are not
    independent.

    Args:
        comparisons: pair_id, prompt_id, ranking_id, labeler_id, first_id, second_id, verdict; one direction a pair.
    """
    votes = encode_votes(comparisons)
    belief = believe_others(votes)
    slopes = regress_votes(votes, belief[:, None])
    known = bound_slopes(votes, slopes, confidence).select(
        "labeler_id",
        "n_strict",
        *(((1 + pl.col(c).clip(-m, m)) / 2).alias(c) for c, m in (("slope", _MOST), ("lower", 1.0), ("upper", 1.0))),
    )
    labelers = comparisons.select(pl.col("labeler_id").unique())
    joined = labelers.join(known.rename({"slope": "reliability"}), on="labeler_id", how="left")
    return joined.with_columns(pl.col("n_strict").fill_null(0)).sort("labeler_id")


def find_unreliable(reliability: pl.DataFrame, rule: UnreliableLabeler) -> pl.DataFrame:
    """Labelers shown to be below the rule's reliability: (labeler_id, value the reliability).

    Blame needs evidence: the upper bound is below the limit, so a labeler with few votes is kept.
    """
    return reliability.filter(pl.col("upper") < rule.min_reliability).select("labeler_id", value="reliability")


def encode_votes(comparisons: pl.DataFrame) -> Votes:
    """Strict verdicts as numbers, in an order that does not depend on the rows'."""
    strict = comparisons.filter(pl.col("verdict") != "tie").sort("pair_id", "labeler_id", "ranking_id", "first_id")
    flipped = strict["first_id"] > strict["second_id"]
    sign = np.where(strict["verdict"].to_numpy() == "first", 1.0, -1.0) * np.where(flipped.to_numpy(), -1.0, 1.0)
    labelers = strict["labeler_id"].unique().sort()
    pairs, prompts = strict["pair_id"].rank("dense"), strict["prompt_id"].rank("dense")
    return Votes(
        strict.with_columns(first_wins=pl.Series(sign > 0)),
        labelers.to_list(),
        pairs.to_numpy().astype(np.int64) - 1,
        np.searchsorted(labelers.to_numpy().astype(str), strict["labeler_id"].to_numpy().astype(str)),
        sign,
        prompts.to_numpy().astype(np.int64) - 1,
        strict["pair_id"].n_unique(),
    )


def _start_from_spectrum(votes: Votes) -> Array:
    """Rank-one fit a a' of the labelers' mean products of votes, weighted by how many pairs two of them share."""
    from scipy.sparse import coo_matrix

    n = len(votes.labelers)
    shape = (votes.n_pairs, n)
    signs = coo_matrix((votes.sign, (votes.pair, votes.labeler)), shape=shape).tocsr()
    counts = coo_matrix((np.ones_like(votes.sign), (votes.pair, votes.labeler)), shape=shape).tocsr()
    products, shared = (signs.T @ signs).toarray(), (counts.T @ counts).toarray()
    np.fill_diagonal(products, 0)
    np.fill_diagonal(shared, 0)
    # few shared pairs shrink a mean product towards 0
    means = products / (shared + 10)
    _, vectors = np.linalg.eigh(means)
    a = vectors[:, -1] * np.sqrt(n) * 0.5
    weights = np.bincount(votes.labeler, minlength=n)
    for _ in range(100):
        a = (products @ a) / (shared @ a**2 + _TINY)
        a = np.clip(a, -_MOST, _MOST)
    return a if a @ weights >= 0 else -a


def _maximise_likelihood(votes: Votes, start: Array) -> Array:
    """EM on the one-coin model; two invented votes a labeler, one right and one wrong, keep p off 0 and 1."""
    n_votes = np.bincount(votes.labeler, minlength=len(votes.labelers))
    informedness = start
    for _ in range(200):
        belief = np.tanh(_sum_evidence(votes, informedness) / 2)
        agreed = np.bincount(votes.labeler, votes.sign * belief[votes.pair], minlength=len(votes.labelers))
        updated = np.clip(agreed / (n_votes + 2), -_MOST, _MOST)
        moved = float(np.abs(updated - informedness).max())
        informedness = updated
        if moved < _TINY:
            break
    return informedness


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


def regress_votes(votes: Votes, regressors: Array) -> Slopes:
    """Least squares of each labeler's votes on the regressors (n_votes, k), without intercept; errors by prompt.

    A regressor that is 0 throughout (nobody else voted) is left out; NaN where the last is, or where they depend.
    """
    n = len(votes.labelers)
    slopes, errors, n_clusters = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, np.int64)
    order = np.argsort(votes.labeler, kind="stable")
    for labeler, rows in enumerate(np.split(order, np.searchsorted(votes.labeler[order], np.arange(1, n)))):
        x = regressors[rows]
        rows, x = rows[x.any(axis=1)], x[x.any(axis=1)]
        if not len(rows) or not x[:, -1].any():
            continue
        x = x[:, x.any(axis=0)]
        if np.linalg.matrix_rank(x.T @ x, tol=_TINY) == x.shape[1]:
            slopes[labeler], errors[labeler], n_clusters[labeler] = _fit(x, votes.sign[rows], votes.cluster[rows])
    return Slopes(slopes, errors, n_clusters)


def _fit(x: Array, y: Array, cluster: Array) -> tuple[float, float, int]:
    """Slope of the last column, its error clustered by prompt (Liang and Zeger 1986), and the number of clusters."""
    inverse = np.linalg.inv(x.T @ x)
    slopes = inverse @ (x.T @ y)
    fitted = x @ slopes
    _, places = np.unique(cluster, return_inverse=True)
    scores = x * (y - fitted)[:, None]
    sums = np.stack([np.bincount(places, column) for column in scores.T], axis=1)
    clustered = sums.T @ sums * len(sums) / max(len(sums) - 1, 1)
    # never less than independent votes would have: a handful of equal votes is no certainty
    independent = (x * (1 - np.minimum(fitted**2, _MOST))[:, None]).T @ x
    error = max((inverse @ spread @ inverse)[-1, -1] for spread in (clustered, independent)) ** 0.5
    return slopes[-1], error, len(sums)


def believe_others(votes: Votes) -> Array:
    """What all other labelers' votes on a pair say for each vote's pair: from -1 (second) to 1 (first is better)."""
    if not len(votes.pair):
        return np.zeros(0)
    informedness = _maximise_likelihood(votes, _start_from_spectrum(votes))
    own = np.zeros(len(votes.pair))
    keys, places = np.unique(votes.pair * len(votes.labelers) + votes.labeler, return_inverse=True)
    own = np.bincount(places, votes.sign, minlength=len(keys))[places] * _weigh(informedness)[votes.labeler]
    belief = np.tanh((_sum_evidence(votes, informedness)[votes.pair] - own) / 2)
    belief[np.abs(belief) < 1e-9] = 0.0  # what rounding leaves where nobody else voted
    return belief


def _sum_evidence(votes: Votes, informedness: Array) -> Array:
    """Log-odds of each pair's first side from all its votes."""
    return np.bincount(votes.pair, _weigh(informedness)[votes.labeler] * votes.sign, minlength=votes.n_pairs)


def _weigh(informedness: Array) -> Array:
    """Log-odds that a vote is right: ln((1 + a) / (1 - a))."""
    a = np.clip(informedness, -_MOST, _MOST)
    return np.log1p(a) - np.log1p(-a)
