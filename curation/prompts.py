"""Turns a turn's prompts, old and new, into splits and a ledger of the prompts that are dropped."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.ledger import combine_drops, make_findings, record_drops
from curation.near_duplicates import (
    cluster_near_duplicates,
    drop_exact_duplicates,
    drop_near_duplicates,
    list_pairs,
)
from curation.noise import CountTokens, find_noise
from curation.rouge import drop_similar
from curation.splits import assign_splits, list_conflicts
from curation.texts import prompt_text, system_text
from schemas.curation_params import NearDuplicates, Prompts

STAGE = "prompts"
MARKED_TABLES = ("demonstrations", "rankings")
"""Tables beside prompts whose rows are dropped here where they vanished at their source."""
NONE_VANISHED = pl.DataFrame(schema={"table_name": pl.String, "row_id": pl.String})


@dataclass(frozen=True)
class CuratedPrompts:
    """assignments and dropped as their tables say; metrics: counts for metrics/*.json."""

    assignments: pl.DataFrame
    dropped: pl.DataFrame
    metrics: dict[str, Any]


def curate_prompts(
    prompts: pl.DataFrame,
    past_assignments: pl.DataFrame,
    proposed: pl.DataFrame,
    *,
    past_ids: pl.DataFrame | Collection[str],
    seed_ids: Collection[str] = (),
    count_tokens: CountTokens | None = None,
    vanished: pl.DataFrame | None = None,
    params: Prompts,
    near: NearDuplicates,
    turn: int,
    seed: int,
) -> CuratedPrompts:
    """Judge all prompts and give each a split.

    Args:
        prompts: table `prompts`, rows of all turns.
        past_assignments: table `assignments` of the turn before; its splits stay.
        proposed: (prompt_id, split) settled before generation; may be empty.
        past_ids: prompts of earlier turns, or a frame (prompt_id, turn) that says of which: earlier ones survive.
        seed_ids: prompts that others must not resemble (rule `similar_prompt`).
        count_tokens: the run's tokenizer, as `find_noise` wants it.
        vanished: (table_name, row_id) of rows that their sources no longer have; those of other tables that are
            judged by their prompts' sources are dropped here too (rule `vanished_at_source`).
    """
    rows = _describe_prompts(prompts, past_ids, turn)
    links = _link_prompts(rows, past_assignments, proposed, near)
    split = assign_splits(
        rows.select("prompt_id", "turn"), links, past_assignments, proposed, shares=params.splits, seed=seed
    )
    rules = params.rules
    found = [find_noise(rows, rules, count_tokens=count_tokens)]
    if rules.bridges_splits.enabled:
        found.append(make_findings(split.bridges, "bridges_splits"))
    gone = NONE_VANISHED if vanished is None or not rules.vanished_at_source.enabled else vanished
    found.append(_find_vanished(gone, "prompts").join(rows, on="row_id", how="semi"))
    faulty = pl.concat([f.select("row_id") for f in found]).unique()
    train = rows.join(split.assignments.filter(pl.col("split") == "train"), on="prompt_id", how="semi")
    train = train.join(faulty.with_columns(faulty=True), on="row_id", how="left").with_columns(
        pl.col("faulty").fill_null(False)
    )
    found += _find_duplicates(train, params, near)
    if rules.similar_prompt.enabled:
        seeded = train.with_columns(seed=pl.col("row_id").is_in(list(seed_ids)))
        similar = drop_similar(seeded, rules.similar_prompt.max_rouge, keep=["seed", *params.keep])
        found.append(make_findings(similar, "similar_prompt", threshold=rules.similar_prompt.max_rouge))
    dropped = record_drops(found, table="prompts", stage=STAGE, turn=turn)
    metrics = _count_prompts(split.assignments, dropped, rows)
    others = [record_drops([_find_vanished(gone, name)], table=name, stage=STAGE, turn=turn) for name in MARKED_TABLES]
    return CuratedPrompts(split.assignments, combine_drops([dropped, *others]), metrics)


def _find_vanished(vanished: pl.DataFrame, table: str) -> pl.DataFrame:
    return make_findings(vanished.filter(pl.col("table_name") == table).select("row_id"), "vanished_at_source")


def _describe_prompts(prompts: pl.DataFrame, past_ids: pl.DataFrame | Collection[str], turn: int) -> pl.DataFrame:
    """row_id, prompt_id, conversation_id, text, setting (system messages and tools) and turn of each prompt."""
    if isinstance(past_ids, pl.DataFrame):
        past = past_ids if "turn" in past_ids.columns else past_ids.with_columns(turn=pl.lit(0, pl.Int64))
    else:
        past = pl.DataFrame({"prompt_id": sorted(past_ids)}, schema={"prompt_id": pl.String}).with_columns(
            turn=pl.lit(0, pl.Int64)
        )
    first_turns = past.group_by("prompt_id").agg(pl.col("turn").min().cast(pl.Int64))
    return (
        prompts.select(
            "prompt_id", "conversation_id", row_id="prompt_id", text=prompt_text(),
            setting=system_text() + "\n" + pl.col("tools").fill_null(""),
        )
        .join(first_turns, on="prompt_id", how="left")
        .with_columns(pl.col("turn").fill_null(turn))
        .sort("turn", "prompt_id")
    )  # fmt: skip


def _link_prompts(
    rows: pl.DataFrame, past_assignments: pl.DataFrame, proposed: pl.DataFrame, near: NearDuplicates
) -> pl.DataFrame:
    """(row_id, matched_id) of prompts that belong together: near-duplicates, equal texts, one conversation.

    Clusters are stars round their first row, except where splits are in conflict: there every pair is listed,
    so that a bridge is told from a row that is near to only one side.
    """
    clusters = cluster_near_duplicates(rows, near).select("row_id", matched_id="cluster_id")
    talks = rows.select("row_id", matched_id=pl.col("row_id").min().over("conversation_id"))
    links = pl.concat([clusters, talks]).filter(pl.col("row_id") != pl.col("matched_id"))
    conflicts = list_conflicts(rows, links, past_assignments, proposed)
    if not conflicts:
        return links
    in_conflict = rows.filter(pl.col("prompt_id").is_in(conflicts))
    pairs = list_pairs(in_conflict, near).select("row_id", "matched_id")
    talking = in_conflict.select("row_id", "conversation_id")
    talks = talking.join(talking, on="conversation_id", suffix="_matched").select("row_id", matched_id="row_id_matched")
    settled = links.filter(~pl.col("row_id").is_in(conflicts))
    return pl.concat([settled, pairs, talks.filter(pl.col("row_id") < pl.col("matched_id"))])


def _find_duplicates(rows: pl.DataFrame, params: Prompts, near: NearDuplicates) -> list[pl.DataFrame]:
    """Findings for duplicates among rows of one setting: equal system messages and tools."""
    found, keep = [], params.keep
    if params.rules.exact_duplicate.enabled:
        exact = drop_exact_duplicates(rows, keep=keep, within="setting").rename({"similarity": "value"})
        found.append(make_findings(exact, "exact_duplicate", threshold=1.0))
    if params.rules.near_duplicate.enabled:
        matches = drop_near_duplicates(rows, near, keep=keep, within="setting").rename({"similarity": "value"})
        found.append(make_findings(matches, "near_duplicate", threshold=near.threshold))
    return found


def _count_prompts(assignments: pl.DataFrame, dropped: pl.DataFrame, rows: pl.DataFrame) -> dict[str, Any]:
    clusters = assignments.group_by("cluster_id").len()
    kept = rows.join(dropped.select("row_id").unique(), on="row_id", how="anti")
    by_split = kept.join(assignments, on="prompt_id").group_by("split").len()
    return {
        "n_prompts": rows.height,
        "n_kept": kept.height,
        "n_dropped": rows.height - kept.height,
        "n_clusters": clusters.height,
        "largest_cluster": int(clusters["len"].max() or 0),  # type: ignore[arg-type]
        "kept_by_split": {s: n for s, n in by_split.sort("split").iter_rows()},
        "dropped_by_reason": dict(dropped.group_by("reason").len().sort("reason").iter_rows()),
    }
