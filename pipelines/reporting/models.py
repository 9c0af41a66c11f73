"""Turns lineage.json files and training rows into the family tree of a turn's models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.reporting.answers import GOLD
from pipelines.reporting.inputs import Inputs
from schemas.ids import digest_rows


@dataclass(frozen=True)
class Named:
    """A model by the md5 of its weights, and what it is called here."""

    md5: str | None
    name: str = ""


@dataclass(frozen=True)
class ModelRow:
    """A model with where it comes from.

    `proven` says whether the rows in lineage.json are those of the table `training_rows`; None when that has none.
    """

    name: str
    md5: str | None
    how: str
    parent: Named
    reference: Named
    n_rows: int | None
    rows: str | None
    proven: bool | None


def list_models(inputs: Inputs) -> list[ModelRow]:
    """The start policy, the SFT checkpoint that was chosen, the reward model and the policy."""
    md5s = dict(inputs.answers.select("checkpoint", "policy").unique().sort(pl.all()).iter_rows())
    rewards = inputs.answer_scores.filter(pl.col("model") != GOLD)["model"].unique().sort().to_list()
    md5s["reward_model"] = rewards[0] if len(rewards) == 1 else None
    names = name_models(inputs, md5s)
    start = _describe_model("start policy", md5s.get("start"), "start", inputs, names)
    chosen = md5s.get("sft")
    sft = [] if chosen in (None, start.md5) else [_describe_sft(chosen, start.md5, inputs, names)]
    reward_model = _describe_model("reward model", md5s["reward_model"], "reward_model", inputs, names)
    return [start, *sft, reward_model, _describe_model("policy", md5s.get("policy"), "policy", inputs, names)]


def name_models(inputs: Inputs, md5s: Mapping[str, str | None]) -> dict[str, str]:
    """What models are called, by md5: those of earlier turns, checkpoints that drew candidates, this turn's own."""
    names = {row[kind]: f"turn {row['turn']}" for row in inputs.earlier_models for kind in ("policy", "reward_model")}
    drawn = inputs.tables["samples"].filter(pl.col("checkpoint").str.starts_with("checkpoint-"))
    names |= {md5: name for md5, name in drawn.select("policy", "checkpoint").unique().sort(pl.all()).iter_rows()}
    known = {"start": "start policy", "policy": "policy", "reward_model": "reward model"}
    return names | {md5: known[key] for key, md5 in md5s.items() if md5 and key in known}


def _describe_model(name: str, md5: str | None, key: str, inputs: Inputs, names: Mapping[str, str]) -> ModelRow:
    lineage: Mapping[str, Any] = inputs.lineages[key]
    digest, rows = lineage.get("rows"), list_training_rows(inputs, md5)
    how = str(lineage.get("kind") or "").replace("_", " ")
    if key == "start" and lineage.get("parent") is None:
        how = "pre-training"
    return ModelRow(
        name, md5, how, _name(lineage.get("parent"), names), _name(lineage.get("reference"), names),
        lineage.get("n_rows"), digest, digest_rows(rows) == digest if rows else None,
    )  # fmt: skip


def _describe_sft(md5: str | None, parent: str | None, inputs: Inputs, names: Mapping[str, str]) -> ModelRow:
    """An SFT checkpoint, by its training rows: where its lineage.json lies depends on which was chosen."""
    rows = list_training_rows(inputs, md5)
    name = f"SFT {inputs.metric('policy', 'checkpoint') or ''}".strip()
    digest = digest_rows(rows) if rows else None
    return ModelRow(name, md5, "SFT", _name(parent, names), Named(None), len(rows) or None, digest, None)


def _name(md5: str | None, names: Mapping[str, str]) -> Named:
    return Named(md5, names.get(md5 or "", ""))


def list_training_rows(inputs: Inputs, md5: str | None) -> list[str]:
    """Ids of the rows that a model saw."""
    if md5 is None:
        return []
    return inputs.tables["training_rows"].filter(pl.col("model") == md5)["row_id"].to_list()
