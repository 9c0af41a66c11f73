"""Turns the messages of the tables into those that other tools read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "tool"}
"""What ShareGPT calls each role."""


def plain_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as chat templates read it: role, content and, where there are any, name, tool calls and their id."""
    plain = {"role": message["role"], "content": message["content"]}
    plain |= {field: message[field] for field in ("name", "tool_call_id") if message[field] is not None}
    if message["tool_calls"] is not None:
        plain["tool_calls"] = parse_json(message["tool_calls"])
    return plain


def plain_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages as chat templates read them."""
    return [plain_message(message) for message in messages]


def parse_json(text: str) -> Any:
    """What a text of JSON says; a text that is none as it stands."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def list_trained(completion: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Of each message, whether it is to be imitated: by an assistant, and not marked as context."""
    return [message["role"] == "assistant" and message.get("train") is not False for message in completion]


def has_other_mask(completion: Sequence[Mapping[str, Any]]) -> bool:
    """True where an assistant's message is not to be imitated: a mask that messages alone do not say."""
    trained = list_trained(completion)
    return any(m["role"] == "assistant" and not train for m, train in zip(completion, trained, strict=True))


def name_losses(**found: bool) -> tuple[str, ...]:
    """The words of those that are found, `_` read as a blank."""
    return tuple(name.replace("_", " ") for name, is_found in found.items() if is_found)
