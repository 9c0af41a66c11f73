"""Turns rows that TRL's trainers read (texts or conversations) into demonstrations, rankings, ratings or prompts."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.calls import read_tools
from pipelines.sources.conversations import (
    Said,
    demonstrate_conversation,
    looks_like_messages,
    read_messages,
    read_said,
    read_side,
    refuse_media,
)
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.hh_rlhf import is_transcript
from pipelines.sources.importing import Format, Imported, compare, note_sides
from schemas.records import Candidate, Labeler, Message, Prompt, Rating, Record

LABELER = "trl/unknown"
"""All judgements are by one labeler of this name: the format does not say who judged."""
LABELS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
Sides = tuple[tuple[Message, ...], tuple[Message, ...], tuple[Message, ...]]


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A preference, an unpaired judgement, a demonstration, a whole conversation or a prompt: as the columns say."""
    fields = Fields(value)
    refuse_media(value)
    if fields.has("chosen") or fields.has("rejected"):
        records, notes = _convert_preference(fields, read_tools(value))
    elif fields.has("completion"):
        records, notes = _convert_completion(fields, read_tools(value))
    elif fields.has("messages"):
        said = read_said(fields, "messages")
        parts, notes = demonstrate_conversation(said, read_tools(value))
        records = [("", record) for record in parts]
    else:
        prompt = Prompt(messages=read_side(fields, "prompt", "user"), tools=read_tools(value))
        records, notes = [("", prompt)], []
    return Imported(tuple(records), (*fields.notes, *notes))


def _convert_preference(fields: Fields, tools: str | None) -> tuple[list[tuple[str, Record]], list[Note]]:
    messages, first, second = _read_sides(fields)
    prompt = Prompt(messages=messages, tools=tools)
    chosen, rejected = (Candidate(prompt_id=prompt.prompt_id, completion=side) for side in (first, second))
    labeler, ranking = compare(chosen, rejected, 1, LABELER, shown=False)
    margin = fields.optional_number("margin")
    if margin is not None:
        ranking = ranking.model_copy(update={"strength": margin})
    records: list[tuple[str, Record]] = [("", prompt), ("chosen", chosen), ("rejected", rejected)]
    return [*records, ("", labeler), ("", ranking)], list(note_sides({"chosen": chosen, "rejected": rejected}))


def _read_sides(fields: Fields) -> Sides:
    """Prompt, chosen and rejected; without a prompt of its own it is what both sides begin with.

    Conversations may tell the prompt again although it has a column (as the sets of the alignment handbook do).
    """
    if isinstance(fields.get("chosen"), list):
        chosen, rejected = read_messages(fields, "chosen"), read_messages(fields, "rejected")
        if fields.has("prompt"):
            asked = read_side(fields, "prompt", "user")
            if all(side[0].role in ("assistant", "tool") for side in (chosen, rejected)):
                return asked, chosen, rejected
            fields.notes.append(
                Note("prompt_told_again", "'chosen' and 'rejected' hold the prompt too: taken from there")
            )
        return _split_conversations(chosen, rejected)
    chosen_text, rejected_text = fields.text("chosen"), fields.text("rejected")
    if fields.has("prompt"):
        asked = read_side(fields, "prompt", "user")
    else:
        end = _find_split(chosen_text, rejected_text)
        asked = (Message(role="user", content=chosen_text[:end]),)
        chosen_text, rejected_text = chosen_text[end:], rejected_text[end:]
        fields.notes.append(Note("prompt_told_by_sides", "the prompt is the text that both sides begin with"))
    reply, other = (Message(role="assistant", content=text) for text in (chosen_text, rejected_text))
    return asked, (reply,), (other,)


def _split_conversations(chosen: tuple[Message, ...], rejected: tuple[Message, ...]) -> Sides:
    shared = next(
        (place for place, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    while shared and (shared == min(len(chosen), len(rejected)) or chosen[shared].role not in ("assistant", "tool")):
        shared -= 1
    if not shared:
        detail = "'chosen' and 'rejected' do not begin with the same messages"
        raise RowFaultError("no_shared_prompt", detail, "give both the same messages before the replies, or a 'prompt'")
    return chosen[:shared], chosen[shared:], rejected[shared:]


def _find_split(chosen: str, rejected: str) -> int:
    """Where two texts part, before the blank there: TRL's own rule (`extract_prompt`)."""
    end = next(
        (place for place, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    end -= end > 0 and chosen[end - 1 : end] == " "
    if not chosen[:end].strip():
        raise RowFaultError("no_shared_prompt", "the two texts do not begin alike", "give the prompt in a 'prompt'")
    return end


def _convert_completion(fields: Fields, tools: str | None) -> tuple[list[tuple[str, Record]], list[Note]]:
    asked, replies = read_side(fields, "prompt", "user"), read_side(fields, "completion", "assistant")
    if fields.has("label"):
        prompt = Prompt(messages=asked, tools=tools)
        candidate = Candidate(prompt_id=prompt.prompt_id, completion=replies)
        rating = Rating(
            candidate_id=candidate.candidate_id, labeler_id=LABELER, aspect="label",
            value=float(_read_label(fields)), min=0.0, max=1.0,
        )  # fmt: skip
        labeler = Labeler(labeler_id=LABELER, kind="person")
        return [("", prompt), ("", candidate), ("", labeler), ("", rating)], list(note_sides({"completion": candidate}))
    said = [Said(message, train=False) for message in asked]
    said += [Said(message, train=message.role == "assistant") for message in replies]
    if replies[0].role != "assistant":
        raise RowFaultError("no_reply", "'completion' does not begin with a reply", "begin it with the assistant's")
    records, notes = demonstrate_conversation(said, tools)
    return [("", record) for record in records], notes


def _read_label(fields: Fields) -> bool:
    """A boolean; CSV files write it as text or 0 and 1, and pandas as 0.0 and 1.0 where one is missing."""
    said = LABELS.get(str(fields.get("label")).strip().lower())
    if said is None:
        raise RowFaultError("wrong_type", "'label' is neither true nor false", "write true or false")
    return said


def recognise_row(value: Mapping[str, Any]) -> bool:
    """Preferences that are no transcripts of hh-rlhf, prompts with a completion, or a prompt and nothing else."""
    prompt, chosen, rejected = (value.get(column) for column in ("prompt", "chosen", "rejected"))
    if chosen is not None and rejected is not None:
        if looks_like_messages(chosen) and looks_like_messages(rejected):
            return prompt is None or isinstance(prompt, str) or looks_like_messages(prompt)
        texts = isinstance(chosen, str) and isinstance(rejected, str)
        return texts and (isinstance(prompt, str) or (prompt is None and not is_transcript(chosen)))
    completion = value.get("completion")
    if completion is not None:
        return all(isinstance(side, str) or looks_like_messages(side) for side in (prompt, completion))
    filled = {column for column, item in value.items() if item is not None} - {"tools"}
    return filled == {"prompt"} and (isinstance(prompt, str) or looks_like_messages(prompt))


FORMAT = Format(
    name="trl",
    columns=frozenset({"messages", "prompt", "completion", "chosen", "rejected", "label", "margin", "tools"}),
    required=frozenset(),
    losses=(
        f"who judged (all judgements are by {LABELER})",
        "the order in which two replies were shown, and ties",
        "which model or person wrote a reply (no samples)",
    ),
    convert=convert_row,
    recognise=recognise_row,
    yields_to=frozenset({"flywheel"}),
)
