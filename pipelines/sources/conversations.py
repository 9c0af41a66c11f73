"""Turns conversations as chat tools write them (OpenAI's messages, ShareGPT's speakers) into messages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipelines.sources.calls import read_calls, read_spoken_call
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from schemas.records import Demonstration, Message, Prompt, Record, TrainedMessage

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant",
    "function_call": "assistant", "tool": "tool", "function": "tool", "observation": "tool",
    "function_response": "tool",
}  # fmt: skip
"""Our role for each name that a speaker is given; `developer` is what OpenAI calls the system since o1."""
READ_FIELDS = frozenset(
    {"role", "from", "content", "value", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "weight"}
)
MEDIA = ("image", "images", "video", "videos", "audio", "audios")
MARKS = ("<image>", "<video>", "<audio>")


@dataclass(frozen=True)
class Said:
    """One message, and whether it is to be imitated where its row is a demonstration."""

    message: Message
    train: bool


def refuse_media(values: Mapping[str, Any]) -> None:
    """Quarantine a row that brings images, video or sound beside its text."""
    for column in MEDIA:
        if values.get(column) not in (None, [], "", {}):
            raise _refuse_modality(f"{column!r} holds media")


def _refuse_modality(what: str) -> RowFaultError:
    return RowFaultError("unsupported_modality", what, "leave the row out: only text is taken in")


def looks_like_messages(value: Any, speaker: str = "role") -> bool:
    """True for a list of objects that each name a speaker under the key `speaker`."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) and isinstance(item.get(speaker), str) for item in value)


def read_said(fields: Fields, column: str) -> list[Said]:
    """A list of {role, content, ...} or {from, value} as messages; CSV files hold it as the text of its JSON.

    Raises:
        RowFaultError: it is none, a role is unknown, or a message holds something other than text.
        ValidationError: a message has neither content nor tool calls.
    """
    given = _parse_text(fields, column).objects(column)
    if not given:
        raise RowFaultError("no_message", f"{column!r} is an empty list", "write at least one message")
    said = [_read_message(Fields(item), column, number) for number, item in enumerate(given, start=1)]
    unread = sorted({key for item in given for key, value in item.items() if value is not None} - READ_FIELDS)
    if unread:
        fields.notes.append(Note("message_field_not_carried", f"{column!r} has {', '.join(map(repr, unread[:5]))}"))
    return said


def _parse_text(fields: Fields, column: str) -> Fields:
    said = fields.get(column)
    if not isinstance(said, str):
        return fields
    try:
        return Fields({column: json.loads(said)})
    except (ValueError, RecursionError):
        mend = 'write it as [{"role": ..., "content": ...}]'
        raise RowFaultError("wrong_type", f"{column!r} is text, but no JSON of messages", mend) from None


def read_messages(fields: Fields, column: str) -> tuple[Message, ...]:
    """The messages of `read_said`, whether imitated or not."""
    return tuple(said.message for said in read_said(fields, column))


def read_side(fields: Fields, column: str, role: str) -> tuple[Message, ...]:
    """A text as one message of `role`, or a list of messages."""
    if isinstance(fields.get(column), list):
        return read_messages(fields, column)
    text = fields.text(column)
    _refuse_marks(text, fields)
    return (Message(role=role, content=text),)  # type: ignore[arg-type]


def _refuse_marks(text: str, fields: Fields) -> None:
    """A mark that stands for an image says so only where it is alone in its line: prose may write about HTML."""
    if any(line.strip() in MARKS for line in text.splitlines()):
        raise _refuse_modality("a line is the mark of an image, video or sound")


def _read_message(given: Fields, column: str, number: int) -> Said:
    speaker_key, text_key = ("role", "content") if given.has("role") else ("from", "value")
    where = f"message {number} of {column!r}"
    speaker = given.text(speaker_key)
    if speaker not in ROLES:
        mend = f"write one of {', '.join(sorted(set(ROLES)))}"
        raise RowFaultError("unknown_role", f"{where} is by {speaker[:40]!r}", mend)
    role = ROLES[speaker]
    content, calls = _read_content(given, text_key, where), read_calls(given.get("tool_calls"), where)
    if given.has("function_call"):
        calls = read_spoken_call(given.get("function_call"), where)
    if speaker == "function_call" and not calls:
        content, calls = None, read_spoken_call(content, where)
    message = Message(
        role=role,  # type: ignore[arg-type]
        content=content,
        name=given.optional_text("name") or None,
        tool_calls=calls,
        tool_call_id=given.optional_text("tool_call_id") or None,
    )
    return Said(message, role == "assistant" and _read_weight(given, where))


def _read_weight(given: Fields, where: str) -> bool:
    weight = given.optional_number("weight")
    if weight not in (None, 0, 1):
        raise RowFaultError("wrong_weight", f"the weight of {where} is neither 0 nor 1", "write 0 or 1")
    return weight != 0


def _read_content(given: Fields, column: str, where: str) -> str | None:
    """Text; or a list of parts, of which each must be text, joined as chat templates join them."""
    content = given.get(column)
    if content is None:
        return given.optional_text("refusal") or None
    if not isinstance(content, list):
        text = given.text(column)
        _refuse_marks(text, given)
        return text
    texts = []
    for part in map(Fields, given.objects(column)):
        kind = part.text("type") if part.has("type") else "text"
        if kind not in ("text", "input_text", "output_text", "refusal"):
            raise _refuse_modality(f"{where} holds a part of type {kind[:40]!r}")
        texts.append(part.text("refusal" if kind == "refusal" else "text"))
    return "".join(texts)


def demonstrate_conversation(said: Sequence[Said], tools: str | None) -> tuple[list[Record], list[Note]]:
    """A conversation as its prompt and one demonstration of all that follows, replies marked by `train`.

    The prompt ends before the first reply that is to be imitated and has a message before it. A conversation with
    no reply is a prompt alone.

    Raises:
        RowFaultError: it has replies, but none to imitate, or nothing else.
    """
    notes = []
    if said[0].message.role == "assistant":
        notes.append(Note("begins_with_reply", "nothing stands before the first reply: it is part of the prompt"))
        said = [replace(said[0], train=False), *said[1:]]
    begin = next((place for place, one in enumerate(said) if one.train), None)
    if begin is None:
        if any(one.message.role == "assistant" for one in said):
            raise RowFaultError("nothing_to_imitate", "no reply is to be imitated", "give a reply the weight 1")
        prompt = Prompt(messages=tuple(one.message for one in said), tools=tools)
        return [prompt], [Note("prompt_alone", "the conversation has no reply")]
    prompt = Prompt(messages=tuple(one.message for one in said[:begin]), tools=tools)
    completion = tuple(TrainedMessage(**dict(one.message), train=one.train) for one in said[begin:])
    if not any((one.message.content or "").strip() or one.message.tool_calls for one in said if one.train):
        notes.append(Note("empty_output", "the replies to be imitated hold no text"))
    if said[-1].message.role != "assistant":
        notes.append(Note("ends_without_reply", f"the last message is by the {said[-1].message.role}"))
    return [prompt, Demonstration(prompt_id=prompt.prompt_id, completion=completion)], notes
