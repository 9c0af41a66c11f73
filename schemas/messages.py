"""Turns plain text into messages and back, in the one shape that all tables use."""

from collections.abc import Iterable, Mapping
from typing import Any

Message = dict[str, Any]


def make_message(role: str, content: str | None, **fields: str | bool) -> Message:
    """A message with every field of the tables, null where not given."""
    return {"role": role, "content": content, "name": None, "tool_calls": None, "tool_call_id": None, **fields}


def user_prompt(text: str) -> list[Message]:
    """A prompt of one user message."""
    return [make_message("user", text)]


def assistant_completion(text: str) -> list[Message]:
    """A completion of one assistant message."""
    return [make_message("assistant", text)]


def join_contents(messages: Iterable[Mapping[str, Any]]) -> str:
    """All contents of messages, a line each: the plain text that rules and graders read."""
    return "\n".join(message["content"] or "" for message in messages)
