"""Turns ShareGPT's conversations (speakers `human`, `gpt`, ...) into demonstrations, or preferences between replies."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.calls import read_tools
from pipelines.sources.conversations import (
    Said,
    demonstrate_conversation,
    looks_like_messages,
    read_messages,
    read_said,
    refuse_media,
)
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, compare, note_sides
from schemas.records import Candidate, Message, Prompt, Record

LABELER = "sharegpt/unknown"
"""All rankings are by one labeler of this name: the format does not say who judged."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A whole conversation as one demonstration; a `system` beside it comes first.

    With `chosen` and `rejected` beside it (as LLaMA-Factory writes preferences) it is the prompt of the two.
    """
    fields = Fields(value)
    refuse_media(value)
    said = read_said(fields, "conversations" if fields.has("conversations") else "items")
    setting = fields.optional_text("system")
    if setting and said[0].message.role != "system":
        said = [Said(Message(role="system", content=setting), train=False), *said]
    key = fields.key("id") if fields.has("id") else None
    if fields.has("chosen") or fields.has("rejected"):
        prompt = Prompt(messages=tuple(one.message for one in said), tools=read_tools(value))
        return Imported(tuple(_compare(fields, prompt)), tuple(fields.notes), key)
    records, notes = demonstrate_conversation(said, read_tools(value))
    return Imported(tuple(("", record) for record in records), (*fields.notes, *notes), key)


def _compare(fields: Fields, prompt: Prompt) -> Sequence[tuple[str, Record]]:
    chosen, rejected = (
        Candidate(prompt_id=prompt.prompt_id, completion=read_messages(Fields({side: [fields.object(side)]}), side))
        for side in ("chosen", "rejected")
    )
    fields.notes += note_sides({"chosen": chosen, "rejected": rejected})
    labeler, ranking = compare(chosen, rejected, 1, LABELER, shown=False)
    return [("", prompt), ("chosen", chosen), ("rejected", rejected), ("", labeler), ("", ranking)]


def recognise_row(value: Mapping[str, Any]) -> bool:
    """A list of messages that each say who they are `from`, or have a role."""
    said = value.get("conversations") or value.get("items")
    return looks_like_messages(said, "from") or looks_like_messages(said)


FORMAT = Format(
    name="sharegpt",
    columns=frozenset({"id", "conversations", "items", "system", "tools", "chosen", "rejected"}),
    required=frozenset(),
    losses=(
        "which model replied (no samples)",
        "how the reply came about (edited, regenerated)",
        f"who judged, in preferences (all rankings are by {LABELER})",
    ),
    convert=convert_row,
    recognise=recognise_row,
)
