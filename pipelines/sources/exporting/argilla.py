"""Turns labeling tasks into Argilla records, with a response for each ranking."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.exporting.exporter import Exported, Exporter
from pipelines.sources.exporting.messages import name_losses
from pipelines.sources.exporting.tasks import TASK_LOSSES, has_unknown_order, say_messages
from pipelines.sources.formats import argilla

USER = f"{argilla.NAME}/"
RANKING, BEST = "ranking", "best"
DISCARDED = "discarded"


def convert_task(task: Mapping[str, Any]) -> Exported:
    """One record; its fields are the prompt and the candidates as `response_1`, `response_2`, ...

    A ranking responds with the rank of each candidate, in which equal ones share theirs; the choice of one above
    all others, of which no order is known, with the name of its field.
    """
    names = {candidate["candidate_id"]: f"response_{n}" for n, candidate in enumerate(task["candidates"], start=1)}
    responses: dict[str, list[dict[str, Any]]] = {}
    losses: set[str] = set()
    for ranking in task["rankings"]:
        losses |= set(_list_losses(ranking))
        question, value = _respond(ranking, names)
        if question is None:
            losses.add("rankings with candidates whose order was not given")
            continue
        status = "submitted" if ranking["skip_reason"] is None else DISCARDED
        user = ranking["labeler_id"].removeprefix(USER)
        responses.setdefault(question, []).append({"value": value, "user_id": user, "status": status})
    fields = {"prompt": say_messages(task["messages"], "user")}
    fields |= {names[c["candidate_id"]]: say_messages(c["completion"], "assistant") for c in task["candidates"]}
    losses |= set(name_losses(tools_of_the_prompt=task["tools"] is not None, kind_of_prompt=task["kind"] is not None))
    record = {
        "id": task["task_id"], "fields": fields, "metadata": {"prompt_id": task["prompt_id"]}, "suggestions": {},
        "responses": responses, "vectors": {},
    }  # fmt: skip
    return Exported(record, tuple(sorted(losses)))


def _respond(ranking: Mapping[str, Any], names: Mapping[str, str]) -> tuple[str | None, Any]:
    """The question that can hold the ranking, and the response to it; no question where none can."""
    if ranking["skip_reason"] is not None:
        return RANKING, None
    tiers: Sequence[Mapping[str, Any]] = ranking["tiers"]
    if not has_unknown_order(ranking):
        ranked = [
            (candidate, place) for place, tier in enumerate(tiers, start=1) for candidate in tier["candidate_ids"]
        ]
        return RANKING, [{"value": names[candidate], "rank": place} for candidate, place in ranked]
    best, *others = (tier["candidate_ids"] for tier in tiers)
    if len(best) == len(others) == 1 and len(others[0]) == len(names) - 1:
        return BEST, names[best[0]]
    return None, None


def _list_losses(ranking: Mapping[str, Any]) -> tuple[str, ...]:
    optional = ("strength", "guideline_id", "batch", "seconds", "created_at", "rationale")
    return name_losses(
        order_in_which_answers_were_shown=ranking["shown_order"] is not None,
        strength_guideline_batch_time_and_rationale_of_a_ranking=any(ranking[c] is not None for c in optional),
        why_a_task_was_skipped=ranking["skip_reason"] not in (None, DISCARDED),
        labelers_that_are_no_users_of_Argilla=not ranking["labeler_id"].startswith(USER),
        how_often_a_labeler_judged_before=ranking["round"] > 1,
    )


EXPORTER = Exporter(
    name=argilla.NAME,
    convert={"rankings": convert_task},
    endings=(".json", ".jsonl"),
    losses={"rankings": TASK_LOSSES},
    reads=argilla.FORMAT,
)
