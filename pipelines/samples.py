"""Turns what a policy drew into rows of `candidates`, `samples` and `scores`."""

from pathlib import Path

import polars as pl

from pipelines.stage import Stage
from schemas.ids import candidate_id
from schemas.messages import assistant_completion
from schemas.tables import TABLES, empty_frame
from schemas.training_params import Sampling
from training.examples import Sample
from training.models import model_digest


def candidate_rows(drawn: list[Sample]) -> pl.DataFrame:
    """Distinct candidates: equal completions of a prompt are one candidate with several samples."""
    rows = {}
    for sample in drawn:
        completion = assistant_completion(sample.text)
        row_id = candidate_id(sample.prompt_id, completion)
        rows[row_id] = {"candidate_id": row_id, "prompt_id": sample.prompt_id, "completion": completion}
    return pl.DataFrame(list(rows.values()), schema=dict(TABLES["candidates"].columns))


def sample_rows(
    drawn: list[Sample],
    source: Path,
    checkpoint: str,
    turn: int,
    settings: Sampling,
    *,
    greedy: bool = False,
    first_index: int = 0,
) -> pl.DataFrame:
    """One row a sample; temperature 0 says that it was drawn greedily.

    `first_index` keeps draws of one policy in several stages apart: candidate, policy, index and turn name a sample.
    """
    policy = model_digest(source)
    rows = [
        {
            "candidate_id": candidate_id(sample.prompt_id, assistant_completion(sample.text)), "policy": policy,
            "sample_index": first_index + sample.sample_index, "turn": turn, "checkpoint": checkpoint,
            "temperature": 0.0 if greedy else settings.temperature, "top_p": settings.top_p, "seed": sample.seed,
            "finish_reason": sample.finish_reason, "n_tokens": sample.n_tokens,
        }
        for sample in drawn
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=dict(TABLES["samples"].columns))


def score_by_parent(stage: Stage, rows: pl.DataFrame, prompts: pl.DataFrame, batch_rows: int) -> pl.DataFrame:
    """Rows of `scores` for new rows, by the parent's reward model, which never saw them; none in a cold start."""
    reward_model = stage.dep("models/start") / "reward_model"
    if rows.is_empty() or not reward_model.exists():
        return empty_frame("scores")
    return score_rows(stage, reward_model, rows, prompts, batch_rows)


def score_rows(
    stage: Stage, reward_model: Path, rows: pl.DataFrame, prompts: pl.DataFrame, batch_rows: int
) -> pl.DataFrame:
    """Rows of `scores` for rows of prompt_id and completion; a demonstration scores as the candidate it equals."""
    from training.reward_model import score_completions

    joined = rows.join(prompts.select("prompt_id", "messages"), on="prompt_id")
    items = list(zip(joined["messages"].to_list(), joined["completion"].to_list(), strict=True))
    with stage.progress("scoring") as progress:
        rewards = score_completions(
            reward_model, items, batch_rows=batch_rows, max_tokens=stage.params.start.max_tokens, progress=progress
        )
    ids = [candidate_id(row["prompt_id"], row["completion"]) for row in joined.iter_rows(named=True)]
    scored = pl.DataFrame({"candidate_id": ids, "model": model_digest(reward_model), "score": rewards})
    return scored.unique(subset=["candidate_id"], keep="first", maintain_order=True)
