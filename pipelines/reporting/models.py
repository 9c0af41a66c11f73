"""Turns lineage.json files and training rows into the family tree of a turn's models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.reporting.answers import GOLD
from pipelines.reporting.inputs import Inputs
from schemas.ids import digest_rows


@dataclass(frozen=True)
class ModelRow:
    """A model with where it comes from; models are named by the md5 of their weights.

    `proven` says whether the rows in lineage.json are those of the table `training_rows`; None when that has none.
    """

    name: str
    md5: str | None
    how: str
    parent: str | None
    reference: str | None
    n_rows: int | None
    rows: str | None
    proven: bool | None


def list_models(inputs: Inputs) -> list[ModelRow]:
    """The start policy, the SFT checkpoint that was chosen, the reward model and the policy."""
    named = dict(inputs.answers.select("checkpoint", "policy").unique().sort(pl.all()).iter_rows())
    rewards = inputs.answer_scores.filter(pl.col("model") != GOLD)["model"].unique().sort().to_list()
    named["reward_model"] = rewards[0] if len(rewards) == 1 else None
    chosen = inputs.metric("policy", "checkpoint")
    start = _describe_model("start policy", named.get("start"), inputs.lineages["start"], inputs)
    sft = _describe_sft(f"SFT, {chosen}", named.get("sft"), start.md5, inputs)
    return [
        start,
        *([sft] if chosen != "start" else []),
        _describe_model("reward model", named["reward_model"], inputs.lineages["reward_model"], inputs),
        _describe_model("policy", named.get("policy"), inputs.lineages["policy"], inputs),
    ]


def _describe_model(name: str, md5: str | None, lineage: Mapping[str, Any], inputs: Inputs) -> ModelRow:
    digest, rows = lineage.get("rows"), list_training_rows(inputs, md5)
    return ModelRow(
        name, md5, str(lineage.get("kind") or "").replace("_", " "), lineage.get("parent"), lineage.get("reference"),
        lineage.get("n_rows"), digest, digest_rows(rows) == digest if rows else None,
    )  # fmt: skip


def _describe_sft(name: str, md5: str | None, parent: str | None, inputs: Inputs) -> ModelRow:
    """An SFT checkpoint, by its training rows: where its lineage.json lies depends on which was chosen."""
    rows = list_training_rows(inputs, md5)
    return ModelRow(name, md5, "sft", parent, None, len(rows) or None, digest_rows(rows) if rows else None, None)


def list_training_rows(inputs: Inputs, md5: str | None) -> list[str]:
    """Ids of the rows that a model saw."""
    if md5 is None:
        return []
    return inputs.tables["training_rows"].filter(pl.col("model") == md5)["row_id"].to_list()
