"""Turns ShareGPT's conversations (speakers `human`, `gpt`, ...) into demonstrations with their history."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.conversations import (
    Said,
    demonstrate_conversation,
    looks_like_messages,
    read_said,
    read_tools,
    refuse_media,
)
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported
from schemas.records import Message


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A whole conversation as one demonstration; a `system` beside it comes first."""
    fields = Fields(value)
    refuse_media(value)
    said = read_said(fields, "conversations" if fields.has("conversations") else "items")
    setting = fields.optional_text("system")
    if setting and said[0].message.role != "system":
        said = [Said(Message(role="system", content=setting), train=False), *said]
    records, notes = demonstrate_conversation(said, read_tools(value))
    key = fields.key("id") if fields.has("id") else None
    return Imported(tuple(("", record) for record in records), (*fields.notes, *notes), key)


def recognise_row(value: Mapping[str, Any]) -> bool:
    """A list of messages that each say who they are `from`, or have a role."""
    said = value.get("conversations") or value.get("items")
    return looks_like_messages(said, "from") or looks_like_messages(said)


FORMAT = Format(
    name="sharegpt",
    columns=frozenset({"id", "conversations", "items", "system", "tools"}),
    required=frozenset(),
    losses=("which model replied (no samples)", "how the reply came about (edited, regenerated)"),
    convert=convert_row,
    recognise=recognise_row,
)
