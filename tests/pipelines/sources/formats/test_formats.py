"""A file's format is told by what its rows hold; where that is not enough, the error says what to do."""

from typing import Any

import pytest
from format_examples import ALPACA, ALPACA_EVAL, EXAMPLES, HH, LLMBAR, OASST, OUTPUTS, SEED

from pipelines.sources.faults import IngestError
from pipelines.sources.formats import FORMATS, find_format, guess_format
from pipelines.sources.importing import Format, Imported

MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]


@pytest.mark.parametrize("name", FORMATS)
def test_no_example_could_be_two_formats(name: str) -> None:
    assert guess_format("f", [EXAMPLES[name]]).name == name


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"chosen": MESSAGES, "rejected": MESSAGES}, "trl"),
        ({"chosen": "The sky is blue", "rejected": "The sky is red"}, "trl"),
        ({"chosen": HH["chosen"], "rejected": HH["rejected"]}, "hh-rlhf"),
        ({"chosen": HH["chosen"], "rejected": ""}, "hh-rlhf"),
        ({"prompt": "Hi", "chosen": "a", "rejected": "b"}, "trl"),
        ({"prompt": "Hi", "prompt_id": "1", "chosen": MESSAGES, "rejected": MESSAGES, "messages": MESSAGES}, "trl"),
        ({"prompt": "Hi", "completion": "a", "label": True}, "trl"),
        ({"prompt": "Hi"}, "trl"),
        ({"messages": MESSAGES}, "openai"),
        ({"prompt": "Hi", "prompt_id": "1", "messages": MESSAGES}, "openai"),
        ({"conversations": MESSAGES}, "sharegpt"),
        ({"instruction": "Add.", "output": "3"}, "alpaca"),
        ({**ALPACA, "text": "Below is an instruction..."}, "alpaca"),
        ({"instruction": "Add.", "output": "3", "generator": "m", "dataset": "d"}, "alpaca-eval"),
        ({**ALPACA_EVAL, "preference": None}, "alpaca-eval"),
        ({**LLMBAR, "results": []}, "llmbar"),
        (OUTPUTS, "self-instruct-outputs"),
        ({**SEED, "motivation_app": "x"}, "self-instruct"),
        (OASST["prompt"], "oasst"),
        ({"message_id": "m", "parent_id": None, "text": "Hi", "role": "prompter", "replies": None}, "oasst"),
    ],
)
def test_layouts_are_told_apart_by_columns_and_shapes(row: dict[str, Any], name: str) -> None:
    assert guess_format("f", [row]).name == name


def test_a_few_odd_rows_do_not_hide_the_format() -> None:
    assert guess_format("f", [ALPACA, {"x": 1}]).name == "alpaca"
    with pytest.raises(IngestError, match="no format known"):
        guess_format("f", [ALPACA, {"x": 1}, {"y": 1}])
    with pytest.raises(IngestError, match="could be alpaca or hh-rlhf"):
        guess_format("f", [ALPACA, HH])


def test_columns_that_are_null_are_not_there() -> None:
    """Parquet files of several layouts have all columns of all of them."""
    assert guess_format("f", [{**ALPACA, "generator": None, "preference": None, "messages": None}]).name == "alpaca"


@pytest.mark.parametrize(
    ("row", "name"), [({"a": 1}, "narrow"), ({"a": 1, "b": 2}, "wide"), ({"a": 1, "b": None}, "narrow")]
)
def test_the_format_that_wants_more_columns_wins(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, Any], name: str
) -> None:
    for named, required in (("wide", {"a", "b"}), ("narrow", {"a"})):
        columns = frozenset(required)
        monkeypatch.setitem(FORMATS, named, Format(named, columns, columns, (), lambda value: Imported(())))
    assert guess_format("f", [row]).name == name


def test_what_is_of_no_format_names_the_columns_and_the_ways_out() -> None:
    with pytest.raises(IngestError) as caught:
        guess_format("f.csv", [{"act": "Poet", "prompt": "Write."}])
    message = str(caught.value)
    assert message.startswith("f.csv: is of no format known by its columns ('act', 'prompt')")
    assert "--as: alpaca," in message and "--map prompt=COLUMN" in message


def test_a_mistyped_format_is_answered_with_the_nearest() -> None:
    with pytest.raises(IngestError, match="did you mean alpaca-eval"):
        find_format("alpaca_evals")
