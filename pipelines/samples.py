"""Turns what a policy drew into rows of `candidates` and `samples`."""

from pathlib import Path

import polars as pl

from schemas.ids import candidate_id
from schemas.messages import assistant_completion
from schemas.params import Sampling
from schemas.tables import TABLES
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
