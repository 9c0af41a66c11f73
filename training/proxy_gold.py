"""Turns rewards and gold scores of the same answers into a picture of how far the proxy can be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from training.reward_checks import pearson_correlation


@dataclass(frozen=True)
class ProxyBin:
    """Answers of neighbouring rewards: how many, their mean reward and mean gold score."""

    n: int
    reward: float
    gold: float


@dataclass(frozen=True)
class ProxyGold:
    """Correlation of reward with gold over answers (NaN when one is constant), of values and of ranks, and bins."""

    n: int
    correlation: float
    rank_correlation: float
    bins: list[ProxyBin]


@dataclass(frozen=True)
class BestOf:
    """The reward model's choice among n: its mean reward and gold, and its KL from the policy that wrote the n."""

    n: int
    reward: float
    gold: float
    kl: float
    n_prompts: int


def relate_proxy_gold(rewards: Sequence[float], golds: Sequence[float], n_bins: int) -> ProxyGold:
    """Reward against gold; bins hold equal numbers of answers (off by one) from the lowest reward to the highest."""
    order = sorted(range(len(rewards)), key=lambda row: (rewards[row], golds[row]))
    edges = [round(index * len(order) / n_bins) for index in range(n_bins + 1)]
    bins = [
        ProxyBin(len(rows), _mean([rewards[row] for row in rows]), _mean([golds[row] for row in rows]))
        for rows in (order[low:high] for low, high in pairwise(edges))
        if rows
    ]
    return ProxyGold(
        len(rewards),
        pearson_correlation(rewards, golds),
        pearson_correlation(rank_values(rewards), rank_values(golds)),
        bins,
    )


def rank_values(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of their ranks."""
    ranks = [0.0] * len(values)
    place = 0
    for _, same in groupby(sorted(range(len(values)), key=lambda row: values[row]), key=lambda row: values[row]):
        rows = list(same)
        for row in rows:
            ranks[row] = place + (len(rows) + 1) / 2
        place += len(rows)
    return ranks


def best_of_curve(
    rewards: Sequence[Sequence[float]], golds: Sequence[Sequence[float]], ns: Sequence[int]
) -> list[BestOf]:
    """Expected reward and gold of the best of n by reward, for each n, from N >= n samples a prompt.

    All subsets of n of the N samples are counted (Nakano et al. 2021, appendix I): the i-th lowest reward is the best
    of C(i - 1, n - 1) of C(N, n) subsets. Equal rewards share their weight. KL is log n - (n - 1) / n (Gao et al.
    2022).

    Raises:
        ValueError: a prompt has fewer samples than the largest n.
    """
    fewest = min((len(one) for one in rewards), default=0)
    if rewards and fewest < max(ns):
        raise ValueError(f"best of {max(ns)} needs as many samples of each prompt; one has {fewest}")
    curve = []
    for n in ns:
        weights = [_best_weights(one, n) for one in rewards]
        curve.append(
            BestOf(
                n,
                _mean([_dot(weight, one) for weight, one in zip(weights, rewards, strict=True)]),
                _mean([_dot(weight, one) for weight, one in zip(weights, golds, strict=True)]),
                math.log(n) - (n - 1) / n,
                len(rewards),
            )
        )
    return curve


def _best_weights(rewards: Sequence[float], n: int) -> list[float]:
    """Probability of each sample to be the best of a random n of them."""
    total = math.comb(len(rewards), n)
    weights = [0.0] * len(rewards)
    below = 0
    for _, same in groupby(sorted(range(len(rewards)), key=lambda row: rewards[row]), key=lambda row: rewards[row]):
        rows = list(same)
        subsets = math.comb(below + len(rows), n) - math.comb(below, n)
        for row in rows:
            weights[row] = subsets / total / len(rows)
        below += len(rows)
    return weights


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return math.fsum(weight * value for weight, value in zip(weights, values, strict=True))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
