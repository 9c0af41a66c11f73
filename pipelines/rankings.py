"""Turns candidates into rankings, from simulated labelers or from imported label snapshots."""

import polars as pl

from pipelines.labelers.sandbox import rank_prompts
from pipelines.stage import Stage
from schemas.tables import TABLES, empty_frame, union_rows

TABLE_NAMES = ("guidelines", "labelers", "rankings", "ratings")


def run(stage: Stage) -> None:
    """Have every prompt that was sampled in this turn ranked; say how many still wait for a labeler."""
    params = stage.params
    tables = {name: empty_frame(name) for name in TABLE_NAMES}
    origins = empty_frame("origins")
    candidates = stage.rows("candidates").join(stage.new_rows("samples"), on="candidate_id", how="semi")
    if "sandbox" in params.rankings.labelers:
        tables |= rank_prompts(params.sandbox, stage.rows("prompts"), candidates, turn=stage.turn, seed=stage.seed)
    if "imports" in params.rankings.labelers:
        tables = {name: union_rows(name, rows, stage.imported(name)) for name, rows in tables.items()}
        origins = stage.imported("origins", of=TABLE_NAMES)
    for name, rows in tables.items():
        past = stage.past_rows(name)
        stage.write_table(name, rows.join(past, on=list(TABLES[name].key), how="anti"))
    stage.write_table("origins", origins)
    stage.write_metrics("rankings", count_waiting(candidates, tables["rankings"]))


def count_waiting(candidates: pl.DataFrame, rankings: pl.DataFrame) -> dict[str, int]:
    """How many prompts with two candidates or more have a ranking, and how many wait for one."""
    asked = candidates.group_by("prompt_id").len().filter(pl.col("len") > 1)
    ranked = asked.join(rankings, on="prompt_id", how="semi").height
    return {"rankings": rankings.height, "prompts_ranked": ranked, "prompts_without_ranking": asked.height - ranked}
