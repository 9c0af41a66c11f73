"""Turns two policies' scores on the same prompts into a win rate with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WinRate:
    """Share of comparisons won, ties half; `low` and `high` bound the bootstrap interval. NaN without comparisons."""

    rate: float
    low: float
    high: float
    n_wins: int
    n_ties: int
    n_losses: int


def compare_answers(
    scores_a: Sequence[float],
    scores_b: Sequence[float],
    prompt_ids: Sequence[str],
    *,
    tie_tolerance: float,
    resamples: int,
    confidence: float,
    seed: int,
) -> WinRate:
    """Win rate of a over b, row by row; scores that differ by no more than `tie_tolerance` are a tie.

    The interval is the percentile bootstrap over prompts (Efron 1979), since answers to one prompt are dependent.

    Raises:
        ValueError: the three sequences differ in length.
    """
    import numpy as np

    if not len(scores_a) == len(scores_b) == len(prompt_ids):
        raise ValueError(f"{len(scores_a)} scores against {len(scores_b)} of {len(prompt_ids)} prompts: align them")
    points = [_points(a - b, tie_tolerance) for a, b in zip(scores_a, scores_b, strict=True)]
    if not points:
        return WinRate(math.nan, math.nan, math.nan, 0, 0, 0)
    names = {name: index for index, name in enumerate(sorted(set(prompt_ids)))}
    clusters = np.array([names[name] for name in prompt_ids])
    won = np.bincount(clusters, weights=points, minlength=len(names))
    sizes = np.bincount(clusters, minlength=len(names))
    draws = np.random.default_rng(seed).integers(0, len(names), size=(resamples, len(names)))
    rates = won[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(rates, [tail, 1 - tail])
    return WinRate(
        math.fsum(points) / len(points), float(low), float(high),
        points.count(1.0), points.count(0.5), points.count(0.0),
    )  # fmt: skip


def _points(difference: float, tie_tolerance: float) -> float:
    if abs(difference) <= tie_tolerance:
        return 0.5
    return 1.0 if difference > 0 else 0.0
