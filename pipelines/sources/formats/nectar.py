"""Turns rows of Nectar (a dialogue and up to seven answers, ranked by GPT-4) into K-way rankings."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields, lists_objects
from pipelines.sources.formats.hh_rlhf import is_transcript, split_transcript
from pipelines.sources.importing import Format, Imported, answer, note_sides
from pipelines.sources.tiers import rank, tier_scores
from schemas.records import Labeler, Prompt, Record, Sample

JUDGE = Labeler(labeler_id="nectar/gpt-4", kind="llm", vendor="OpenAI")


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt, a candidate and a sample for each answer, and GPT-4's ranking; equal ranks are ties."""
    fields = Fields(value)
    prompt = _read_prompt(fields.text("prompt"))
    records: list[tuple[str, Record]] = [("", prompt), ("", JUDGE)]
    ranked = []
    for number, given in enumerate(map(Fields, fields.objects("answers")), start=1):
        candidate = answer(prompt, given.text("answer"))
        ranked.append((candidate, given.number("rank")))
        sample = Sample(candidate_id=candidate.candidate_id, policy=given.text("model"))
        records += [(f"answer{number}", candidate), ("", sample)]
    if not ranked:
        raise RowFaultError("no_answers", "'answers' is an empty list", "give the prompt an answer")
    tiers, notes = tier_scores(ranked, best="lowest")
    candidates = [candidate for candidate, _ in ranked]
    records.append(("", rank(candidates, JUDGE, tiers)))
    sides = {f"answer{number}": candidate for number, candidate in enumerate(candidates, start=1)}
    return Imported(tuple(records), (*fields.notes, *notes, *note_sides(sides)))


def _read_prompt(text: str) -> Prompt:
    """The dialogue without the "Assistant:" that it ends with, after which the answers go on."""
    messages = split_transcript(text, "prompt")
    if messages[-1].role == "assistant" and not (messages[-1].content or "").strip():
        messages = messages[:-1]
    return Prompt(messages=messages)


FORMAT = Format(
    name="nectar",
    columns=frozenset({"prompt", "answers"}),
    required=frozenset({"prompt", "answers"}),
    losses=(
        "the order in which GPT-4 saw the answers",
        "how the answers were sampled (temperature, seed)",
        "strength of preference",
    ),
    convert=convert_row,
    recognise=lambda value: is_transcript(value.get("prompt")) and lists_objects(value, "answers", "rank"),
)
