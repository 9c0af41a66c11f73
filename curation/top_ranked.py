"""Turns preferences into each prompt's top-ranked answer."""

import polars as pl


def pick_top_ranked(pairs: pl.DataFrame) -> pl.DataFrame:
    """The candidate of each prompt that wins most against the others by the labelers' consensus.

    A candidate scores the weight of the pairs it wins less that of the pairs it loses: a weighted Borda count over the
    pairs that were judged. Of equal scores the smaller id stays.

    Args:
        pairs: columns prompt_id, chosen_id, rejected_id, weight.

    Returns:
        One row a prompt: prompt_id, candidate_id, by prompt.
    """
    won = pairs.select("prompt_id", pl.col("chosen_id").alias("candidate_id"), pl.col("weight").alias("score"))
    lost = pairs.select("prompt_id", pl.col("rejected_id").alias("candidate_id"), -pl.col("weight").alias("score"))
    scores = pl.concat([won, lost]).group_by("prompt_id", "candidate_id").agg(pl.col("score").sum())
    ordered = scores.sort("prompt_id", "score", "candidate_id", descending=[False, True, False])
    best = ordered.unique("prompt_id", keep="first", maintain_order=True)
    return best.select("prompt_id", "candidate_id").sort("prompt_id")
