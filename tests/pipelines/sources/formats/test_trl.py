"""Each of TRL's dataset types keeps what it says, as texts and as conversations alike."""

from typing import Any

import pytest
from converted_rows import convert, pick, tell, tell_completion, tell_notes, tell_prompt, tell_tiers

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.trl import FORMAT, LABELER, recognise_row
from schemas.records import Candidate, Demonstration, Labeler, Prompt, Ranking, Rating

USER = {"role": "user", "content": "Sky?"}
BLUE, GREEN = {"role": "assistant", "content": "Blue."}, {"role": "assistant", "content": "Green."}
PREFERENCES: list[dict[str, Any]] = [
    {"prompt": "Sky?", "chosen": "Blue.", "rejected": "Green."},
    {"prompt": [USER], "chosen": [BLUE], "rejected": [GREEN]},
    {"prompt": "Sky?", "chosen": [BLUE], "rejected": [GREEN]},
    {"chosen": [USER, BLUE], "rejected": [USER, GREEN]},
    {"prompt": "Sky?", "chosen": [USER, BLUE], "rejected": [USER, GREEN]},
    {"prompt": None, "chosen": [USER, BLUE], "rejected": [USER, GREEN], "margin": None},
]


@pytest.mark.parametrize("row", PREFERENCES)
def test_a_preference_is_the_same_in_all_its_layouts(row: dict[str, Any]) -> None:
    imported = convert(FORMAT, row)
    assert recognise_row(row)
    assert tell_prompt(imported) == [("user", "Sky?")]
    assert tell_tiers(imported) == [(["Blue."], False), (["Green."], False)]
    (labeler,), (ranking,) = pick(imported, Labeler), pick(imported, Ranking)
    assert labeler.labeler_id == ranking.labeler_id == LABELER and ranking.shown_order is None
    first = convert(FORMAT, PREFERENCES[0])
    assert ranking.ranking_id == pick(first, Ranking)[0].ranking_id


def test_a_prompt_that_is_told_twice_is_noted() -> None:
    assert tell_notes(convert(FORMAT, PREFERENCES[4])) == ["prompt_told_again"]


def test_margin_is_the_strength() -> None:
    (ranking,) = pick(convert(FORMAT, {**PREFERENCES[0], "margin": 0.25}), Ranking)
    assert ranking.strength == 0.25


def test_the_prompt_of_two_texts_is_what_they_begin_with() -> None:
    """TRL's own rule: the texts part after "is", before the blank that stands ahead of "blue" and "green"."""
    imported = convert(FORMAT, {"chosen": "The sky is blue.", "rejected": "The sky is green."})
    assert tell_prompt(imported) == [("user", "The sky is")]
    assert tell_tiers(imported) == [([" blue."], False), ([" green."], False)]
    assert tell_notes(imported) == ["prompt_told_by_sides"]


def test_a_conversation_parts_at_the_reply_and_not_at_a_question() -> None:
    follow = {"role": "user", "content": "Sure?"}
    imported = convert(FORMAT, {"chosen": [USER, BLUE, follow, BLUE], "rejected": [USER, BLUE, follow, GREEN]})
    assert tell_prompt(imported) == [("user", "Sky?"), ("assistant", "Blue."), ("user", "Sure?")]
    same = convert(FORMAT, {"chosen": [USER, BLUE], "rejected": [USER, BLUE]})
    assert tell_prompt(same) == [("user", "Sky?")] and tell_notes(same) == ["identical_sides"]
    longer = convert(FORMAT, {"chosen": [USER, BLUE], "rejected": [USER, BLUE, follow, GREEN]})
    assert tell_prompt(longer) == [("user", "Sky?")]
    assert [len(one.completion) for one in pick(longer, Candidate)] == [1, 3]


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": "Blue.", "rejected": "Green."},
        {"chosen": [USER, BLUE], "rejected": [{"role": "user", "content": "Sea?"}, GREEN]},
        {"chosen": [BLUE], "rejected": [GREEN]},
    ],
)
def test_sides_that_share_nothing_are_refused(row: dict[str, Any]) -> None:
    with pytest.raises(RowFaultError, match="no_shared_prompt"):
        convert(FORMAT, row)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Sky?", "completion": "Blue."},
        {"prompt": [USER], "completion": [BLUE]},
        {"messages": [USER, BLUE]},
    ],
)
def test_a_demonstration_is_the_same_in_all_its_layouts(row: dict[str, Any]) -> None:
    imported = convert(FORMAT, row)
    assert tell_prompt(imported) == [("user", "Sky?")] and tell_completion(imported) == [("assistant", "Blue.", True)]


def test_messages_are_told_as_openai_and_read_the_same() -> None:
    assert not recognise_row({"messages": [USER, BLUE]})


def test_a_prompts_replies_are_not_imitated() -> None:
    imported = convert(FORMAT, {"prompt": [USER, GREEN, USER], "completion": [BLUE, USER, BLUE]})
    assert [role for role, _ in tell_prompt(imported)] == ["user", "assistant", "user"]
    assert [train for _, _, train in tell_completion(imported)] == [True, False, True]


def test_a_completion_that_is_no_reply_is_refused() -> None:
    with pytest.raises(RowFaultError, match="no_reply"):
        convert(FORMAT, {"prompt": [USER], "completion": [USER, BLUE]})


@pytest.mark.parametrize(("label", "value"), [(True, 1), (False, 0), (1, 1), (1.0, 1), (0.0, 0), ("False", 0)])
def test_an_unpaired_label_is_a_rating(label: Any, value: float) -> None:
    imported = convert(FORMAT, {"prompt": "Sky?", "completion": "Blue.", "label": label})
    (candidate,), (rating,) = pick(imported, Candidate), pick(imported, Rating)
    assert tell(candidate.completion) == [("assistant", "Blue.")] and not pick(imported, Demonstration)
    assert (rating.candidate_id, rating.aspect, rating.value) == (candidate.candidate_id, "label", value)
    assert (rating.min, rating.max) == (0, 1)
    assert not tell_notes(imported)  # one answer is not the same as another


@pytest.mark.parametrize("label", ["good", 2, 0.5, float("nan"), [True]])
def test_a_label_that_is_none_is_refused(label: Any) -> None:
    with pytest.raises(RowFaultError, match="wrong_type"):
        convert(FORMAT, {"prompt": "Sky?", "completion": "Blue.", "label": label})


def test_a_prompt_alone_with_its_tools() -> None:
    (prompt,) = pick(convert(FORMAT, {"prompt": [USER], "tools": [{"name": "look"}]}), Prompt)
    assert prompt.tools == '[{"name": "look"}]'
    assert recognise_row({"prompt": "Sky?"}) and not recognise_row({"prompt": "Sky?", "act": "painter"})


def test_images_are_refused() -> None:
    with pytest.raises(RowFaultError, match="unsupported_modality"):
        convert(FORMAT, {**PREFERENCES[0], "images": [{"base64": ""}]})


def test_transcripts_are_left_to_hh_rlhf() -> None:
    assert not recognise_row({"chosen": "\n\nHuman: Hi\n\nAssistant: A", "rejected": "\n\nHuman: Hi\n\nAssistant: B"})
