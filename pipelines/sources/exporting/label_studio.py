"""Turns labeling tasks into tasks of Label Studio's Ranker, with an annotation for each ranking."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.exporting.exporter import Exported, Exporter
from pipelines.sources.exporting.messages import name_losses
from pipelines.sources.exporting.tasks import TASK_LOSSES, has_unknown_order, say_messages
from pipelines.sources.formats.label_studio import FORMAT, GOLD, LEFT, NAME, UNKNOWN

LIST, ITEMS = "rank", "items"
USER = re.compile(rf"{NAME}/(\d+)")
NOBODY = re.compile(rf"{NAME}/{UNKNOWN}(-\d+)?")
FOREIGN = (
    "that labelers are no users of Label Studio: it refuses the file unless users with these emails are there, or"
    " ALLOW_IMPORT_TASKS_WITH_UNKNOWN_EMAILS is set"
)
CANCELLED = "was_cancelled"


def convert_task(task: Mapping[str, Any]) -> Exported:
    """One task; its items are the candidates under their ids, in the order in which labelers saw them.

    A ranking is a list; where some ranking of the export holds candidates equal, all are buckets `1`, `2`, ...: those
    in one bucket share the place. A ranking with a tier of unknown order can be said by neither and is left out.
    """
    annotations, losses = [], set()
    for number, ranking in enumerate(task["rankings"], start=1):
        losses |= set(_list_losses(ranking, task["candidates"]))
        if has_unknown_order(ranking):
            losses.add("rankings with candidates whose order was not given")
        else:
            annotations.append(_annotate(ranking, number, task))
    items = [_make_item(number, candidate) for number, candidate in enumerate(task["candidates"], start=1)]
    prompt = say_messages(task["messages"], "user")
    data = {"prompt": prompt, ITEMS: items, "prompt_id": task["prompt_id"], "task_id": task["task_id"]}
    losses |= set(name_losses(tools_of_the_prompt=task["tools"] is not None, kind_of_prompt=task["kind"] is not None))
    return Exported({"data": data, "annotations": annotations, "predictions": []}, tuple(sorted(losses)))


def _make_item(number: int, candidate: Mapping[str, Any]) -> dict[str, Any]:
    completion = say_messages(candidate["completion"], "assistant")
    return {"id": candidate["candidate_id"], "title": f"Answer {number}", "body": completion}


def _annotate(ranking: Mapping[str, Any], number: int, task: Mapping[str, Any]) -> dict[str, Any]:
    skipped = ranking["skip_reason"] is not None
    annotation: dict[str, Any] = {
        "id": number, "was_cancelled": skipped, "ground_truth": ranking["labeler_id"] == GOLD,
        "result": [] if skipped else _list_results(ranking, task),
    }  # fmt: skip
    labeler = ranking["labeler_id"]
    user = USER.fullmatch(labeler)
    if labeler != GOLD and not NOBODY.fullmatch(labeler):
        annotation["completed_by"] = int(user[1]) if user else {"email": labeler.removeprefix(f"{NAME}/")}
    if ranking["created_at"] is not None:
        annotation["created_at"] = ranking["created_at"].isoformat()
    if ranking["seconds"] is not None:
        annotation["lead_time"] = ranking["seconds"]
    return annotation


def _list_results(ranking: Mapping[str, Any], task: Mapping[str, Any]) -> list[dict[str, Any]]:
    tiers = [tier["candidate_ids"] for tier in ranking["tiers"]]
    placed = {candidate for tier in tiers for candidate in tier}
    left = [c["candidate_id"] for c in task["candidates"] if c["candidate_id"] not in placed]
    if task["ties"]:
        ranker = {str(place): tier for place, tier in enumerate(tiers, start=1)} | ({LEFT: left} if left else {})
    else:
        ranker = {LIST: [candidate for tier in tiers for candidate in tier]}
    results = [{"from_name": LIST, "to_name": ITEMS, "type": "ranker", "value": {"ranker": ranker}}]
    if ranking["rationale"] is not None:
        text = {"text": [ranking["rationale"]]}
        results.append({"from_name": "rationale", "to_name": ITEMS, "type": "textarea", "value": text})
    return results


def _list_losses(ranking: Mapping[str, Any], candidates: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    shown = [candidate["candidate_id"] for candidate in candidates]
    labeler = ranking["labeler_id"]
    losses = name_losses(
        order_in_which_answers_were_shown=ranking["shown_order"] not in (None, shown),
        strength_of_preference=ranking["strength"] is not None,
        guideline_or_batch_of_a_ranking=ranking["guideline_id"] is not None or ranking["batch"] is not None,
        why_a_task_was_skipped=ranking["skip_reason"] not in (None, CANCELLED),
        how_often_a_labeler_judged_before=ranking["round"] > 1,
    )
    return losses if labeler.startswith(f"{NAME}/") else (*losses, FOREIGN)


EXPORTER = Exporter(
    name=NAME,
    convert={"rankings": convert_task},
    endings=(".json",),
    losses={"rankings": TASK_LOSSES},
    reads=FORMAT,
)
