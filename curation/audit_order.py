"""Checks of the audit that hold pairs against each other: contradictions, cycles, repeats."""

import numpy as np
import polars as pl

from curation.pairs import Evidence
from schemas.audit import Check

_SIDES = ["context", "normal_chosen", "normal_rejected"]


def find_contradictory_pairs(evidence: Evidence, check: Check) -> pl.DataFrame:
    """The same two texts preferred the other way, to the same prompt, by at least as wide a margin.

    Value: the other pair's margin (1 where there are none), its id matched; threshold: this pair's.
    """
    pairs = _compared(evidence).with_columns(pl.col("margin").abs().fill_null(1.0))
    turned = pairs.select(
        "context",
        matched_id="pair_id",
        normal_chosen="normal_rejected",
        normal_rejected="normal_chosen",
        value="margin",
    )
    met = pairs.join(turned, on=_SIDES)
    return met.filter(pl.col("value") >= pl.col("margin")).select(
        "value", "matched_id", row_id="pair_id", threshold="margin"
    )


def find_preference_cycles(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Pairs on a cycle: a over b, b over c, c over a. Value: how many sides hang together; matched: the next pair.

    Contradictions, cycles of two, are left to their own check.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = _compared(evidence)
    turned = pairs.select("context", normal_chosen="normal_rejected", normal_rejected="normal_chosen")
    pairs = pairs.join(turned, on=_SIDES, how="anti").sort("pair_id")
    if not pairs.height:
        return pl.DataFrame(schema={"row_id": pl.String})
    nodes = pl.concat([pairs.select("context", text=side) for side in _SIDES[1:]])
    number = nodes.select(pl.struct("context", "text").rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    above, below = number[: pairs.height], number[pairs.height :]
    n_nodes = int(number.max()) + 1
    graph = coo_matrix((np.ones(len(above), np.int8), (above, below)), shape=(n_nodes, n_nodes))
    _, part = connected_components(graph, directed=True, connection="strong")
    sizes = np.bincount(part)
    edges = pairs.select("pair_id").with_columns(
        above=pl.Series(above), below=pl.Series(below), size=pl.Series(sizes[part[above]], dtype=pl.Float64),
        inside=pl.Series(part[above] == part[below]),
    )  # fmt: skip
    cyclic = edges.filter("inside")
    following = cyclic.group_by("above").agg(matched_id=pl.col("pair_id").min())
    return cyclic.join(following, left_on="below", right_on="above").select(
        "matched_id", row_id="pair_id", value="size", threshold=pl.lit(2.0)
    )


def find_duplicate_pairs(evidence: Evidence, check: Check) -> pl.DataFrame:
    """The same preference under another id, whose first (matched) is not found."""
    first = pl.col("pair_id").min().over(_SIDES)
    return _compared(evidence).with_columns(matched_id=first).filter(pl.col("pair_id") != first).select(
        "matched_id", row_id="pair_id", value=pl.lit(1.0), threshold=pl.lit(1.0)
    )  # fmt: skip


def find_repeated_prompts(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Pairs whose prompt has the text of an earlier one by id: its first pair is matched.

    Without prompt ids each row has a prompt of its own.
    """
    known = evidence.pairs.filter(pl.col("prompt").is_not_null())
    first = pl.col("prompt_id").min().over("context")
    repeated = known.with_columns(first=first).filter(pl.col("prompt_id") != pl.col("first"))
    earlier = known.group_by(first="prompt_id").agg(matched_id=pl.col("pair_id").min())
    return repeated.join(earlier, on="first").select(
        "matched_id", row_id="pair_id", value=pl.lit(1.0), threshold=pl.lit(1.0)
    )


def _compared(evidence: Evidence) -> pl.DataFrame:
    """Pairs of two known and different texts to a known prompt."""
    known = pl.all_horizontal(pl.col(c).is_not_null() for c in ("prompt", "chosen", "rejected"))
    return evidence.pairs.filter(known & (pl.col("normal_chosen") != pl.col("normal_rejected")))
