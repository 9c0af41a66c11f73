"""Turns labelers' statistics and preferences into what the report says of agreement."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.reporting.inputs import Inputs
from pipelines.reporting.texts import Shown, Texts


@dataclass(frozen=True)
class LabelerRow:
    """One labeler with the table `labeler_stats`, and why their rankings were dropped."""

    labeler_id: str
    kind: str
    stats: dict[str, Any]
    reasons: list[str]


@dataclass(frozen=True)
class ShownPreference:
    """One preference with its votes."""

    prompt: Shown
    chosen: Shown
    rejected: Shown
    votes_for: int
    votes_against: int
    votes_tie: int


@dataclass(frozen=True)
class Labeling:
    """What labelers did; `simulated` when all of them are."""

    labelers: list[LabelerRow]
    preferences: list[ShownPreference]
    simulated: int

    @property
    def repeats(self) -> bool:
        """True when some labeler ranked something twice."""
        return any(row.stats["repeat_consistency"] is not None for row in self.labelers)

    @property
    def has_gold(self) -> bool:
        """True when some labeler judged pairs that gold decides."""
        return any(row.stats["gold_accuracy"] is not None for row in self.labelers)

    @property
    def all_simulated(self) -> bool:
        """True when there are labelers and no real one among them."""
        return 0 < self.simulated == len(self.labelers)


def build_labeling(inputs: Inputs, texts: Texts) -> Labeling:
    """Labelers from the most reliable to the least, those of unknown reliability last."""
    stats = inputs.tables["labeler_stats"].join(inputs.tables["labelers"], on="labeler_id", how="left")
    ordered = stats.sort("reliability", "labeler_id", descending=[True, False], nulls_last=True)
    blamed = list_blamed(inputs)
    rows = [
        LabelerRow(row["labeler_id"], row["kind"] or "unknown", row, blamed.get(row["labeler_id"], []))
        for row in ordered.iter_rows(named=True)
    ]
    simulated = sum(row.kind == "simulated" for row in rows)
    return Labeling(rows, pick_preferences(inputs, texts), simulated)


def list_blamed(inputs: Inputs) -> dict[str, list[str]]:
    """Reasons for which a labeler's rankings were dropped, of those that blame the labeler."""
    drops = inputs.tables["dropped"].filter(
        (pl.col("table_name") == "rankings") & pl.col("reason").str.ends_with("_labeler")
    )
    owned = drops.join(inputs.tables["rankings"], left_on="row_id", right_on="ranking_id")
    reasons = owned.select("labeler_id", "reason").unique().sort("labeler_id", "reason")
    return dict(reasons.group_by("labeler_id", maintain_order=True).agg("reason").iter_rows())


def pick_preferences(inputs: Inputs, texts: Texts) -> list[ShownPreference]:
    """A few preferences to read: the one that most votes agree on, and the one of most votes that are divided."""
    rows = inputs.tables["preferences"].with_columns(
        lead=pl.col("votes_for") - pl.col("votes_against"), n=pl.col("votes_for") + pl.col("votes_against")
    )
    clear = rows.sort("lead", "pair_id", descending=[True, False]).head(1)
    divided = rows.filter(pl.col("votes_against") > 0).sort("n", "lead", "pair_id", descending=[True, False, False])
    picked = pl.concat([clear, divided.head(1)]).unique("pair_id", keep="first", maintain_order=True)
    return [
        ShownPreference(
            texts.prompt(row["prompt_id"]), texts.completion("candidates", row["chosen_id"]),
            texts.completion("candidates", row["rejected_id"]), row["votes_for"], row["votes_against"],
            row["votes_tie"],
        )
        for row in picked.iter_rows(named=True)
    ]  # fmt: skip
