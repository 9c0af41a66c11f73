"""Turns weighted wins and ties of pairs into a strength for each item: Bradley and Terry's model with ties, two ways.

Both give a pair three chances, first, second and tie, from two strengths and one propensity to tie. Rao and Kupper's
(1967) tie is a difference too small to see, fitted by minorisation (Hunter 2004, section 5); Davidson's (1970) is
a third outcome, fitted by Newman's iteration (Newman 2023, section on ties), which needs far fewer steps. Without ties
the two are the same model. Strengths count within a connected part of the graph; all parts share the propensity to tie.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
_MOST = 300.0  # of a log-strength: an item that always wins has none that is finite


@dataclass(frozen=True)
class PairCounts:
    """Pairs of items (numbers below n_items), each pair once, with weights of its wins and ties; not negative."""

    n_items: int
    first: Array
    second: Array
    wins_first: Array
    wins_second: Array
    ties: Array


@dataclass(frozen=True)
class PairModel:
    """log_strengths of the items; tie: Rao and Kupper's theta (1: no ties) or Davidson's nu (0: no ties)."""

    log_strengths: Array
    tie: float


_Chances = tuple[Array, Array, Array]


def fit_rao_kupper(
    counts: PairCounts, *, invented_wins: float, tolerance: float = 1e-8, max_iterations: int = 10_000
) -> PairModel:
    """Maximum likelihood of P(i beats j) = s_i / (s_i + theta s_j), by Hunter's MM algorithm.

    Args:
        invented_wins: weight of one win and one loss of each item against an item of strength 1, without which one
            that never loses has no finite strength; 0 leaves strengths free up to a factor.
        tolerance: the largest step of a log-strength at which to stop.
    """
    not_lost_first, not_lost_second = counts.wins_first + counts.ties, counts.wins_second + counts.ties
    won = _sum_sides(counts, not_lost_first, not_lost_second) + invented_wins
    all_ties = counts.ties.sum()

    def step(strengths: Array, theta: float) -> tuple[Array, float]:
        first, second = strengths[counts.first], strengths[counts.second]
        as_first, as_second = not_lost_first / (first + theta * second), not_lost_second / (theta * first + second)
        shared = _sum_sides(counts, as_first + theta * as_second, theta * as_first + as_second)
        updated = won / (shared + 2 * invented_wins / (strengths + 1))
        ties = all_ties / (as_first * updated[counts.second] + as_second * updated[counts.first]).sum()
        return updated, float(ties + np.sqrt(ties**2 + 1))

    return _iterate(step, counts.n_items, 1.0, tolerance, max_iterations)


def fit_davidson(
    counts: PairCounts, *, invented_wins: float, tolerance: float = 1e-8, max_iterations: int = 10_000
) -> PairModel:
    """Maximum likelihood of P(i beats j) = s_i / (s_i + s_j + 2 nu sqrt(s_i s_j)), by Newman's iteration.

    Newman updates one item after another; here all move at once and half the way (in logarithms), the propensity to
    tie too, which keeps what depends on each other from trading places for ever. Arguments as for `fit_rao_kupper`.
    """
    half_first, half_second = counts.wins_first + counts.ties / 2, counts.wins_second + counts.ties / 2
    wins = counts.wins_first + counts.wins_second

    def step(strengths: Array, nu: float) -> tuple[Array, float]:
        first, second = strengths[counts.first], strengths[counts.second]
        middle = np.sqrt(first * second)
        whole = first + second + 2 * nu * middle
        gained = _sum_sides(
            counts, half_first * (second + nu * middle) / whole, half_second * (first + nu * middle) / whole
        )
        lost = _sum_sides(
            counts, half_second * (1 + nu * middle / first) / whole, half_first * (1 + nu * middle / second) / whole
        )
        against = invented_wins / (strengths + 1)
        updated = np.sqrt(strengths * (gained + against) / (lost + against))
        ties = (counts.ties * (first + second) / whole).sum() / (2 * (wins * middle / whole).sum())
        return updated, float(np.sqrt(nu * ties))

    return _iterate(step, counts.n_items, 0.5, tolerance, max_iterations)


def predict_rao_kupper(model: PairModel, first: Array, second: Array) -> _Chances:
    """Chances that the first wins, that the second does, and of a tie, for pairs of item numbers."""
    ahead = np.exp(model.log_strengths[first] - model.log_strengths[second])
    wins_first, wins_second = ahead / (ahead + model.tie), 1 / (1 + model.tie * ahead)
    return wins_first, wins_second, 1 - wins_first - wins_second


def predict_davidson(model: PairModel, first: Array, second: Array) -> _Chances:
    """Chances that the first wins, that the second does, and of a tie, for pairs of item numbers."""
    half = np.exp((model.log_strengths[first] - model.log_strengths[second]) / 2)
    whole = half + 1 / half + 2 * model.tie
    return half / whole, 1 / half / whole, 2 * model.tie / whole


def _iterate(
    step: Callable[[Array, float], tuple[Array, float]], n_items: int, tie: float, tolerance: float, max_iterations: int
) -> PairModel:
    logs = np.zeros(n_items)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(max_iterations if n_items else 0):
            strengths, new_tie = step(np.exp(logs), tie)
            updated = np.clip(np.nan_to_num(np.log(strengths), nan=0.0), -_MOST, _MOST)
            # without a win, or without a vote, nothing bounds the propensity to tie
            new_tie = min(float(np.nan_to_num(new_tie, nan=tie)), 1e6)
            moved = max(float(np.abs(updated - logs).max()), abs(new_tie - tie))
            logs, tie = updated, new_tie
            if moved < tolerance:
                break
    return PairModel(logs, tie)


def _sum_sides(counts: PairCounts, of_first: Array, of_second: Array) -> Array:
    n = counts.n_items
    return np.bincount(counts.first, of_first, minlength=n) + np.bincount(counts.second, of_second, minlength=n)
