"""Turns the rows of our own Parquet exports into records again."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, compare, note_sides
from schemas.records import Candidate, Demonstration, Labeler, Message, Prompt, Ranking, Record, Tier, TrainedMessage

LABELER = "flywheel/unknown"
"""The labeler of preferences, which are what several labelers together preferred."""
MESSAGE = ("role", "content", "name", "tool_calls", "tool_call_id")
FACTS = ("rationale", "skip_reason", "batch")
Parts = list[tuple[str, Record]]


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A demonstration, a preference or a ranking, as the id it has says; ids are worked out anew from the content."""
    fields = Fields(value)
    prompt = Prompt(messages=_read_messages(fields, "prompt"), tools=value.get("tools"), kind=value.get("kind"))
    if fields.has("demonstration_id"):
        records = _convert_demonstration(fields, prompt)
        return Imported((("", prompt), *records), tuple(fields.notes), fields.key("demonstration_id"))
    if fields.has("pair_id"):
        sides = {
            side: Candidate(prompt_id=prompt.prompt_id, completion=_read_messages(fields, side))
            for side in ("chosen", "rejected")
        }
        labeler, ranking = compare(sides["chosen"], sides["rejected"], 1, LABELER, shown=False)
        ranking = ranking.model_copy(update={"strength": fields.optional_number("margin")})
        records = [*sides.items(), ("", labeler), ("", ranking)]
        return Imported((("", prompt), *records), (*fields.notes, *note_sides(sides)), fields.key("pair_id"))
    records = _convert_ranking(fields, prompt)
    return Imported((("", prompt), *records), tuple(fields.notes), fields.key("ranking_id"))


def _read_messages(fields: Fields, column: str) -> tuple[Message, ...]:
    return tuple(
        Message.model_validate({field: each.get(field) for field in MESSAGE}) for each in fields.objects(column)
    )


def _convert_demonstration(fields: Fields, prompt: Prompt) -> Parts:
    completion = tuple(
        TrainedMessage.model_validate(
            {field: each.get(field) for field in MESSAGE} | {"train": Fields(each).flag("train")}
        )
        for each in fields.objects("completion")
    )
    rationale = fields.text("rationale") if fields.has("rationale") else None
    return [("", Demonstration(prompt_id=prompt.prompt_id, completion=completion, rationale=rationale))]


def _convert_ranking(fields: Fields, prompt: Prompt) -> Parts:
    candidates = {
        each.key("candidate_id"): Candidate(prompt_id=prompt.prompt_id, completion=_read_messages(each, "completion"))
        for each in map(Fields, fields.objects("candidates"))
    }
    labeler = Labeler(labeler_id=fields.text("labeler_id"), kind=fields.get("labeler_kind") or "person")
    shown = _name_candidates(fields.texts("shown_order"), candidates) if fields.has("shown_order") else None
    tiers = tuple(
        Tier(candidate_ids=_name_candidates(tier.texts("candidate_ids"), candidates), tied=tier.flag("tied"))
        for tier in map(Fields, fields.objects("tiers"))
    )
    ranking = Ranking(
        prompt_id=prompt.prompt_id, candidate_ids=tuple(sorted(c.candidate_id for c in candidates.values())),
        labeler_id=labeler.labeler_id, tiers=tiers, shown_order=shown, created_at=fields.optional_instant("created_at"),
        seconds=fields.optional_number("seconds"), strength=fields.optional_number("strength"),
        **{fact: fields.get(fact) for fact in FACTS},
    )  # fmt: skip
    return [*(("", candidate) for candidate in candidates.values()), ("", labeler), ("", ranking)]


def _name_candidates(names: Sequence[str], candidates: Mapping[str, Candidate]) -> tuple[str, ...]:
    unknown = next((name for name in names if name not in candidates), None)
    if unknown is not None:
        detail = f"the ranking names {unknown[:40]!r}, which is none of 'candidates'"
        raise RowFaultError("unknown_candidate", detail, "rank only answers that were put up")
    return tuple(candidates[name].candidate_id for name in names)


def recognise_row(value: Mapping[str, Any]) -> bool:
    """A prompt with its id, beside the id of what is said of it."""
    named = any(value.get(column) is not None for column in ("demonstration_id", "pair_id", "ranking_id"))
    return named and value.get("prompt_id") is not None and isinstance(value.get("prompt"), list)


FORMAT = Format(
    name="flywheel",
    columns=frozenset(
        {
            "demonstration_id", "pair_id", "ranking_id", "prompt_id", "task_id", "chosen_id", "rejected_id", "prompt",
            "tools", "kind", "completion", "rationale", "chosen", "rejected", "margin", "candidates", "tiers", "round",
            "labeler_id", "labeler_kind", "shown_order", "created_at", "seconds", "strength", "skip_reason", "batch",
        }
    ),
    required=frozenset({"prompt_id", "prompt"}),
    losses=(
        "of which source, licence and split each row was (name the licence with --licence)",
        f"of preferences: who judged (all are by {LABELER}), the votes and their weight",
        "which policy wrote an answer (no samples), ratings and guidelines",
    ),
    convert=convert_row,
    repeats_prompts=True,
    recognise=recognise_row,
)  # fmt: skip
