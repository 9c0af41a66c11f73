"""Turns prompts into demonstrations by the sandbox's flawed teacher."""

import polars as pl

from pipelines.sandbox.teacher import write_demonstrations
from pipelines.sources.sandbox import make_origin, origin_rows
from schemas.ids import demonstration_id
from schemas.messages import assistant_completion, join_contents
from schemas.params import Sandbox
from schemas.tables import TABLES

TEACHER = "sandbox-teacher"


def teach_prompts(params: Sandbox, prompts: pl.DataFrame, *, turn: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `demonstrations` and their `origins`; a repeat is one row with two origins."""
    ids = {join_contents(row["messages"]): row["prompt_id"] for row in prompts.sort("prompt_id").to_dicts()}
    rows, origins = {}, []
    for number, written in enumerate(write_demonstrations(list(ids), params=params, seed=seed)):
        completion = [message | {"train": True} for message in assistant_completion(written.completion)]
        prompt = ids[written.prompt]
        row_id = demonstration_id(prompt, completion)
        rows[row_id] = {"demonstration_id": row_id, "prompt_id": prompt, "completion": completion, "rationale": None}
        origins.append(make_origin("demonstrations", row_id, f"turn-{turn}/{number}", turn, TEACHER))
    frame = pl.DataFrame(list(rows.values()), schema=dict(TABLES["demonstrations"].columns))
    return frame, origin_rows(origins)
