"""Turns prompt sources into this turn's prompts with their splits."""

import polars as pl

from curation.prompts import curate_prompts
from curation.references import comes_from
from pipelines.sources.imports import read_ledger
from pipelines.sources.sandbox import no_splits, sandbox_prompts
from pipelines.sources.vanished import list_vanished
from pipelines.stage import Stage
from pipelines.tokens import token_counter
from schemas.noise_rules import MaxRouge
from schemas.tables import empty_frame, union_rows


def run(stage: Stage) -> None:
    """Gather prompts, give each new one its split, and say which are dropped and why."""
    params, past = stage.params, stage.past_rows("prompts")
    prompts, origins, given = empty_frame("prompts"), empty_frame("origins"), no_splits()
    if "sandbox" in params.prompts.sources:
        prompts, origins, given = sandbox_prompts(params.sandbox, past, turn=stage.turn, seed=stage.seed)
    if "imports" in params.prompts.sources:
        prompts = union_rows("prompts", prompts, stage.imported("prompts"))
        origins = union_rows("origins", origins, stage.imported("origins", of=("prompts",)))
    vanished = None
    if params.prompts.rules.vanished_at_source.enabled:
        vanished = list_vanished(stage.root, read_ledger(stage.root), pl.concat([stage.past_rows("origins"), origins]))
    curated = curate_prompts(
        union_rows("prompts", past, prompts), stage.past_rows("assignments"), given,
        past_ids=list_first_turns(stage.past_rows("origins")),
        seed_ids=list_seeds(pl.concat([stage.past_rows("origins"), origins]), params.prompts.rules.similar_prompt),
        params=params.prompts, near=params.near_duplicates, turn=stage.turn, seed=params.seed,
        count_tokens=token_counter(stage), vanished=vanished,
    )  # fmt: skip
    new = prompts.join(past, on="prompt_id", how="anti")
    stage.write_table("prompts", new)
    stage.write_table("origins", origins)
    stage.write_table("assignments", curated.assignments.join(new, on="prompt_id", how="semi"))
    stage.write_table("dropped", curated.dropped)
    stage.write_metrics("prompts", curated.metrics)


def list_seeds(origins: pl.DataFrame, rule: MaxRouge) -> list[str]:
    """Ids of prompts from seed sources: a source of that name, or of that format ("self-instruct/seed_tasks")."""
    seeds = origins.filter((pl.col("table_name") == "prompts") & comes_from(rule.seed_sources))
    return seeds["row_id"].unique().sort().to_list()


def list_first_turns(origins: pl.DataFrame) -> pl.DataFrame:
    """(prompt_id, turn) of each past prompt: the turn it first came in, so that the earlier of two repeats survives."""
    prompts = origins.filter(pl.col("table_name") == "prompts")
    return prompts.group_by(pl.col("row_id").alias("prompt_id")).agg(pl.col("turn").min()).sort("prompt_id")
