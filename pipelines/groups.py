"""Turns curated preferences into what trainers read: groups of a prompt's completions with their pairs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from curation.ledger import keep_rows
from curation.views import read_view
from pipelines.stage import Stage
from training.examples import Group, Pair


def kept_prompts(stage: Stage) -> pl.DataFrame:
    """Prompts of all turns that no rule dropped, with their split, by id."""
    kept = keep_rows("prompts", stage.rows("prompts"), stage.new_rows("dropped"))
    return kept.join(stage.rows("assignments"), on="prompt_id").sort("prompt_id")


def read_pairs(stage: Stage) -> pl.DataFrame:
    """Rows of the view `preference_pairs`: preferences with weight, margin and split."""
    derived = ("preferences", "labeler_stats", "pair_findings", "dropped")
    frames = {name: stage.new_rows(name) for name in derived}
    frames |= {name: stage.rows(name) for name in ("rankings", "assignments", "prompts", "candidates")}
    return read_view("preference_pairs", frames)


def newest_checkpoint(stage: Stage) -> Path:
    """The last SFT checkpoint."""
    return list_checkpoints(stage)[-1]


def list_checkpoints(stage: Stage) -> list[Path]:
    """SFT checkpoints, first to last."""
    found = stage.dep("models/sft").glob("checkpoint-*")
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def list_prompts(prompts: pl.DataFrame) -> list[tuple[str, list[dict[str, Any]]]]:
    """(prompt id, messages) of each row."""
    return list(zip(prompts["prompt_id"].to_list(), prompts["messages"].to_list(), strict=True))


def read_messages(frame: pl.DataFrame, key: str, column: str) -> dict[str, list[dict[str, Any]]]:
    """Messages by id."""
    return dict(zip(frame[key].to_list(), frame[column].to_list(), strict=True))


def build_groups(pairs: pl.DataFrame, prompts: pl.DataFrame, candidates: pl.DataFrame) -> list[Group]:
    """One group a prompt, in the order of ids, from rows of the view `preference_pairs`."""
    messages = read_messages(prompts, "prompt_id", "messages")
    completions = read_messages(candidates, "candidate_id", "completion")
    return [
        _build_group(str(key[0]), rows, messages, completions)
        for key, rows in pairs.sort("prompt_id", "pair_id").group_by("prompt_id", maintain_order=True)
    ]


def _build_group(prompt: str, rows: pl.DataFrame, messages: Mapping[str, Any], completions: Mapping[str, Any]) -> Group:
    ids = sorted({*rows["chosen_id"], *rows["rejected_id"]})
    place = {candidate: index for index, candidate in enumerate(ids)}
    pairs = [
        Pair(place[row["chosen_id"]], place[row["rejected_id"]], row["weight"], row["margin"])
        for row in rows.iter_rows(named=True)
    ]
    return Group(prompt, messages[prompt], [completions[candidate] for candidate in ids], pairs)
