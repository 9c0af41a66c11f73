"""Turns rows of Anthropic's hh-rlhf (transcripts `chosen` and `rejected`) into prompts, candidates and rankings."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, compare, note_sides
from schemas.records import Candidate, Message, Prompt

SPEAKER = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):[ ]?")
ROLES = {"Human": "user", "Assistant": "assistant"}
LABELER = "hh-rlhf/unknown"
"""All rankings are by one labeler of this name: the data does not say which of the crowd judged."""


def split_transcript(text: str, column: str) -> tuple[Message, ...]:
    """A transcript's messages, their text as it stands after `Human: ` or `Assistant: `."""
    pieces = SPEAKER.split(text)
    if len(pieces) < 3 or pieces[0]:
        mend = 'write it as "\\n\\nHuman: ...\\n\\nAssistant: ..."'
        raise RowFaultError("no_transcript", f"{column!r} does not begin with Human: or Assistant:", mend)
    return tuple(
        Message(role=ROLES[speaker], content=content)  # type: ignore[arg-type]
        for speaker, content in zip(pieces[1::2], pieces[2::2], strict=True)
    )


def convert_row(value: Mapping[str, Any]) -> Imported:
    """The dialogue before the last reply is the prompt; the two last replies are its candidates."""
    fields = Fields(value)
    sides = {column: split_transcript(fields.text(column), column) for column in ("chosen", "rejected")}
    for column, messages in sides.items():
        if messages[-1].role != "assistant" or len(messages) < 2:
            detail = f"{column!r} has no reply by the Assistant after a Human's message"
            raise RowFaultError("no_reply", detail, "end both transcripts with a reply")
    dialogue = sides["chosen"][:-1]
    if dialogue != sides["rejected"][:-1]:
        common = next(
            (i for i, (a, b) in enumerate(zip(sides["chosen"], sides["rejected"], strict=False)) if a != b),
            min(map(len, sides.values())),
        )  # fmt: skip
        detail = (
            f"the dialogues before the last replies differ: they have {len(sides['chosen']) - 1} and"
            f" {len(sides['rejected']) - 1} messages, the first {common} alike"
        )
        raise RowFaultError("no_shared_dialogue", detail, "give both sides the same dialogue before the last reply")
    prompt = Prompt(messages=dialogue)
    chosen, rejected = (
        Candidate(prompt_id=prompt.prompt_id, completion=sides[column][-1:]) for column in ("chosen", "rejected")
    )
    labeler, ranking = compare(chosen, rejected, 1, LABELER, shown=False)
    notes = [*note_sides({"chosen": chosen, "rejected": rejected}), *_note_roles(dialogue)]
    records = (("", prompt), ("chosen", chosen), ("rejected", rejected), ("", labeler), ("", ranking))
    return Imported(records, tuple(notes))


def _note_roles(dialogue: tuple[Message, ...]) -> list[Note]:
    """A role twice in a row: most likely a reply that itself holds the text `Assistant:`."""
    if all(a.role != b.role for a, b in pairwise(dialogue)):
        return []
    return [Note("repeated_role", "two messages in a row are by the same role")]


def is_transcript(value: Any) -> bool:
    """True for a text that begins as this format's transcripts do."""
    return isinstance(value, str) and SPEAKER.match(value) is not None


FORMAT = Format(
    name="hh-rlhf",
    columns=frozenset({"chosen", "rejected"}),
    required=frozenset({"chosen", "rejected"}),
    losses=(
        f"who judged (all rankings are by {LABELER})",
        "the order in which the two replies were shown",
        "ties and strength of preference",
        "which policy wrote each reply (no samples)",
    ),
    convert=convert_row,
    recognise=lambda value: is_transcript(value.get("chosen")) or is_transcript(value.get("rejected")),
)
