"""Turns prompts into this turn's demonstrations, and scores them by the parent's reward model where there is one."""

import polars as pl

from curation.ledger import keep_rows
from pipelines.samples import score_by_parent
from pipelines.stage import Stage
from pipelines.teachers.sandbox import teach_prompts
from schemas.tables import empty_frame, union_rows


def run(stage: Stage) -> None:
    """Ask each teacher for answers to this turn's kept training prompts."""
    params = stage.params
    prompts = keep_rows("prompts", stage.new_rows("prompts"), stage.new_rows("dropped"))
    train = stage.new_rows("assignments").filter(pl.col("split") == "train")
    prompts = prompts.join(train, on="prompt_id", how="semi")
    rows, origins = empty_frame("demonstrations"), empty_frame("origins")
    if "sandbox" in params.demonstrations.teachers:
        rows, origins = teach_prompts(params.sandbox, prompts, turn=stage.turn, seed=stage.seed)
    if "imports" in params.demonstrations.teachers:
        rows = union_rows("demonstrations", rows, stage.imported("demonstrations"))
        origins = union_rows("origins", origins, stage.imported("origins", of=("demonstrations",)))
    new = rows.join(stage.past_rows("demonstrations"), on="demonstration_id", how="anti")
    stage.write_table("demonstrations", new)
    stage.write_table("origins", origins)
    scores = score_by_parent(stage, new, stage.new_rows("prompts"), params.demonstrations.score_batch_rows)
    stage.write_table("scores", scores)
