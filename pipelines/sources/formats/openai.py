"""Turns the JSON lines of OpenAI's fine-tuning (`messages`, or an input with two outputs) into demonstrations and
rankings."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.calls import read_tools
from pipelines.sources.conversations import (
    demonstrate_conversation,
    looks_like_messages,
    read_messages,
    read_said,
    refuse_media,
)
from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, compare, note_sides
from schemas.records import Candidate, Prompt, Record

LABELER = "openai/unknown"
"""All rankings are by one labeler of this name: the format does not say who judged."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A conversation as one demonstration, or two outputs for one input as a ranking."""
    refuse_media(value)
    fields = Fields(value)
    if not fields.has("input"):
        records, notes = demonstrate_conversation(read_said(fields, "messages"), read_tools(value))
        return Imported(tuple(("", record) for record in records), (*fields.notes, *notes))
    asked = Fields(fields.object("input"))
    refuse_media(fields.object("input"))
    prompt = Prompt(messages=read_messages(asked, "messages"), tools=read_tools(fields.object("input")))
    chosen, rejected = (
        Candidate(prompt_id=prompt.prompt_id, completion=_read_output(fields, column))
        for column in ("preferred_output", "non_preferred_output")
    )
    labeler, ranking = compare(chosen, rejected, 1, LABELER, shown=False)
    parts: list[tuple[str, Record]] = [("", prompt), ("preferred_output", chosen), ("non_preferred_output", rejected)]
    notes = list(note_sides({"preferred_output": chosen, "non_preferred_output": rejected}))
    return Imported((*parts, ("", labeler), ("", ranking)), (*fields.notes, *asked.notes, *notes))


def _read_output(fields: Fields, column: str) -> Any:
    messages = read_messages(fields, column)
    if messages[0].role not in ("assistant", "tool"):
        detail = f"{column!r} begins with a message by the {messages[0].role}"
        raise RowFaultError("no_reply", detail, "put only the replies there, the rest into 'input'")
    return messages


def recognise_row(value: Mapping[str, Any]) -> bool:
    """A list of messages that is not beside a preference, or an input with its two outputs."""
    if isinstance(value.get("input"), Mapping):
        return value.get("preferred_output") is not None and value.get("non_preferred_output") is not None
    return looks_like_messages(value.get("messages")) and value.get("chosen") is None


FORMAT = Format(
    name="openai",
    columns=frozenset({"messages", "tools", "functions", "input", "preferred_output", "non_preferred_output"}),
    required=frozenset(),
    losses=(
        "who judged, in preferences (all rankings are by openai/unknown), ties and strength",
        "which model or person wrote a reply (no samples)",
        "whether tools may be called in parallel (parallel_tool_calls)",
    ),
    convert=convert_row,
    recognise=recognise_row,
)
