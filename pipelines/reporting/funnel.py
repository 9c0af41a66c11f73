"""Turns the ledger into a funnel: rows in, kept and dropped of each table, and for each reason some examples."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.funnel import count_rows
from pipelines.reporting.examples import Example, find_pairs, show_dropped
from pipelines.reporting.inputs import Inputs
from pipelines.reporting.reasons import describe_reason
from pipelines.reporting.texts import Texts

COUNTED = ("prompts", "demonstrations", "candidates", "rankings")
JUDGED = {"comparisons": "n_comparisons", "preferences": "n_pairs"}
"""Derived from rankings, so counted in metrics/agreement.json: the table in the ledger, and its rows."""
LABELS = {"preferences": "pairs"}
NOTES = {
    "demonstrations": "Answers to imitate: those that are kept fine-tune the policy.",
    "candidates": "Bad form stays in: the reward model has to see it lose.",
    "rankings": "A labeler who is dropped takes along all of their rankings.",
    "comparisons": "Two answers of one ranking, judged by one labeler.",
    "preferences": "Two answers and what the kept labelers make of them; kept ones train the reward model.",
}


@dataclass(frozen=True)
class Reason:
    """One reason of the ledger: how many rows have it, and some of them."""

    name: str
    meaning: str
    n: int
    examples: list[Example]


@dataclass(frozen=True)
class TableFunnel:
    """One table's way through curation; rows = kept + dropped, and a row may have several reasons."""

    name: str
    note: str
    rows: int
    new: int | None
    """Rows of this turn; None where that is not known."""
    kept: int
    dropped: int
    reasons: list[Reason]


def build_funnel(inputs: Inputs, texts: Texts) -> list[TableFunnel]:
    """Tables in the order of the stages; a table without any rows is left out."""
    counts = count_tables(inputs)
    picked = {
        (name, reason): pick_dropped(inputs, name, reason)
        for name, count in counts.items()
        for reason in count["dropped_by_reason"]
    }
    pairs = find_pairs([row for rows in picked.values() for row in rows], inputs)
    examples = {key: [show_dropped(row, texts, pairs) for row in rows] for key, rows in picked.items()}
    return [_build_table(name, count, inputs, examples) for name, count in counts.items()]


def count_tables(inputs: Inputs) -> dict[str, dict[str, Any]]:
    """Rows, kept, dropped and dropped by reason of each table that has rows, in the order of the stages."""
    dropped = inputs.tables["dropped"]
    counts = {name: count_rows(name, inputs.tables[name], dropped) for name in COUNTED}
    counts |= {name: _count_judged(inputs, name, key) for name, key in JUDGED.items()}
    return {name: count for name, count in counts.items() if count["rows"]}


def _count_judged(inputs: Inputs, name: str, key: str) -> dict[str, Any]:
    """As `count_rows`, for rows that are in no table."""
    mine = inputs.tables["dropped"].filter(pl.col("table_name") == name)
    reasons = mine.group_by("reason").agg(pl.col("row_id").n_unique().alias("n"))
    by_reason = dict(reasons.sort("reason").iter_rows())
    rows, gone = inputs.metric("agreement", key) or 0, mine["row_id"].n_unique()
    return {"rows": rows, "kept": max(0, rows - gone), "dropped": gone, "dropped_by_reason": by_reason}


def _build_table(
    name: str, count: Mapping[str, Any], inputs: Inputs, examples: Mapping[tuple[str, str], list[Example]]
) -> TableFunnel:
    by_reason = sorted(count["dropped_by_reason"].items(), key=lambda item: (-item[1], item[0]))
    reasons = [Reason(reason, describe_reason(reason), n, examples[name, reason]) for reason, n in by_reason]
    note = _list_splits(inputs) if name == "prompts" else NOTES[name]
    new = inputs.new_rows.get(name)
    return TableFunnel(
        LABELS.get(name, name), note, count["rows"], new, count["kept"], count["dropped"], reasons
    )  # fmt: skip


def _list_splits(inputs: Inputs) -> str:
    """Kept prompts by split, as a note."""
    splits = inputs.metric("prompts", "kept_by_split") or {}
    return ", ".join(f"{splits[split]:,} {split}" for split in ("train", "validation", "benchmark") if split in splits)


def pick_dropped(inputs: Inputs, table: str, reason: str) -> list[dict[str, Any]]:
    """Rows of the ledger to show: the one nearest its threshold first, the rest by id.

    Of rankings there is one a labeler, of comparisons one a ranking.
    """
    chosen = inputs.tables["dropped"].filter((pl.col("table_name") == table) & (pl.col("reason") == reason))
    labelers = inputs.tables["rankings"].select(row_id="ranking_id", owner="labeler_id")
    chosen = chosen.with_columns(owner=pl.col("row_id").str.split(":").list.first())
    if table == "rankings":
        chosen = chosen.drop("owner").join(labelers, on="row_id", how="left")
    distance = (pl.col("value") - pl.col("threshold")).abs()
    nearest = chosen.sort(distance, "row_id", nulls_last=True).head(1)
    rest = chosen.join(nearest, on="row_id", how="anti").sort("row_id")
    picked = pl.concat([nearest, rest]).unique("owner", keep="first", maintain_order=True)
    return picked.head(inputs.params.n_dropped).to_dicts()
