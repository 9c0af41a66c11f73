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
_DENSE_LABELERS = 100


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
    start, parts = _start_from_spectrum(votes)
    right = (1 + start) / 2
    coins = Coins(right, right)
    n_votes = np.bincount(votes.kind, minlength=3 * len(votes.labelers)).reshape(3, -1)
    told = np.flatnonzero(votes.gold)
    for _ in range(max_iterations):
        belief = np.tanh((votes.by_kind @ _weigh_kinds(coins)) / 2)
        belief[told] = votes.gold[told]
        agreed = (votes.by_kind.T @ belief).reshape(3, -1)
        updated = _update_coins(coins, n_votes, agreed, invented_votes)
        moved = np.abs([updated.earlier - coins.earlier, updated.later - coins.later])
        coins = updated
        if moved.max(initial=0) < tolerance:
            break
    # the mirror image of a world is as likely as the world
    real = _trust(votes, parts, coins.informedness) >= 0
    return Coins(np.where(real, coins.earlier, 1 - coins.later), np.where(real, coins.later, 1 - coins.earlier))


def _update_coins(coins: Coins, n_votes: Array, agreed: Array, invented: float) -> Coins:
    """Shares of right verdicts, from votes and their agreement with the belief by place shown, (3, labelers) each.

    A vote of unknown order counts for both coins, as likely as each would have given it.
    """
    (n, n_earlier, n_later), (a, a_earlier, a_later) = n_votes / 2, agreed / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share_right = np.nan_to_num(coins.earlier / (coins.earlier + coins.later), nan=0.5)
        share_wrong = np.nan_to_num((1 - coins.earlier) / (2 - coins.earlier - coins.later), nan=0.5)
        # said the earlier: right when it is the better; said the later and wrong: the earlier was the better
        hits = n_earlier + a_earlier + (n + a) * share_right + invented / 2
        misses = n_later - a_later + (n - a) * share_wrong + invented / 2
        earlier = np.nan_to_num(hits / (hits + misses), nan=0.5)
        hits = n_later + a_later + (n + a) * (1 - share_right) + invented / 2
        misses = n_earlier - a_earlier + (n - a) * (1 - share_wrong) + invented / 2
        later = np.nan_to_num(hits / (hits + misses), nan=0.5)
    least = (1 - _MOST) / 2 if invented else 0.0
    return Coins(np.clip(earlier, least, 1 - least), np.clip(later, least, 1 - least))


def weigh_votes(votes: Votes, coins: Coins) -> Array:
    """Log-odds that each vote gives to its pair's first side."""
    return votes.sign * _weigh_kinds(coins)[votes.kind]


def _weigh_kinds(coins: Coins) -> Array:
    """Log-odds of the side that a vote of each kind names."""
    least = (1 - _MOST) / 2
    earlier, later = (np.clip(chance, least, 1 - least) for chance in (coins.earlier, coins.later))
    both = (earlier + later) / 2
    # chance to say what was said if it is right, and if it is wrong, by place: unknown, earlier, later
    right, wrong = np.concatenate([both, earlier, later]), np.concatenate([1 - both, 1 - later, 1 - earlier])
    return np.log(right) - np.log(wrong)


def believe_others(votes: Votes) -> Array:
    """What gold or else all other labelers say for each vote's pair: from -1 (second) to 1 (first is better)."""
    if not len(votes.pair):
        return np.zeros(0)
    weights = own = weigh_votes(votes, fit_coins(votes))
    repeated = (np.diff(votes.pair) == 0) & (np.diff(votes.labeler) == 0)
    if repeated.any():
        places = np.cumsum(np.concatenate([[False], ~repeated]))
        own = np.bincount(places, weights)[places]
    evidence = np.bincount(votes.pair, weights, minlength=votes.n_pairs)
    belief = np.tanh((evidence[votes.pair] - own) / 2)
    belief[np.abs(belief) < 1e-9] = 0.0  # what rounding leaves where nobody else voted
    gold = votes.gold[votes.pair]
    return np.where(gold != 0, gold, belief)


def _start_from_spectrum(votes: Votes) -> tuple[Array, Array]:
    """Informedness: rank-one fit a a' of the labelers' mean products of votes, weighted by how many pairs they share.

    Ghosh, Kale and McAfee 2011. Labelers who share no pair with others, however far round, are a world of their own:
    the second array numbers these worlds.
    """
    from scipy.sparse import diags
    from scipy.sparse.csgraph import connected_components

    values = _subtract_position(votes), np.ones_like(votes.sign)
    signs, counts = (votes.spread(value, votes.labeler, len(votes.labelers)) for value in values)
    products, shared = (signs.T @ signs).tocsr(), (counts.T @ counts).tocsr()
    products, shared = products - diags(products.diagonal()), shared - diags(shared.diagonal())
    parts = connected_components(shared, directed=False)[1]
    a = np.zeros(len(votes.labelers))
    order = np.argsort(parts, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(parts[order])) + 1):
        if len(members) > 1:
            inner = products[members][:, members], shared[members][:, members]
            a[members] = _first_vector(*inner) * np.sqrt(len(members)) * 0.5
    for _ in range(100):
        a = np.clip((products @ a) / (shared @ a**2 + 1e-6), -_MOST, _MOST)
    return np.where(_trust(votes, parts, a) >= 0, a, -a), parts


def _trust(votes: Votes, parts: Array, informedness: Array) -> Array:
    """For each labeler: how much the votes of their part, so weighed, agree with gold, or without it, their sum."""
    n = len(votes.labelers)
    part_sums = np.bincount(parts, informedness * np.bincount(votes.labeler, minlength=n))
    told = np.flatnonzero(votes.gold[votes.pair])
    if len(told):
        agreed = votes.sign[told] * votes.gold[votes.pair[told]] * informedness[votes.labeler[told]]
        known = np.bincount(parts[votes.labeler[told]], minlength=len(part_sums)) > 0
        part_sums = np.where(known, np.bincount(parts[votes.labeler[told]], agreed, len(part_sums)), part_sums)
    return part_sums[parts]


def _subtract_position(votes: Votes) -> Array:
    """Votes less what their labeler's pull towards the earlier side says: what all are shown first is no agreement."""
    shown = votes.towards_earlier
    if not shown.any():
        return votes.sign
    pull = np.bincount(votes.labeler, votes.sign * shown) / np.maximum(np.bincount(votes.labeler, shown**2), 1)
    return votes.sign - pull[votes.labeler] * shown


def _first_vector(products: Any, shared: Any) -> Array:
    """First eigenvector of the mean products, sparse matrices; few shared pairs shrink a mean towards 0."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import eigsh

    n = products.shape[0]
    if n <= _DENSE_LABELERS:
        return np.linalg.eigh(products.toarray() / (shared.toarray() + 10))[1][:, -1]
    if not products.count_nonzero():
        return np.zeros(n)
    products, shared = csr_matrix(products).tocoo(), csr_matrix(shared)
    around = np.asarray(shared[products.row, products.col]).ravel()
    means = csr_matrix((products.data / (around + 10), (products.row, products.col)), shape=(n, n))
    # equal steps in all directions would lead nowhere where as many agree as disagree
    return eigsh(means, k=1, which="LA", v0=np.random.default_rng(0).normal(size=n))[1][:, 0]
