"""Turns rankings of all turns into preferences, what we think of each labeler, and the ledger of what is dropped."""

import polars as pl

from curation.preferences import curate_preferences
from curation.references import list_references
from pipelines.readings import read_candidates
from pipelines.stage import Stage
from pipelines.tokens import token_counter


def run(stage: Stage) -> None:
    """Judge every ranking and candidate again, past ones included; audit the preferences that come out."""
    params = stage.params
    sources = params.curate_preferences.candidate_rules.wrong_answer.reference_sources
    candidates, prompts = stage.rows("candidates"), stage.rows("prompts")
    curated = curate_preferences(
        stage.rows("rankings"), stage.rows("ratings"), candidates, stage.rows("samples"), prompts,
        stage.rows("assignments"), stage.new_rows("dropped"), stage.rows("labelers"),
        params=params.curate_preferences, near=params.near_duplicates, turn=stage.turn, seed=stage.seed,
        references=list_references(stage.rows("demonstrations"), stage.rows("origins"), sources),
        count_tokens=token_counter(stage), readings=read_candidates(stage, candidates, prompts),
    )  # fmt: skip
    stage.write_table("preferences", curated.preferences)
    stage.write_table("labeler_stats", curated.labeler_stats)
    stage.write_table("dropped", curated.dropped)
    # apart, so that a warning more or less retrains nothing
    for part, action in (("down_weights", "down_weight"), ("warnings", "warn")):
        stage.write_table("pair_findings", curated.findings.filter(pl.col("action") == action), part=part)
    stage.write_metrics("agreement", curated.metrics)
    stage.write_metrics("audit", curated.audited)
