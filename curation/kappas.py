"""Turns votes into agreement beyond chance: Cohen's kappa of two labelers, Fleiss' of all, and that of the WMT.

Votes are as in agreement.py; equal verdicts agree, all others don't.
"""

import math

import polars as pl

from curation.agreement import TIE, tally_pairs


def cohen_kappa(votes: pl.DataFrame, first: str, second: str) -> float | None:
    """Cohen's kappa of two labelers over the items that both judged (Cohen 1960); null when chance explains all."""
    both = cohen_kappas(votes.filter(pl.col("labeler_id").is_in([first, second])))
    return both["kappa"].item() if both.height else None


def cohen_kappas(votes: pl.DataFrame) -> pl.DataFrame:
    """Cohen's kappa of each two labelers who judged some items both: (labeler_id, other_id, n_items, equal, kappa).

    equal: share of items on which they said the same.
    """
    other = votes.select("item_id", other_id="labeler_id", other="verdict")
    both = votes.select("item_id", "labeler_id", "verdict").join(other, on="item_id")
    pair = ["labeler_id", "other_id"]
    tally = both.filter(pl.col("labeler_id") < pl.col("other_id")).group_by(*pair, "verdict", "other").agg(n=pl.len())
    mine = tally.group_by(*pair, "verdict").agg(n=pl.col("n").sum())
    theirs = tally.group_by(*pair, verdict="other").agg(m=pl.col("n").sum())
    chance = mine.join(theirs, on=[*pair, "verdict"]).group_by(pair).agg(met=(pl.col("n") * pl.col("m")).sum())
    equal = pl.col("n").filter(pl.col("verdict") == pl.col("other")).sum()
    sums = tally.group_by(pair).agg(n_items=pl.col("n").sum().cast(pl.Int64), equal=equal)
    joined = sums.join(chance, on=pair, how="left").sort(pair)
    n = pl.col("n_items")
    return joined.select(
        *pair, n, equal=pl.col("equal") / n, kappa=_beyond(pl.col("equal") / n, pl.col("met").fill_null(0) / (n * n))
    )


def fleiss_kappa(votes: pl.DataFrame) -> float | None:
    """Fleiss' kappa over items with two or more votes (Fleiss 1971; here items may have unlike numbers of votes)."""
    counts = votes.group_by("item_id", "verdict").agg(c=pl.len()).with_columns(n=pl.col("c").sum().over("item_id"))
    counts = counts.filter(pl.col("n") >= 2)
    items = counts.group_by("item_id").agg(
        equal=(pl.col("c") * (pl.col("c") - 1)).sum() / (pl.col("n").first() * (pl.col("n").first() - 1))
    )
    shares = counts.group_by("verdict").agg(share=pl.col("c").sum() / counts["c"].sum())
    # sums of floats in the order of groups, which is none, would differ in their last bits from run to run
    mean, chance = (math.fsum(values) for values in (items["equal"] / max(items.height, 1), shares["share"] ** 2))
    both = pl.DataFrame({"equal": [mean], "chance": [chance]})
    return both.select(_beyond(pl.col("equal"), pl.col("chance"))).item() if counts.height else None


def wmt_kappa(votes: pl.DataFrame) -> float | None:
    """Agreement beyond chance over pairs of votes on one comparison, as the WMT reports it (Bojar et al. 2013, 3.2).

    P(A) is the share of pairs of votes that are equal, ties included. P(E) = P(<)^2 + P(=)^2 + P(>)^2 from the shares
    of verdicts over all rankings; which side is named first means nothing, so P(<) = P(>) = (1 - P(=)) / 2.
    """
    pairs = tally_pairs(votes)
    if not pairs.height:
        return None
    tied = float((votes["verdict"] == TIE).sum()) / votes.height
    equal = pl.col("equal").sum() / pl.col("n_pairs").sum()
    return pairs.select(_beyond(equal, pl.lit(tied**2 + (1 - tied) ** 2 / 2))).item()


def _beyond(equal: pl.Expr, chance: pl.Expr) -> pl.Expr:
    """(equal - chance) / (1 - chance), null where chance is 1."""
    return pl.when(chance < 1 - 1e-12).then((equal - chance) / (1 - chance))
