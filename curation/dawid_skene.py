"""Turns votes into the two coins of each labeler and a belief of which side of each pair is better.

Model (Dawid and Skene 1979, two classes): a pair has a better side; a labeler names it with one chance where it was
shown earlier, with another where it was shown later. Their mean is the labeler's reliability, their difference the pull
of position. Where no order was recorded both coins are one: sides are named by id, so there is nothing for a second
to learn. By the same symmetry a tie says nothing about which side is better, so it is no evidence for either, only for
consensus. Agreement alone can't tell a world from its mirror image: without gold the pool, weighted by votes, is taken
to be better than coins; with gold what it says is certain, and decides which of the two worlds it is.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.votes import Array, Votes

_MOST = 0.98  # of informedness: no finite record shows a labeler to be never wrong
_DENSE_LABELERS = 500


@dataclass(frozen=True)
class Coins:
    """For each labeler the chance to name the better side where it was shown earlier, and where later."""

    earlier: Array
    later: Array

    @property
    def informedness(self) -> Array:
        """How much the labeler's word is worth: 1 always right, 0 a coin, -1 always wrong."""
        return self.earlier + self.later - 1

    @property
    def position_bias(self) -> Array:
        """Pull towards the side shown earlier: 1 always the earlier, -1 always the later."""
        return self.earlier - self.later


def fit_coins(
    votes: Votes, *, invented_votes: float = 1.0, tolerance: float = 1e-6, max_iterations: int = 200
) -> Coins:
    """Maximum likelihood by EM, from a spectral start that works when half of the labelers are useless or contrary.

    Args:
        invented_votes: right ones and as many wrong ones given to each labeler, to keep chances off 0 and 1.
        tolerance: the largest step of a chance at which to stop.
    """
    right = (1 + _start_from_spectrum(votes)) / 2
    coins = Coins(right, right)
    counts = _Counts(votes)
    for _ in range(max_iterations):
        belief = np.tanh(_sum_evidence(votes, weigh_votes(votes, coins)) / 2)
        belief[votes.gold != 0] = votes.gold[votes.gold != 0]
        updated = counts.expect(coins, belief, invented_votes, 0.0 if invented_votes == 0 else (1 - _MOST) / 2)
        moved = np.abs([updated.earlier - coins.earlier, updated.later - coins.later])
        coins = updated
        if moved.max(initial=0) < tolerance:
            break
    if _trust(votes, coins.informedness) < 0:  # the mirror image of a world is as likely as the world
        return Coins(1 - coins.later, 1 - coins.earlier)
    return coins


class _Counts:
    """Sums over each labeler's votes by how they were shown, for the M step."""

    def __init__(self, votes: Votes) -> None:
        self._votes, self._n = votes, len(votes.labelers)
        shown = votes.towards_earlier
        # a vote's slot: labeler, then 0 for the earlier side, 1 for the later, 2 for unknown
        slot = np.where(shown == 0, 2, np.where(shown == votes.sign, 0, 1))
        self._slots = votes.labeler * 3 + slot
        self._all = np.bincount(self._slots, minlength=3 * self._n).reshape(-1, 3)

    def expect(self, coins: Coins, belief: Array, invented: float, margin: float) -> Coins:
        """Both coins at the belief, shares of right verdicts; a vote of unknown order counts for both by chance."""
        agreed = np.bincount(self._slots, self._votes.sign * belief[self._votes.pair], minlength=3 * self._n)
        right = (self._all + agreed.reshape(-1, 3)) / 2
        wrong = self._all - right
        with np.errstate(invalid="ignore", divide="ignore"):
            share_right = np.nan_to_num(coins.earlier / (coins.earlier + coins.later), nan=0.5)
            share_wrong = np.nan_to_num((1 - coins.earlier) / (2 - coins.earlier - coins.later), nan=0.5)
            # said the earlier: right when it is the better; said the later and wrong: the earlier was the better
            hits = right[:, 0] + right[:, 2] * share_right + invented / 2
            misses = wrong[:, 1] + wrong[:, 2] * share_wrong + invented / 2
            earlier = np.nan_to_num(hits / (hits + misses), nan=0.5)
            hits = right[:, 1] + right[:, 2] * (1 - share_right) + invented / 2
            misses = wrong[:, 0] + wrong[:, 2] * (1 - share_wrong) + invented / 2
            later = np.nan_to_num(hits / (hits + misses), nan=0.5)
        return Coins(np.clip(earlier, margin, 1 - margin), np.clip(later, margin, 1 - margin))


def weigh_votes(votes: Votes, coins: Coins) -> Array:
    """Log-odds that each vote gives to its pair's first side."""
    least = (1 - _MOST) / 2
    earlier, later = (np.clip(chance, least, 1 - least) for chance in (coins.earlier, coins.later))
    both = (earlier + later) / 2
    # chance to say what was said if it is right, and if it is wrong, by place: unknown, earlier, later
    right, wrong = np.stack([both, earlier, later]), np.stack([1 - both, 1 - later, 1 - earlier])
    slot = np.where(votes.towards_earlier == 0, 0, np.where(votes.towards_earlier == votes.sign, 1, 2))
    return votes.sign * (np.log(right) - np.log(wrong))[slot, votes.labeler]


def believe_others(votes: Votes) -> Array:
    """What gold or else all other labelers say for each vote's pair: from -1 (second) to 1 (first is better)."""
    if not len(votes.pair):
        return np.zeros(0)
    weights = weigh_votes(votes, fit_coins(votes))
    keys, places = np.unique(votes.pair * len(votes.labelers) + votes.labeler, return_inverse=True)
    own = np.bincount(places, weights, minlength=len(keys))[places]
    belief = np.tanh((_sum_evidence(votes, weights)[votes.pair] - own) / 2)
    belief[np.abs(belief) < 1e-9] = 0.0  # what rounding leaves where nobody else voted
    gold = votes.gold[votes.pair]
    return np.where(gold != 0, gold, belief)


def _sum_evidence(votes: Votes, weights: Array) -> Array:
    """Log-odds of each pair's first side from all its votes."""
    return np.bincount(votes.pair, weights, minlength=votes.n_pairs)


def _start_from_spectrum(votes: Votes) -> Array:
    """Informedness: rank-one fit a a' of the labelers' mean products of votes, weighted by how many pairs they share.

    Ghosh, Kale and McAfee 2011.
    """
    from scipy.sparse import coo_matrix, diags

    n = len(votes.labelers)
    places = (votes.pair, votes.labeler)
    signs = coo_matrix((_subtract_position(votes), places), shape=(votes.n_pairs, n)).tocsr()
    counts = coo_matrix((np.ones_like(votes.sign), places), shape=(votes.n_pairs, n)).tocsr()
    products, shared = signs.T @ signs, counts.T @ counts
    products, shared = products - diags(products.diagonal()), shared - diags(shared.diagonal())
    a = _first_vector(products, shared) * np.sqrt(n) * 0.5
    for _ in range(100):
        a = np.clip((products @ a) / (shared @ a**2 + 1e-6), -_MOST, _MOST)
    return a if _trust(votes, a) >= 0 else -a


def _trust(votes: Votes, informedness: Array) -> float:
    """How much the votes so weighed agree with gold; where there is none, how much weight is on trusted labelers."""
    told = votes.sign * votes.gold[votes.pair] * informedness[votes.labeler]
    return float(told.sum() if told.any() else informedness[votes.labeler].sum())


def _subtract_position(votes: Votes) -> Array:
    """Votes less what their labeler's pull towards the earlier side says: what all are shown first is no agreement."""
    shown = votes.towards_earlier
    pull = np.bincount(votes.labeler, votes.sign * shown) / np.maximum(np.bincount(votes.labeler, shown**2), 1)
    return votes.sign - pull[votes.labeler] * shown


def _first_vector(products: Any, shared: Any) -> Array:
    """First eigenvector of the mean products, sparse matrices; few shared pairs shrink a mean towards 0."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import eigsh

    n = products.shape[0]
    if n <= _DENSE_LABELERS:
        return np.linalg.eigh(products.toarray() / (shared.toarray() + 10))[1][:, -1]
    products, shared = csr_matrix(products).tocoo(), csr_matrix(shared)
    around = np.asarray(shared[products.row, products.col]).ravel()
    means = csr_matrix((products.data / (around + 10), (products.row, products.col)), shape=(n, n))
    return eigsh(means, k=1, which="LA", v0=np.ones(n))[1][:, 0]
