"""Turns votes into pairwise agreement with its error, and into majorities.

Votes are a frame with one row a vote: item_id (what was judged), labeler_id, verdict. One vote a labeler and item.
"""

from dataclasses import dataclass

import polars as pl

TIE = "tie"


@dataclass(frozen=True)
class Agreement:
    """Pairwise agreement (0 to 1), its standard error, and how many pairs of votes it rests on; null without any."""

    agreement: float | None
    standard_error: float | None
    n_pairs: int


def measure_agreement(votes: pl.DataFrame, *, cluster: str = "item_id") -> Agreement:
    """Chance that two labelers who judged the same item agree.

    Equal verdicts agree (1), two ties among them; a tie and a strict verdict agree by half; opposite strict verdicts
    don't (0). Of all pairs of votes on one item, each counts once. The error is that of a ratio estimator over
    clusters (Cochran 1977, 6.4), since votes on one prompt are no independent draws: name its column in `cluster`.
    This is the figure that InstructGPT reports as 72.6 +- 1.5 (Ouyang et al. 2022, 3.4), there without ties.
    """
    tallied = tally_pairs(votes, cluster)
    totals = tallied.group_by(cluster).agg(pl.col("agreed").sum(), n=pl.col("n_pairs").sum()).sort(cluster)
    n_pairs = int(totals["n"].sum())
    if not n_pairs:
        return Agreement(None, None, 0)
    agreement = float(totals["agreed"].sum() / n_pairs)
    n_clusters = totals.height
    if n_clusters < 2:
        return Agreement(agreement, None, n_pairs)
    squares = float(((totals["agreed"] - agreement * totals["n"]) ** 2).sum())
    return Agreement(agreement, (squares * n_clusters / (n_clusters - 1)) ** 0.5 / n_pairs, n_pairs)


def tally_pairs(votes: pl.DataFrame, *kept: str) -> pl.DataFrame:
    """Each item with two or more votes: item_id, kept columns, n_pairs of votes, how many are equal, and agreed.

    agreed is the sum of what `pair_agreement` says of each pair, from counts of verdicts alone.
    """
    tally = votes.group_by(*dict.fromkeys(["item_id", *kept, "verdict"])).agg(c=pl.len().cast(pl.Int64))
    c, tied = pl.col("c"), pl.col("c").filter(pl.col("verdict") == TIE).sum()
    items = tally.group_by(*dict.fromkeys(["item_id", *kept])).agg(
        n_pairs=c.sum() * (c.sum() - 1) // 2, equal=(c * (c - 1) // 2).sum(), half=tied * (c.sum() - tied)
    )
    agreed = pl.col("equal") + pl.col("half") / 2
    return items.filter(pl.col("n_pairs") > 0).with_columns(agreed=agreed).drop("half").sort("item_id")


def pair_agreement(votes: pl.DataFrame, *kept: str) -> pl.DataFrame:
    """Each unordered pair of votes on one item: item_id, kept columns, labeler_id, other_id, agreed (0, .5 or 1)."""
    columns = list(dict.fromkeys(["item_id", *kept]))
    other = votes.select("item_id", other_id="labeler_id", other="verdict")
    both = votes.select(*columns, "labeler_id", "verdict").join(other, on="item_id")
    tied = (pl.col("verdict") == TIE) | (pl.col("other") == TIE)
    agreed = pl.when(pl.col("verdict") == pl.col("other")).then(1.0).when(tied).then(0.5).otherwise(0.0)
    pairs = both.filter(pl.col("labeler_id") < pl.col("other_id"))
    return pairs.select(*columns, "labeler_id", "other_id", agreed=agreed)


def count_majorities(votes: pl.DataFrame) -> dict[str, int]:
    """Items by the verdict that more than half of their votes gave; items without one count as `none`."""
    tally = votes.group_by("item_id", "verdict").len().with_columns(n=pl.col("len").sum().over("item_id"))
    won = tally.filter(pl.col("len") * 2 > pl.col("n")).group_by("verdict").len().sort("verdict")
    counts = {str(verdict): int(n) for verdict, n in won.iter_rows()}
    return counts | {"none": votes["item_id"].n_unique() - sum(counts.values())}
