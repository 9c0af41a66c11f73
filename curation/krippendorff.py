"""Turns votes into Krippendorff's alpha, nominal, ordinal or interval, with a bootstrap interval.

Votes are as in agreement.py; for the ordinal and the interval level verdicts are numbers. Items with fewer than two
votes say nothing. Each cluster of items is first summed up, so that redrawing clusters costs only sums.
"""

from typing import Literal

import numpy as np
import polars as pl

from curation.numbering import number_values

Array = np.ndarray
Level = Literal["nominal", "ordinal", "interval"]
_DRAWS_AT_ONCE = 64


def krippendorff_alpha(votes: pl.DataFrame, level: Level = "nominal") -> float | None:
    """1 - observed / expected disagreement (Krippendorff 2011, section C); null where nothing is to disagree about."""
    sums = _sum_clusters(votes, "item_id", level)
    alpha = float(_alpha_of_sums(sums.sum(axis=0)[None, :], level)[0])
    return None if np.isnan(alpha) else alpha


def bootstrap_alpha(
    votes: pl.DataFrame,
    level: Level = "nominal",
    *,
    n_samples: int,
    confidence: float,
    seed: int,
    cluster: str = "item_id",
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of alpha, whole clusters redrawn; null where alpha is, and for one cluster."""
    sums, counts = _count_equal(_sum_clusters(votes, cluster, level))
    n = int(counts.sum())
    if n < 2:
        return None
    rng, alphas = np.random.default_rng(seed), []
    for start in range(0, n_samples, _DRAWS_AT_ONCE):
        drawn = rng.multinomial(n, counts / n, size=min(_DRAWS_AT_ONCE, n_samples - start))
        alphas.append(_alpha_of_sums(drawn @ sums, level))
    found = np.concatenate(alphas)
    if np.isnan(found).all():
        return None
    low, high = np.nanquantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _count_equal(sums: Array) -> tuple[Array, Array]:
    """Distinct rows, and how many there are of each: clusters are many, what they look like seldom is."""
    frame = pl.DataFrame(sums)
    distinct = frame.group_by(frame.columns).len().sort(frame.columns)
    return distinct.drop("len").to_numpy(), distinct["len"].to_numpy().astype(np.float64)


def _sum_clusters(votes: pl.DataFrame, cluster: str, level: Level) -> Array:
    """A row a cluster of what alpha is made of: for `_alpha_of_moments` or `_alpha_of_coincidences`."""
    item, items = number_values(votes["item_id"])
    n = np.bincount(item, minlength=len(items)).astype(np.float64)
    owner = np.arange(len(items))
    if cluster != "item_id":
        owner[item] = number_values(votes[cluster])[0]
    sum_up = _sum_moments if level == "interval" else _sum_coincidences
    return sum_up(votes["verdict"], item, n, owner)


def _sum_coincidences(said: pl.Series, item: Array, n: Array, owner: Array) -> Array:
    """A row a cluster: coincidences of each two verdicts, then pairable votes by verdict."""
    verdict, verdicts = number_values(said)
    k = len(verdicts)
    votes_of = np.bincount(item * k + verdict, minlength=len(n) * k).reshape(len(n), k) * (n >= 2)[:, None]
    share = 1 / np.maximum(n - 1, 1)
    columns = [
        np.bincount(owner, votes_of[:, first] * (votes_of[:, second] - (first == second)) * share)
        for first, second in zip(*np.triu_indices(k), strict=True)
    ]
    columns += [np.bincount(owner, column) for column in votes_of.T]
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0))


def _sum_moments(said: pl.Series, item: Array, n: Array, owner: Array) -> Array:
    """A row a cluster: disagreement within items (squares), pairable votes, their sum and sum of squares."""
    x = said.cast(pl.Float64).to_numpy()
    x = x - x.mean() if len(x) else x
    s, q = (np.bincount(item, power, minlength=len(n)) for power in (x, x * x))
    pairable = n >= 2
    within = 2 * (n * q - s**2) / np.maximum(n - 1, 1)
    columns = [np.bincount(owner, column * pairable) for column in (within, n, s, q)]
    return np.stack(columns, axis=1)


def _alpha_of_sums(sums: Array, level: Level) -> Array:
    """Alpha of each row of sums; NaN where no disagreement is expected."""
    if not sums.shape[1]:
        return np.full(len(sums), np.nan)
    if level == "interval":
        observed, n, s, q = sums.T
        expected = 2 * (n * q - s**2)
    else:
        observed, expected, n = _disagree(sums, ordinal=level == "ordinal")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 1e-12 * n**2, 1 - (n - 1) * observed / expected, np.nan)


def _disagree(sums: Array, *, ordinal: bool) -> tuple[Array, Array, Array]:
    """Observed and expected disagreement and votes of each row: coincidences of verdicts, then votes by verdict."""
    k = int((np.sqrt(9 + 8 * sums.shape[1]) - 3) / 2)
    first, second = np.triu_indices(k)
    votes = sums[:, -k:]
    # the ordinal difference of two verdicts is that of their middle ranks
    places = np.cumsum(votes, axis=1) - votes / 2 if ordinal else None
    observed = expected = np.zeros(len(sums))
    for column, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            apart = 1.0 if places is None else (places[:, b] - places[:, a]) ** 2
            observed = observed + 2 * sums[:, column] * apart
            expected = expected + 2 * votes[:, a] * votes[:, b] * apart
    return observed, expected, votes.sum(axis=1)
