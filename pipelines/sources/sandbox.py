"""Turns the sandbox world's prompts into rows."""

import polars as pl

from pipelines.sandbox.prompts import split_prompt, write_prompts
from pipelines.sandbox.tasks import parse_task
from schemas.ids import conversation_id, prompt_id
from schemas.messages import join_contents, user_prompt
from schemas.params import Sandbox
from schemas.tables import SPLITS, TABLES


def no_splits() -> pl.DataFrame:
    """Splits given before generation: none."""
    return pl.DataFrame(schema={"prompt_id": pl.String, "split": pl.String})


def sandbox_prompts(
    params: Sandbox, past: pl.DataFrame, *, turn: int, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """New prompts of the world for a turn: rows of `prompts`, of `origins`, and the split each was given.

    Held-out prompts are given once: a turn that has past ones gets none.
    """
    known = {join_contents(messages) for messages in past["messages"].to_list()}
    held_out_given = any(split_prompt(text, params.splits, params.seed) != "train" for text in known)
    wanted = {
        "train": params.n_train_prompts,
        "validation": params.n_validation_prompts,
        "benchmark": params.n_benchmark_prompts,
    }
    rows, origins, given = {}, [], {}
    for split in sorted(SPLITS):
        count = 0 if held_out_given and split != "train" else wanted[split]
        for number, text in enumerate(write_prompts(split, count, params=params, turn_seed=seed, exclude=known)):
            messages = user_prompt(text)
            row_id = prompt_id(messages)
            task = parse_task(text)
            rows[row_id] = {
                "prompt_id": row_id, "messages": messages, "tools": None,
                "conversation_id": conversation_id(messages), "kind": task.kind if task else None,
            }  # fmt: skip
            origins.append(make_origin("prompts", row_id, f"turn-{turn}/{split}/{number}", turn))
            given[row_id] = split
    frame = pl.DataFrame(list(rows.values()), schema=dict(TABLES["prompts"].columns))
    return (
        frame,
        origin_rows(origins),
        pl.DataFrame({"prompt_id": list(given), "split": list(given.values())}, schema=no_splits().schema),
    )


def make_origin(table: str, row_id: str, external_id: str, turn: int, teacher: str | None = None) -> dict[str, object]:
    """An origin in the sandbox: made by a program, so free of licence and consent."""
    return {
        "row_id": row_id, "source": "sandbox", "external_id": external_id, "table_name": table, "source_sha256": None,
        "source_row": None, "licence": "CC0-1.0", "consent": "synthetic", "teacher": teacher, "turn": turn,
    }  # fmt: skip


def origin_rows(origins: list[dict[str, object]]) -> pl.DataFrame:
    """A frame of origins."""
    return pl.DataFrame(origins, schema=dict(TABLES["origins"].columns))
