"""Turns candidates into rankings by the sandbox's simulated labelers, who see the gold score."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from pipelines.sandbox.labelers import Labeler, make_labelers, rank_candidates
from schemas.ids import guideline_id, ranking_id, task_id
from schemas.messages import join_contents
from schemas.params import Sandbox
from schemas.tables import TABLES

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
"""Simulated labelers work in simulated time: a turn is a week from here, so that equal runs give equal bytes."""
GUIDELINE = (
    "sandbox",
    "1",
    "Rank the answer that does what was asked, politely and in the asked form, first. Ties are allowed.",
)


def rank_prompts(
    params: Sandbox, prompts: pl.DataFrame, candidates: pl.DataFrame, *, turn: int, seed: int
) -> dict[str, pl.DataFrame]:
    """Frames of `labelers`, `guidelines`, `rankings` and `ratings` (simulated labelers give none)."""
    labelers = make_labelers(params)
    texts = {
        row["prompt_id"]: join_contents(row["messages"]) for row in prompts.select("prompt_id", "messages").to_dicts()
    }
    answers: dict[str, list[tuple[str, str]]] = {}
    for row in candidates.sort("candidate_id").to_dicts():
        answers.setdefault(row["prompt_id"], []).append((row["candidate_id"], join_contents(row["completion"])))
    rows = []
    for number, prompt in enumerate(sorted(p for p, a in answers.items() if len(a) > 1)):
        chosen = random.Random(f"{seed}/{prompt}").sample(labelers, min(params.labelers_per_prompt, len(labelers)))
        for labeler in chosen:
            at = EPOCH + timedelta(weeks=turn - 1, seconds=60 * number)
            rows.append(_rank(labeler, prompt, texts[prompt], answers[prompt], turn=turn, seed=seed, at=at))
    return {
        "labelers": _frame("labelers", [_describe(labeler) for labeler in labelers]),
        "guidelines": _frame(
            "guidelines", [dict(zip(TABLES["guidelines"].columns, (_GUIDELINE_ID, *GUIDELINE), strict=True))]
        ),
        "rankings": _frame("rankings", rows),
        "ratings": _frame("ratings", []),
    }


_GUIDELINE_ID = guideline_id(*GUIDELINE)


def _rank(
    labeler: Labeler, prompt: str, text: str, answers: list[tuple[str, str]], *, turn: int, seed: int, at: datetime
) -> dict[str, Any]:
    ranked = rank_candidates(labeler, text, answers, seed=seed)
    task = task_id(prompt, [row_id for row_id, _ in answers])
    return {
        "ranking_id": ranking_id(task, labeler.labeler_id, 1), "task_id": task, "labeler_id": labeler.labeler_id,
        "round": 1, "prompt_id": prompt,
        "tiers": [{"candidate_ids": list(ids), "tied": tied} for ids, tied in ranked.tiers],
        "strength": None, "shown_order": list(ranked.shown_order), "guideline_id": _GUIDELINE_ID, "created_at": at,
        "seconds": float(ranked.seconds), "rationale": None, "skip_reason": None, "batch": f"turn-{turn}", "turn": turn,
    }  # fmt: skip


def _describe(labeler: Labeler) -> dict[str, Any]:
    return {"labeler_id": labeler.labeler_id, "kind": "simulated", "vendor": "sandbox", "consent": "synthetic"}


def _frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict(TABLES[name].columns))
