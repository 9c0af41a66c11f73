"""Turns votes into measures of agreement: pairwise agreement with its error, Krippendorff's alpha, Cohen's kappa.

Votes are a frame with one row a vote: item_id (what was judged), labeler_id, verdict. One vote a labeler and item.
"""

from dataclasses import dataclass

import numpy as np
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
    alpha = float(_alpha_of_sums(_sum_coincidences(votes, "item_id").sum(axis=0)[None, :])[0])
    return None if np.isnan(alpha) else alpha


def bootstrap_alpha(
    votes: pl.DataFrame, *, n_samples: int, confidence: float, seed: int, cluster: str = "item_id"
) -> tuple[float, float] | None:
    """Percentile bootstrap interval of Krippendorff's alpha, whole clusters redrawn; null where alpha is."""
    sums = _sum_coincidences(votes, cluster)
    if len(sums) < 2:
        return None
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=n_samples)
    alphas = _alpha_of_sums(drawn @ sums)
    if np.isnan(alphas).all():
        return None
    low, high = np.nanquantile(alphas, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _sum_coincidences(votes: pl.DataFrame, cluster: str) -> np.ndarray:
    """A row a cluster: votes on the diagonal of the coincidence matrix, then its marginals by verdict."""
    counts = votes.group_by(*dict.fromkeys([cluster, "item_id", "verdict"])).len()
    counts = counts.with_columns(n=pl.col("len").sum().over("item_id")).filter(pl.col("n") >= 2)
    same = (pl.col("len") * (pl.col("len") - 1) / (pl.col("n") - 1)).sum()
    verdicts = counts["verdict"].unique().sort()
    marginals = [pl.col("len").filter(pl.col("verdict") == v).sum().alias(f"votes {v}") for v in verdicts]
    sums = counts.sort("item_id", "verdict").group_by(cluster).agg(same.alias("same"), *marginals).sort(cluster)
    return sums.drop(cluster).to_numpy().astype(np.float64)


def _alpha_of_sums(sums: np.ndarray) -> np.ndarray:
    """Alpha of each row of coincidence sums; NaN where no disagreement is expected."""
    same, marginals = sums[:, 0], sums[:, 1:]
    total = marginals.sum(axis=1)
    expected = total**2 - (marginals**2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (total - 1) * (total - same) / expected, np.nan)


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
