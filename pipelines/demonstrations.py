"""Turns prompts into this turn's demonstrations, and scores them by the parent's reward model where there is one."""

import polars as pl

from curation.ledger import keep_rows
from pipelines.stage import Stage
from pipelines.teachers.sandbox import teach_prompts
from schemas.ids import candidate_id
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
    stage.write_table("scores", _score_demonstrations(stage, new))


def _score_demonstrations(stage: Stage, rows: pl.DataFrame) -> pl.DataFrame:
    """Scores of demonstrations by the parent's reward model; none in a cold start."""
    reward_model = stage.dep("models/start") / "reward_model"
    if not reward_model.exists() or rows.is_empty():
        return empty_frame("scores")
    from training.models import model_digest
    from training.reward_model import score_completions

    joined = rows.join(stage.new_rows("prompts"), on="prompt_id")
    items = list(zip(joined["messages"].to_list(), joined["completion"].to_list(), strict=True))
    with stage.progress("scoring") as progress:
        scores = score_completions(
            reward_model, items, batch_rows=stage.params.demonstrations.score_batch_rows,
            max_tokens=stage.params.start.max_tokens, progress=progress,
        )  # fmt: skip
    ids = [candidate_id(row["prompt_id"], row["completion"]) for row in joined.iter_rows(named=True)]
    scored = pl.DataFrame({"candidate_id": ids, "model": model_digest(reward_model), "score": scores})
    return scored.unique(subset=["candidate_id"], keep="first", maintain_order=True)
