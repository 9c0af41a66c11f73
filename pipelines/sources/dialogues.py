"""Turns what a labeling tool holds of a prompt (a text, or messages of role and content) into messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import join_instruction
from schemas.records import Message, Prompt

ASKED = ("prompt", "instruction", "question", "query", "conversation", "messages", "chat", "text")
"""Names under which tools hold a prompt; the first that is there is taken."""
GIVEN, SETTING = "input", ("system_prompt", "system")


def read_messages(values: Mapping[str, Any], column: str, role: str) -> tuple[Message, ...]:
    """A list of {role, content, ...} as messages; a text is one message of `role`.

    Raises:
        RowFaultError: it is neither.
        ValidationError: a message's role or content is not what messages have.
    """
    if not isinstance(values.get(column), list):
        return (Message(role=role, content=Fields(values).text(column)),)  # type: ignore[arg-type]
    messages = Fields(values).objects(column)
    if not messages:
        raise RowFaultError("no_message", f"{column!r} is an empty list", "write at least one message")
    return tuple(_read_message(message) for message in messages)


def _read_message(values: Mapping[str, Any]) -> Message:
    fields, calls = Fields(values), values.get("tool_calls")
    return Message(
        role=fields.text("role"),  # type: ignore[arg-type]
        content=fields.text("content") if fields.has("content") else None,
        name=fields.optional_text("name") or None,
        tool_calls=calls if calls is None or isinstance(calls, str) else json.dumps(calls, ensure_ascii=False),
        tool_call_id=fields.optional_text("tool_call_id") or None,
    )


def find_asked(columns: Sequence[str]) -> str | None:
    """The column that most likely holds the prompt: one named as prompts are, or the only one there is."""
    named = {column.casefold(): column for column in columns}
    known = next((named[name] for name in ASKED if name in named), None)
    return known or (columns[0] if len(columns) == 1 else None)


def read_prompt(values: Mapping[str, Any], column: str) -> Prompt:
    """The prompt in `column`, with the input and the system prompt that stand beside it, if any."""
    fields = Fields(values)
    messages = read_messages(values, column, "user")
    if column != GIVEN and fields.optional_text(GIVEN) and isinstance(values[column], str):
        messages = (Message(role="user", content=join_instruction(fields.text(column), fields.text(GIVEN))),)
    setting = next((fields.text(name) for name in SETTING if name != column and fields.has(name)), None)
    if setting and messages[0].role != "system":
        messages = (Message(role="system", content=setting), *messages)
    return Prompt(messages=messages)
