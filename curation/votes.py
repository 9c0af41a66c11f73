"""Turns comparisons into arrays of strict votes: who said what of which pair, how it was shown, what gold says."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

Array = np.ndarray


@dataclass(frozen=True)
class Votes:
    """Strict votes as arrays of one length: pair, labeler and cluster (prompt) numbers, sign +1 first, -1 second.

    First is the side with the lesser id.

    Attributes:
        frame: the comparisons behind the arrays, row by row.
        towards_earlier: +1 where the first side was shown before the second, -1 after, 0 where it is not known.
        gold: for each pair +1 or -1 where gold says which side is better, else 0.
    """

    frame: pl.DataFrame
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


def encode_votes(comparisons: pl.DataFrame, gold_labelers: Collection[str] = ()) -> Votes:
    """Strict verdicts as numbers, in an order that does not depend on the rows'.

    Args:
        comparisons: pair_id, prompt_id, ranking_id, labeler_id, first_id, second_id, verdict, perhaps first_shown and
            second_shown; one direction a pair.
        gold_labelers: those whose verdicts are the truth: no votes, but gold for the pairs. Ties are no gold.
    """
    strict = comparisons.filter(pl.col("verdict") != "tie").sort("pair_id", "labeler_id", "ranking_id", "first_id")
    flipped = pl.when(pl.col("first_id") > pl.col("second_id")).then(-1.0).otherwise(1.0)
    said = pl.when(pl.col("verdict") == "first").then(1.0).otherwise(-1.0)
    strict = strict.with_columns(
        sign=said * flipped,
        towards_earlier=_point_to_earlier(strict) * flipped,
        pair=(pl.col("pair_id").rank("dense") - 1).cast(pl.Int64),
        is_gold=pl.col("labeler_id").is_in(list(gold_labelers)),
    )
    gold = np.zeros(strict["pair_id"].n_unique())
    told = strict.filter("is_gold")
    np.add.at(gold, told["pair"].to_numpy(), told["sign"].to_numpy())
    votes = strict.filter(~pl.col("is_gold")).drop("is_gold")
    numbered = votes.select(
        pl.col("labeler_id").rank("dense").cast(pl.Int64) - 1, pl.col("prompt_id").rank("dense").cast(pl.Int64) - 1
    )
    return Votes(
        votes,
        votes["labeler_id"].unique().sort().to_list(),
        votes["pair"].to_numpy(),
        numbered["labeler_id"].to_numpy(),
        votes["sign"].to_numpy(),
        numbered["prompt_id"].to_numpy(),
        votes["towards_earlier"].to_numpy(),
        np.sign(gold),
    )


def _point_to_earlier(strict: pl.DataFrame) -> pl.Expr:
    """+1 where the row's first side was shown earlier, -1 later, 0 where nothing says."""
    if not {"first_shown", "second_shown"} <= set(strict.columns):
        return pl.lit(0.0)
    later = pl.col("second_shown").cast(pl.Int64) - pl.col("first_shown").cast(pl.Int64)
    return later.sign().cast(pl.Float64).fill_null(0.0)
