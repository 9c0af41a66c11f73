"""Turns weighted rankings with tiers into a strength for each item: the model of Plackett (1975) and Luce (1959).

A ranking is a series of choices: each item is chosen, in proportion to its strength, from itself and all below it.
Members of a tied tier are each chosen from the whole tier and all below (Breslow's treatment of ties, 1974); members of
an untied tier, whose order was not given, each from itself and all below. Fitted by minorisation (Hunter 2004).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

Array = np.ndarray


@dataclass(frozen=True)
class Choices:
    """Choices by number: the winner and the weight of each; members as (choice, item), the winner among them."""

    n_items: int
    winner: Array
    weight: Array
    choice: Array
    item: Array


def list_choices(placed: pl.DataFrame, n_items: int) -> Choices:
    """The choices that rankings are made of; one from itself alone says nothing and is left out.

    Args:
        placed: a row a ranking and item: ranking (number), tier (from the best), tied, item (number), weight.
    """
    rows = placed.sort("ranking", "tier", "item").with_row_index("choice")
    below = rows.select("ranking", member="item", member_tier="tier")
    met = rows.join(below, on="ranking", maintain_order="left").filter(
        (pl.col("member_tier") > pl.col("tier"))
        | ((pl.col("member_tier") == pl.col("tier")) & (pl.col("tied") | (pl.col("member") == pl.col("item"))))
    )
    met = met.filter(pl.len().over("choice") > 1).with_columns(pl.col("choice").rank("dense").cast(pl.Int64) - 1)
    each = met.unique("choice", keep="first", maintain_order=True)
    return Choices(
        n_items,
        each["item"].to_numpy(),
        each["weight"].cast(pl.Float64).to_numpy(),
        met["choice"].to_numpy(),
        met["member"].to_numpy(),
    )


def fit_plackett_luce(
    choices: Choices, *, invented_wins: float, tolerance: float = 1e-8, max_iterations: int = 10_000
) -> Array:
    """Log-strengths of maximum likelihood; arguments as for `pair_models.fit_rao_kupper`."""
    n = choices.n_items
    won = np.bincount(choices.winner, choices.weight, minlength=n) + invented_wins
    logs = np.zeros(n)
    for _ in range(max_iterations if n else 0):
        strengths = np.exp(logs)
        whole = np.bincount(choices.choice, strengths[choices.item], minlength=len(choices.weight))
        shared = np.bincount(choices.item, (choices.weight / whole)[choices.choice], minlength=n)
        with np.errstate(divide="ignore", invalid="ignore"):
            updated = np.log(won / (shared + 2 * invented_wins / (strengths + 1)))
        updated = np.clip(np.nan_to_num(updated, nan=0.0), -300, 300)
        moved = float(np.abs(updated - logs).max())
        logs = updated
        if moved < tolerance:
            break
    return logs
