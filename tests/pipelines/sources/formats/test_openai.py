"""Fine-tuning files of OpenAI come in with tools, names and weights; two outputs are one ranking."""

import json
from typing import Any

import pytest
from converted_rows import convert, pick, tell_completion, tell_notes, tell_prompt, tell_tiers

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.openai import FORMAT, recognise_row
from schemas.records import Demonstration, Prompt, Ranking

TOOLS = [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Oslo?", "name": "Ann"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": "7 degrees", "tool_call_id": "call_1"},
    {"role": "assistant", "content": "Cold."},
]


def test_a_conversation_with_tools() -> None:
    imported = convert(FORMAT, {"messages": TALK, "tools": TOOLS, "parallel_tool_calls": False})
    (prompt,), (demonstration,) = pick(imported, Prompt), pick(imported, Demonstration)
    assert json.loads(prompt.tools or "") == TOOLS and prompt.messages[1].name == "Ann"
    assert tell_prompt(imported) == [("system", "Be brief."), ("user", "Oslo?")]
    assert tell_completion(imported) == [
        ("assistant", None, True), ("tool", "7 degrees", False), ("assistant", "Cold.", True),
    ]  # fmt: skip
    assert json.loads(demonstration.completion[0].tool_calls or "") == [CALL]
    assert demonstration.completion[1].tool_call_id == "call_1"


def test_weights_are_the_train_mask() -> None:
    first = {**TALK[2], "weight": 0}
    imported = convert(FORMAT, {"messages": [*TALK[:2], first, *TALK[3:]]})
    assert [role for role, _ in tell_prompt(imported)] == ["system", "user", "assistant", "tool"]
    assert tell_completion(imported) == [("assistant", "Cold.", True)]


def test_two_outputs_are_a_ranking() -> None:
    row = {
        "input": {"messages": TALK[:2], "tools": TOOLS, "parallel_tool_calls": True},
        "preferred_output": [{"role": "assistant", "content": "Cold."}],
        "non_preferred_output": [{"role": "assistant", "content": ""}],
    }  # fmt: skip
    imported = convert(FORMAT, row)
    (prompt,), (ranking,) = pick(imported, Prompt), pick(imported, Ranking)
    assert tell_tiers(imported) == [(["Cold."], False), ([""], False)] and json.loads(prompt.tools or "") == TOOLS
    assert ranking.labeler_id == "openai/unknown" and tell_notes(imported) == ["empty_side"]
    assert recognise_row(row)


def test_an_output_that_begins_with_a_question_is_refused() -> None:
    row = {"input": {"messages": TALK[:2]}, "preferred_output": TALK[1:2], "non_preferred_output": TALK[4:]}
    with pytest.raises(RowFaultError, match="no_reply"):
        convert(FORMAT, row)


def test_images_are_refused() -> None:
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]
    with pytest.raises(RowFaultError, match="unsupported_modality"):
        convert(FORMAT, {"messages": [{"role": "user", "content": parts}, TALK[4]]})
