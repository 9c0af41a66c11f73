"""Turns votes into measures of agreement: pairwise agreement with its error, Krippendorff's alpha, Cohen's kappa.

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
    totals = (
        pair_agreement(votes, cluster).group_by(cluster).agg(pl.col("agreed").sum(), pl.len().alias("n")).sort(cluster)
    )
    n_pairs = int(totals["n"].sum())
    if not n_pairs:
        return Agreement(None, None, 0)
    agreement = float(totals["agreed"].sum() / n_pairs)
    n_clusters = totals.height
    if n_clusters < 2:
        return Agreement(agreement, None, n_pairs)
    squares = float(((totals["agreed"] - agreement * totals["n"]) ** 2).sum())
    return Agreement(agreement, (squares * n_clusters / (n_clusters - 1)) ** 0.5 / n_pairs, n_pairs)


def pair_agreement(votes: pl.DataFrame, *kept: str) -> pl.DataFrame:
    """Each unordered pair of votes on one item: item_id, kept columns, labeler_id, other_id, agreed (0, .5 or 1)."""
    columns = list(dict.fromkeys(["item_id", *kept]))
    other = votes.select("item_id", other_id="labeler_id", other="verdict")
    both = votes.select(*columns, "labeler_id", "verdict").join(other, on="item_id")
    tied = (pl.col("verdict") == TIE) | (pl.col("other") == TIE)
    agreed = pl.when(pl.col("verdict") == pl.col("other")).then(1.0).when(tied).then(0.5).otherwise(0.0)
    pairs = both.filter(pl.col("labeler_id") < pl.col("other_id"))
    return pairs.select(*columns, "labeler_id", "other_id", agreed=agreed)


def krippendorff_alpha(votes: pl.DataFrame) -> float | None:
    """Krippendorff's nominal alpha over items with two or more votes (Krippendorff 2011, section C).

    1 - observed / expected disagreement of the coincidence matrix; null when there is nothing to disagree about.
    """
    counts = votes.group_by("item_id", "verdict").len().with_columns(n=pl.col("len").sum().over("item_id"))
    counts = counts.filter(pl.col("n") >= 2).sort("item_id", "verdict")
    total = float(counts["len"].sum())
    same = float((counts["len"] * (counts["len"] - 1) / (counts["n"] - 1)).sum())
    marginals = counts.group_by("verdict").agg(pl.col("len").sum()).sort("verdict")["len"].cast(pl.Float64)
    expected = total**2 - float((marginals**2).sum())
    if not expected:
        return None
    return 1 - (total - 1) * (total - same) / expected


def cohen_kappa(votes: pl.DataFrame, first: str, second: str) -> float | None:
    """Cohen's kappa of two labelers over the items that both judged (Cohen 1960); null when chance explains all."""
    chosen = votes.filter(pl.col("labeler_id") == first).select("item_id", "verdict")
    other = votes.filter(pl.col("labeler_id") == second).select("item_id", other="verdict")
    both = chosen.join(other, on="item_id")
    if not both.height:
        return None
    n = both.height
    observed = float((both["verdict"] == both["other"]).sum()) / n
    shares = both.group_by("verdict").len().join(
        both.group_by(verdict="other").agg(other_len=pl.len()), on="verdict"
    )  # fmt: skip
    expected = float((shares["len"].cast(pl.Float64) * shares["other_len"]).sum()) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def count_majorities(votes: pl.DataFrame) -> dict[str, int]:
    """Items by the verdict that more than half of their votes gave; items without one count as `none`."""
    tally = votes.group_by("item_id", "verdict").len().with_columns(n=pl.col("len").sum().over("item_id"))
    won = tally.filter(pl.col("len") * 2 > pl.col("n")).group_by("verdict").len().sort("verdict")
    counts = {str(verdict): int(n) for verdict, n in won.iter_rows()}
    return counts | {"none": votes["item_id"].n_unique() - sum(counts.values())}
