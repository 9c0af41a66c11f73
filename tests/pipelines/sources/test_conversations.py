"""Conversations keep who said what, calls and masks; what is no text is refused under a reason of its own."""

import json
from typing import Any

import pytest
from converted_rows import tell

from pipelines.sources.calls import read_tools
from pipelines.sources.conversations import (
    Said,
    demonstrate_conversation,
    looks_like_messages,
    read_messages,
    read_said,
    refuse_media,
)
from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from schemas.records import Demonstration, Message, Prompt

CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"b": 2, "a": 1}'}}
USER, REPLY = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}


def read(*messages: dict[str, Any]) -> tuple[Message, ...]:
    return read_messages(Fields({"m": list(messages)}), "m")


def fault(*messages: Any) -> str:
    with pytest.raises(RowFaultError) as caught:
        read(*messages)
    return caught.value.reason


def demonstrate(*messages: dict[str, Any]) -> tuple[list[str], list[tuple[str, bool]], list[str]]:
    """Contents of the prompt, contents and masks of the completion, names of the notes."""
    records, notes = demonstrate_conversation(read_said(Fields({"m": list(messages)}), "m"), None)
    (prompt,) = (record for record in records if isinstance(record, Prompt))
    completion = [one for record in records if isinstance(record, Demonstration) for one in record.completion]
    contents = [message.content or "" for message in prompt.messages]
    return contents, [(one.content or "", one.train) for one in completion], [note.note for note in notes]


def test_speakers_of_all_tools_become_the_four_roles() -> None:
    messages = read(
        {"role": "developer", "content": "Be brief."}, {"from": "human", "value": "Hi"},
        {"from": "gpt", "value": "Hello"}, {"from": "observation", "value": "3"},
    )  # fmt: skip
    assert tell(messages) == [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("tool", "3")]


def test_messages_may_be_written_as_the_text_of_their_json() -> None:
    assert tell(read_messages(Fields({"m": json.dumps([USER])}), "m")) == [("user", "Hi")]
    for text in ("Hi", "[", '"Hi"', "[" * 100_000):
        with pytest.raises(RowFaultError, match="wrong_type"):
            read_messages(Fields({"m": text}), "m")


def test_calls_and_names_are_kept_in_the_order_of_their_members() -> None:
    asked, reply = read(
        {"role": "user", "name": "Ann", "content": "1+2?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    )
    assert asked.name == "Ann" and reply.content is None and reply.tool_calls == json.dumps([CALL])
    (result,) = read({"role": "tool", "content": "3", "tool_call_id": "c1"})
    assert result.tool_call_id == "c1"


def test_older_ways_to_call_are_calls_too() -> None:
    function = {"name": "add", "arguments": "{}"}
    (old,) = read({"role": "assistant", "content": None, "function_call": function})
    assert json.loads(old.tool_calls or "") == [{"type": "function", "function": function}]
    (spoken,) = read({"from": "function_call", "value": '{"name":"add"}'})
    assert (spoken.content, spoken.tool_calls) == (None, '[{"type": "function", "function": {"name": "add"}}]')
    (again,) = read({"role": "assistant", "content": None, "tool_calls": json.loads(spoken.tool_calls or "")})
    assert again == spoken


@pytest.mark.parametrize("calls", ["x", "[1]", "[", "[" * 100_000, 7, {}, [7], [{"function": {"name": 3}}], "[NaN]",
                                   '[{"a": "\\ud800"}]', [{"function": "add"}]])  # fmt: skip
def test_calls_that_no_chat_template_can_read_are_refused(calls: Any) -> None:
    assert fault({"role": "assistant", "content": "Hi", "tool_calls": calls}) == "wrong_type"
    assert fault({"from": "function_call", "value": "add(1, 2)"}) == "wrong_type"


def test_parts_of_text_are_one_text_and_a_refusal_is_said() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    assert tell(read({"role": "user", "content": parts})) == [("user", "one two")]
    assert tell(read({"role": "assistant", "content": None, "refusal": "No."})) == [("assistant", "No.")]


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "input_audio"}]},
        {"from": "human", "value": "<image>\nWhat is this?"},
        {"from": "human", "value": "What is this?\n <video> "},
    ],
)
def test_images_are_refused(message: dict[str, Any]) -> None:
    assert fault(message) == "unsupported_modality"


def test_prose_about_a_tag_is_text() -> None:
    assert tell(read({"role": "user", "content": "What does <image> mean in SVG?"}))[0][0] == "user"


@pytest.mark.parametrize("column", ["image", "images", "videos", "audio"])
def test_media_beside_the_text_are_refused(column: str) -> None:
    with pytest.raises(RowFaultError, match="unsupported_modality"):
        refuse_media({column: ["a.png"]})
    refuse_media({column: []})
    refuse_media({column: None})


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "no_message"),
        (["Hi"], "wrong_type"),
        ([{"role": "pirate", "content": "Arr"}], "unknown_role"),
        ([{"content": "Hi"}], "missing_column"),
        ([{"role": "user", "content": 7}], "wrong_type"),
        ([{"role": "assistant", "content": "Hi", "weight": 0.5}], "wrong_weight"),
    ],
)
def test_a_message_that_is_none_has_a_reason(messages: list[Any], reason: str) -> None:
    assert fault(*messages) == reason


def test_a_field_that_is_not_carried_is_noted() -> None:
    fields = Fields({"m": [{**USER, "tokens": 3, "seen": None}, {**REPLY, "tokens": 1}]})
    read_said(fields, "m")
    assert [(note.note, note.detail) for note in fields.notes] == [("message_field_not_carried", "'m' has 'tokens'")]


def test_the_prompt_ends_before_the_first_reply_and_all_replies_are_imitated() -> None:
    prompt, completion, notes = demonstrate(USER, REPLY, {"role": "user", "content": "Bye"}, REPLY)
    assert prompt == ["Hi"] and notes == []
    assert completion == [("Hello", True), ("Bye", False), ("Hello", True)]


def test_replies_of_weight_0_are_context() -> None:
    prompt, completion, _ = demonstrate(
        USER, {**REPLY, "weight": 0}, {"role": "user", "content": "Bye"}, {**REPLY, "weight": 1}, USER,
        {**REPLY, "weight": 0},
    )  # fmt: skip
    assert prompt == ["Hi", "Hello", "Bye"]
    assert completion == [("Hello", True), ("Hi", False), ("Hello", False)]


def test_a_conversation_that_begins_with_a_reply_keeps_it_in_the_prompt() -> None:
    prompt, completion, notes = demonstrate(REPLY, USER, {"role": "assistant", "content": "Yes?"})
    assert (prompt, completion, notes) == (["Hello", "Hi"], [("Yes?", True)], ["begins_with_reply"])


def test_a_conversation_without_a_reply_is_a_prompt() -> None:
    assert demonstrate(USER) == (["Hi"], [], ["prompt_alone"])


def test_a_conversation_that_ends_with_a_question_and_an_empty_reply_are_noted() -> None:
    assert demonstrate(USER, {**REPLY, "content": " "}, USER)[2] == ["empty_output", "ends_without_reply"]


def test_nothing_to_imitate_is_a_fault() -> None:
    said = [Said(Message(role="user", content="Hi"), False), Said(Message(role="assistant", content="Hello"), False)]
    with pytest.raises(RowFaultError, match="nothing_to_imitate"):
        demonstrate_conversation(said, None)


def test_tools_are_text_of_json_whichever_way_they_come() -> None:
    tools = [{"type": "function", "function": {"name": "add"}}]
    assert read_tools({"tools": tools}) == read_tools({"tools": json.dumps(tools)}) == json.dumps(tools)
    assert read_tools({"functions": tools}) == json.dumps(tools)
    assert read_tools({"tools": []}) is read_tools({"tools": None}) is read_tools({}) is None
    with pytest.raises(RowFaultError, match="wrong_type"):
        read_tools({"tools": 7})


@pytest.mark.parametrize("value", [None, [], "Hi", [7], [{"content": "Hi"}], [{"role": None}], {"role": "user"}])
def test_what_looks_like_no_messages(value: Any) -> None:
    assert not looks_like_messages(value)
    assert looks_like_messages([USER, REPLY])
