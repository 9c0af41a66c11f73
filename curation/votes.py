"""Turns comparisons into arrays of strict votes: who said what of which pair, how it was shown, what gold says."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from curation.numbering import number_values

Array = np.ndarray


@dataclass(frozen=True)
class Votes:
    """Strict votes as arrays of one length: pair, labeler and cluster (prompt) numbers, sign +1 first, -1 second.

    First is the side with the lesser id. Votes are sorted by pair and labeler.

    Attributes:
        sides: first_id and second_id of each vote.
        towards_earlier: +1 where the first side was shown before the second, -1 after, 0 where it is not known.
        gold: for each pair +1 or -1 where gold says which side is better, else 0.
    """

    sides: pl.DataFrame
    labelers: list[str]
    pair: Array
    labeler: Array
    sign: Array
    cluster: Array
    towards_earlier: Array
    gold: Array

    @property
    def n_pairs(self) -> int:
        """How many pairs there are, those with gold and no vote included."""
        return len(self.gold)

    @cached_property
    def kind(self) -> Array:
        """For each vote how the side it names was shown and by whom: place * n_labelers + labeler.

        place: 0 unknown, 1 earlier than the other, 2 later.
        """
        place = np.where(self.towards_earlier == 0, 0, np.where(self.towards_earlier == self.sign, 1, 2))
        return place * len(self.labelers) + self.labeler

    @cached_property
    def by_kind(self) -> Any:
        """Signs as a sparse matrix of pairs by kinds: its products add up in the order of votes."""
        return self.spread(self.sign, self.kind, 3 * len(self.labelers))

    def spread(self, values: Array, columns: Array, n_columns: int) -> Any:
        """A sparse matrix with a row a pair that holds each vote's value in its column."""
        from scipy.sparse import csr_matrix

        ends = np.concatenate([[0], np.cumsum(np.bincount(self.pair, minlength=self.n_pairs))])
        return csr_matrix((values, columns, ends), shape=(self.n_pairs, n_columns))


def encode_votes(comparisons: pl.DataFrame, gold_labelers: Collection[str] = ()) -> Votes:
    """Strict verdicts as numbers, in an order that does not depend on the rows'.

    Args:
        comparisons: pair_id, prompt_id, ranking_id, labeler_id, first_id, second_id, verdict, perhaps first_shown and
            second_shown; one direction a pair.
        gold_labelers: those whose verdicts are the truth: no votes, but gold for the pairs. Ties are no gold.
    """
    strict = comparisons.filter(pl.col("verdict") != "tie")
    turned = pl.col("first_id") > pl.col("second_id")
    direction = pl.when(turned).then(-1.0).otherwise(1.0)
    read = strict.select(
        sign=pl.when(pl.col("verdict") == "first").then(direction).otherwise(-direction),
        towards_earlier=_point_to_earlier(strict) * direction,
        is_gold=pl.col("labeler_id").is_in(list(gold_labelers)),
        first_id=pl.when(turned).then("second_id").otherwise("first_id"),
        second_id=pl.when(turned).then("first_id").otherwise("second_id"),
    )
    sign, told = read["sign"].to_numpy(), read["is_gold"].to_numpy()
    pair, pairs = number_values(strict["pair_id"])
    gold = np.sign(np.bincount(pair[told], sign[told], minlength=len(pairs)))
    voted = np.flatnonzero(~told)
    voters = strict.filter(~read["is_gold"]) if len(voted) < len(told) else strict
    labeler, labelers = number_values(voters["labeler_id"])
    order = _order_votes(voters, pair[voted], labeler)
    rows = voted[order]
    # a pair is of one prompt: look at one vote of each
    example = np.zeros(len(pairs), np.int64)
    example[pair] = np.arange(len(pair))
    cluster, _ = number_values(strict["prompt_id"].gather(example))
    pair = pair[rows]
    return Votes(
        read.select("first_id", "second_id")[rows],
        labelers.to_list(),
        pair,
        labeler[order],
        sign[rows],
        cluster[pair],
        read["towards_earlier"].to_numpy()[rows],
        gold,
    )


def _order_votes(votes: pl.DataFrame, pair: Array, labeler: Array) -> Array:
    """Order by pair and labeler; where a labeler voted twice on a pair, by ranking and side too."""
    key = pair * (labeler.max(initial=0) + 1) + labeler
    order = np.argsort(key)
    if (np.diff(key[order]) == 0).any():
        order = np.lexsort((number_values(votes["first_id"])[0], number_values(votes["ranking_id"])[0], key))
    return order


def _point_to_earlier(strict: pl.DataFrame) -> pl.Expr:
    """+1 where the row's first side was shown earlier, -1 later, 0 where nothing says."""
    if not {"first_shown", "second_shown"} <= set(strict.columns):
        return pl.lit(0.0)
    later = pl.col("second_shown").cast(pl.Int64) - pl.col("first_shown").cast(pl.Int64)
    return later.sign().cast(pl.Float64).fill_null(0.0)
