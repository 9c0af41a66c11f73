"""ShareGPT's conversations are whole demonstrations, whoever their speakers are called."""

from typing import Any

import pytest
from converted_rows import convert, tell_completion, tell_notes, tell_prompt, tell_tiers

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.sharegpt import FORMAT, recognise_row

TALK = [
    {"from": "human", "value": "Hi"},
    {"from": "gpt", "value": "Hello"},
    {"from": "human", "value": "Bye"},
    {"from": "gpt", "value": "So long"},
]


def test_a_conversation_is_one_demonstration() -> None:
    imported = convert(FORMAT, {"id": "x_0", "conversations": TALK})
    assert imported.key == "x_0" and tell_prompt(imported) == [("user", "Hi")]
    assert tell_completion(imported) == [
        ("assistant", "Hello", True), ("user", "Bye", False), ("assistant", "So long", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        {"conversations": [{"from": "system", "value": "Be brief."}, *TALK]},
        {"conversations": TALK, "system": "Be brief."},
        {"items": [{"from": "system", "value": "Be brief."}, *TALK]},
    ],
)
def test_a_system_prompt_comes_first(row: dict[str, Any]) -> None:
    assert tell_prompt(convert(FORMAT, row)) == [("system", "Be brief."), ("user", "Hi")]


def test_a_conversation_that_was_split_begins_with_a_reply() -> None:
    imported = convert(FORMAT, {"conversations": TALK[1:]})
    assert tell_prompt(imported) == [("assistant", "Hello"), ("user", "Bye")]
    assert tell_notes(imported) == ["begins_with_reply"]


@pytest.mark.parametrize(
    "row",
    [
        {"image": "a.png", "conversations": TALK},
        {"conversations": [{"from": "human", "value": "<image>\nWhat?"}, TALK[1]]},
    ],
)
def test_images_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(RowFaultError, match="unsupported_modality"):
        convert(FORMAT, row)


def test_two_replies_beside_a_conversation_are_a_preference() -> None:
    """LLaMA-Factory's layout: the conversation ends with a question, `chosen` and `rejected` answer it."""
    row = {"conversations": TALK[:3], "chosen": TALK[3], "rejected": {"from": "gpt", "value": "No"}}
    imported = convert(FORMAT, row)
    assert tell_prompt(imported) == [("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")]
    assert tell_tiers(imported) == [(["So long"], False), (["No"], False)]
    with pytest.raises(RowFaultError, match="missing_column"):
        convert(FORMAT, {"conversations": TALK[:3], "chosen": TALK[3]})


def test_roles_are_told_too() -> None:
    assert recognise_row({"conversations": [{"role": "user", "content": "Hi"}]})
    assert not recognise_row({"conversations": ["Hi"]}) and not recognise_row({"items": 3})
