"""Turns rewards and preferences into measures of a reward model: accuracy, and how far it looks at length only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from training.examples import Pair


@dataclass(frozen=True)
class RewardAccuracy:
    """Share of pairs whose chosen completion has the higher reward; NaN without pairs.

    The standard error takes pairs of one prompt as dependent; NaN with fewer than two prompts.
    """

    accuracy: float
    standard_error: float
    n_pairs: int
    n_prompts: int


def reward_accuracy(rewards: Sequence[Sequence[float]], pairs: Sequence[Sequence[Pair]]) -> RewardAccuracy:
    """Accuracy over all pairs, equal rewards counting half, each pair once whatever its weight.

    The standard error is that of a ratio of sums over prompts (Cochran, Sampling Techniques, equation 6.13):
    sqrt(G / (G - 1) * sum_g (c_g - a n_g)^2) / N with c_g of n_g pairs of prompt g right.

    Args:
        rewards: each prompt's rewards, one a completion.
        pairs: each prompt's pairs, indices into its completions.
    """
    right = [
        sum(_credit(scores[pair.chosen] - scores[pair.rejected]) for pair in judged)
        for scores, judged in zip(rewards, pairs, strict=True)
        if judged
    ]
    sizes = [len(judged) for judged in pairs if judged]
    total = sum(sizes)
    if not total:
        return RewardAccuracy(math.nan, math.nan, 0, 0)
    accuracy = sum(right) / total
    n_prompts = len(sizes)
    error = math.nan
    if n_prompts > 1:
        squares = sum((count - accuracy * size) ** 2 for count, size in zip(right, sizes, strict=True))
        error = math.sqrt(n_prompts / (n_prompts - 1) * squares) / total
    return RewardAccuracy(accuracy, error, total, n_prompts)


def length_correlation(rewards: Sequence[Sequence[float]], lengths: Sequence[Sequence[int]]) -> float:
    """Pearson correlation of reward and length within prompts: both minus their prompt's mean; NaN if one is constant.

    Across prompts it would mostly say which prompts ask for long answers.
    """
    x: list[float] = []
    y: list[float] = []
    for scores, sizes in zip(rewards, lengths, strict=True):
        if scores:
            mean_score, mean_size = math.fsum(scores) / len(scores), sum(sizes) / len(sizes)
            x += [score - mean_score for score in scores]
            y += [size - mean_size for size in sizes]
    return pearson_correlation(x, y)


def pearson_correlation(x: Sequence[float], y: Sequence[float]) -> float:
    """Pearson's r; NaN when either side has no spread."""
    if len(x) < 2:
        return math.nan
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    over = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    under = math.sqrt(math.fsum((a - mean_x) ** 2 for a in x) * math.fsum((b - mean_y) ** 2 for b in y))
    return over / under if under > 0 else math.nan


def _credit(difference: float) -> float:
    return 1.0 if difference > 0 else 0.5 if difference == 0 else 0.0
