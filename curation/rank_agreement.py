"""Turns rankings of several candidates into rank correlations: Kendall's tau-b and Kendall's W, both with ties.

Rankings are the table of that name. A tier that is not tied and holds several candidates leaves their order open, and
a candidate in no tier is unjudged.
"""

import polars as pl


def rank_candidates(rankings: pl.DataFrame) -> pl.DataFrame:
    """One row a judged candidate of a ranking: ranking_id, task_id, labeler_id, candidate_id, rank, tie_size, open.

    rank: from 1, the best; tied candidates share the mean of theirs, and so do those whose order is open (`open`).
    tie_size: candidates in the tier.
    """
    tiers = rankings.filter(pl.col("skip_reason").is_null()).select("ranking_id", "task_id", "labeler_id", "tiers")
    each = tiers.explode("tiers", empty_as_null=True).drop_nulls("tiers").unnest("tiers")
    size = pl.col("candidate_ids").list.len().cast(pl.Int64)
    above = (size.cum_sum() - size).over("ranking_id")
    placed = each.with_columns(rank=above + (size + 1) / 2, tie_size=size, open=(size > 1) & ~pl.col("tied"))
    return placed.explode("candidate_ids").rename({"candidate_ids": "candidate_id"}).drop("tied")


def kendall_w(rankings: pl.DataFrame) -> pl.DataFrame:
    """Kendall's coefficient of concordance of each task: (task_id, n_labelers, n_candidates, w), with ties corrected.

    W = 12 S / (m^2 (n^3 - n) - m sum(t^3 - t)), where S is the sum of squared deviations of the candidates' sums of
    ranks (Kendall and Gibbons 1990, chapter 6). Of m >= 2 rankings that order the same n >= 2 candidates of the task;
    rankings that leave some order open, or judge fewer candidates than others, are left out. Null where all is tied.
    """
    placed = rank_candidates(rankings)
    judged = placed.with_columns(n=pl.len().over("ranking_id"), gaps=pl.col("open").any().over("ranking_id"))
    full = judged.filter(~pl.col("gaps") & (pl.col("n") == pl.col("candidate_id").n_unique().over("task_id")))
    size = pl.col("tie_size")
    ties = full.group_by("task_id").agg(
        m=pl.col("ranking_id").n_unique().cast(pl.Int64), n=pl.col("n").first().cast(pl.Int64),
        ties=(size * size - 1).sum(),  # each of a tier's t members brings t^2 - 1
    )  # fmt: skip
    totals = full.group_by("task_id", "candidate_id").agg(total=pl.col("rank").sum()).sort("task_id", "candidate_id")
    spread = totals.group_by("task_id").agg(s=((pl.col("total") - pl.col("total").mean()) ** 2).sum())
    m, n = pl.col("m"), pl.col("n")
    whole = m * m * (n**3 - n) - m * pl.col("ties")
    known = ties.join(spread, on="task_id").filter((m >= 2) & (n >= 2)).sort("task_id")
    return known.select("task_id", n_labelers=m, n_candidates=n, w=pl.when(whole > 0).then(12 * pl.col("s") / whole))


def correlate_with_others(rankings: pl.DataFrame) -> pl.DataFrame:
    """Kendall's tau-b of each ranking with the others' consensus on its task: (ranking_id, labeler_id, tau).

    The consensus orders candidates by their mean rank in the others' rankings (Borda), each brought to the same scale
    where they judged unlike numbers. tau-b = (concordant - discordant) / sqrt(untied in one * untied in the other) over
    the pairs that both order (Kendall 1945). Null where nobody else ranked the task, or one of the two is all ties.
    """
    placed = rank_candidates(rankings)
    scored = placed.with_columns(score=_net_wins(pl.col("rank"), pl.len().over("ranking_id")))
    own = scored.group_by("task_id", "labeler_id", "candidate_id").agg(own=pl.col("score").sum(), n=pl.len())
    both = own.with_columns(
        others=(pl.col("own").sum() - pl.col("own")).over("task_id", "candidate_id")
        / (pl.col("n").sum() - pl.col("n")).over("task_id", "candidate_id")
    ).select("task_id", "labeler_id", "candidate_id", "others")
    sides = scored.join(both, on=["task_id", "labeler_id", "candidate_id"]).select(
        "ranking_id", "labeler_id", "candidate_id", "rank", "open", "others"
    )
    pairs = sides.join(sides.drop("labeler_id"), on="ranking_id", suffix="_2").filter(
        (pl.col("candidate_id") < pl.col("candidate_id_2")) & ~(pl.col("open") & (pl.col("rank") == pl.col("rank_2")))
    )
    mine = (pl.col("rank_2") - pl.col("rank")).sign()
    gap = pl.col("others") - pl.col("others_2")
    # sums of the same numbers in another order differ by rounding
    theirs = pl.when(gap.abs() > 1e-9).then(gap.sign()).otherwise(0.0)
    known = pairs.filter(gap.is_finite()).group_by("ranking_id", "labeler_id").agg(
        together=(mine * theirs).sum(), mine=mine.abs().sum(), theirs=theirs.abs().sum()
    )  # fmt: skip
    whole = (pl.col("mine") * pl.col("theirs")).sqrt()
    taus = known.select("ranking_id", tau=pl.when(whole > 0).then(pl.col("together") / whole))
    names = rankings.filter(pl.col("skip_reason").is_null()).select("ranking_id", "labeler_id")
    return names.join(taus, on="ranking_id", how="left").sort("ranking_id")


def _net_wins(rank: pl.Expr, n: pl.Expr) -> pl.Expr:
    """Wins less losses of a candidate among its ranking's others, as a share of them: 1 beats all, -1 none."""
    return (n + 1 - 2 * rank) / (n - 1).clip(1)
