"""Turns rankings of all turns into preferences, what we think of each labeler, and the ledger of what is dropped."""

from typing import Any

import polars as pl

from curation.ledger import keep_rows
from curation.preferences import curate_preferences
from curation.references import list_references
from pipelines.readings import read_candidates
from pipelines.stage import Stage
from pipelines.tokens import token_counter


def run(stage: Stage) -> None:
    """Judge every ranking and candidate again, past ones included; audit the preferences that come out."""
    curated = curate_preferences(**read_inputs(stage))
    stage.write_table("preferences", curated.preferences)
    stage.write_table("labeler_stats", curated.labeler_stats)
    stage.write_table("dropped", curated.dropped)
    # apart, so that a warning more or less retrains nothing
    for part, action in (("down_weights", "down_weight"), ("warnings", "warn")):
        stage.write_table("pair_findings", curated.findings.filter(pl.col("action") == action), part=part)
    stage.write_metrics("agreement", curated.metrics)
    stage.write_metrics("audit", curated.audited)


def read_inputs(stage: Stage) -> dict[str, Any]:
    """What `curate_preferences` is called with."""
    params = stage.params
    sources = params.curate_preferences.candidate_rules.wrong_answer.reference_sources
    candidates, prompts, dropped = stage.rows("candidates"), stage.rows("prompts"), stage.new_rows("dropped")
    demonstrations = stage.rows("demonstrations")
    return {
        "rankings": stage.rows("rankings"), "ratings": stage.rows("ratings"), "candidates": candidates,
        "samples": stage.rows("samples"), "prompts": prompts, "assignments": stage.rows("assignments"),
        "prompt_drops": dropped, "labelers": stage.rows("labelers"),
        "params": params.curate_preferences, "near": params.near_duplicates, "turn": stage.turn, "seed": stage.seed,
        "demonstrations": keep_rows("demonstrations", demonstrations, dropped),
        "references": list_references(demonstrations, stage.rows("origins"), sources),
        "count_tokens": token_counter(stage), "readings": read_candidates(stage, candidates, prompts),
    }  # fmt: skip
