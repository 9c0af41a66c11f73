"""Label Studio's lists and buckets keep what labelers said, and nothing that nobody said."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from preference_examples import LABEL_STUDIO, annotate
from preference_files import Taken


def take_in(tmp_path: Path, *annotations: dict[str, Any], **data: Any) -> Taken:
    row = {**LABEL_STUDIO, "annotations": list(annotations), "data": {**LABEL_STUDIO["data"], **data}}
    return Taken(tmp_path, [row], "label-studio")


def test_a_task_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [LABEL_STUDIO], "label-studio")
    ranked, skipped = sorted(taken.rankings(), key=lambda row: row["labeler_id"])
    assert taken.tiers(ranked) == [({"Fire."}, False), ({"Wars."}, False), ({"Neglect."}, False)]
    assert [taken.texts[shown] for shown in ranked["shown_order"]] == ["Wars.", "Fire.", "Neglect."]
    assert (ranked["labeler_id"], ranked["seconds"]) == ("label-studio/7", 12.5)
    assert ranked["created_at"] == datetime(2026, 1, 5, 9, 30, 0, 250000, tzinfo=UTC)
    assert (skipped["labeler_id"], skipped["skip_reason"], skipped["tiers"]) == ("label-studio/8", "was_cancelled", [])
    assert ranked["task_id"] == skipped["task_id"]
    origins = taken.table("origins").filter(pl.col("table_name") == "rankings")
    assert sorted(origins["external_id"]) == ["3/annotation-11", "3/annotation-12"]
    assert taken.table("prompts")["messages"][0][0]["content"] == "What ruined the library?"
    assert taken.notes() == {}


def test_items_that_are_not_ranked_are_unjudged(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"rank": ["llm_3"]}))
    assert taken.tiers(taken.rankings()[0]) == [({"Neglect."}, False)]


def test_a_list_that_stands_as_it_was_shown_is_noted(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"rank": ["llm_1", "llm_2", "llm_3"]}))
    assert taken.notes() == {"untouched_list": [1]} and len(taken.rankings()) == 1


def test_items_named_by_numbers_are_shown_in_their_order(tmp_path: Path) -> None:
    """Label Studio keeps items by id in a JavaScript object: 2 before 10, and both before names."""
    items = [{"id": name, "body": f"answer {name}"} for name in ("b", 30, 10, "200", "2", "a", 3)]
    taken = take_in(tmp_path, annotate(1, 7, {"rank": ["2", "3", "10", "30", "200", "b", "a"]}), items=items)
    shown = [taken.texts[shown] for shown in taken.rankings()[0]["shown_order"]]
    assert shown == [f"answer {name}" for name in ("2", "3", "10", "30", "200", "b", "a")]
    assert taken.notes() == {"untouched_list": [1]}


def test_buckets_that_are_places_tie_and_leftovers_are_unjudged(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"_": ["llm_2"], "2": [], "1": ["llm_3", "llm_1"]}))
    assert taken.tiers(taken.rankings()[0]) == [({"Neglect.", "Wars."}, True)]


def test_buckets_that_are_words_do_not_tie(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"bad": ["llm_2"], "good": ["llm_3", "llm_1"], "_": []}))
    assert taken.tiers(taken.rankings()[0]) == [({"Neglect.", "Wars."}, False), ({"Fire."}, False)]


def test_buckets_without_order_are_ratings_and_no_ranking(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"biased": ["llm_2"], "rude": ["llm_1"], "_": ["llm_3"]}))
    said = {(taken.texts[r["candidate_id"]], r["aspect"]): r["value"] for r in taken.table("ratings").to_dicts()}
    assert said == {("Fire.", "biased"): 1, ("Fire.", "rude"): 0, ("Wars.", "biased"): 0, ("Wars.", "rude"): 1}
    assert not taken.rankings() and taken.notes() == {"buckets_without_order": [1]}


def test_buckets_that_nobody_used_are_noted(tmp_path: Path) -> None:
    taken = take_in(tmp_path, annotate(1, 7, {"_": ["llm_1", "llm_2", "llm_3"], "good": [], "bad": []}))
    assert taken.tiers(taken.rankings()[0]) == [] and taken.notes() == {"untouched_list": [1]}


def test_the_same_answer_twice_is_unjudged(tmp_path: Path) -> None:
    items = [{"id": "a", "body": "x"}, {"id": "b", "body": "y"}, {"id": "c", "body": "x"}]
    taken = take_in(tmp_path, annotate(1, 7, {"rank": ["c", "b", "a"]}), items=items)
    assert taken.tiers(taken.rankings()[0]) == [({"y"}, False)]
    assert taken.notes() == {"same_answer_two_places": [1]}


def test_who_judged(tmp_path: Path) -> None:
    """By number, as an object, as nobody, and as ground truth, which is gold whoever wrote it."""
    ranker = {"rank": ["llm_2"]}
    users = [7, {"id": 8, "email": "a@b.c"}, {"email": "d@e.f"}, None]
    taken = take_in(
        tmp_path,
        *(annotate(number, user, ranker) for number, user in enumerate(users)),
        annotate(9, 7, ranker, ground_truth=True),
    )
    assert {row["labeler_id"] for row in taken.rankings()} == {
        "label-studio/7", "label-studio/8", "label-studio/d@e.f", "label-studio/unknown", "label-studio/gold"
    }  # fmt: skip
    assert taken.notes() == {"unknown_labeler": [1]}


def test_annotations_of_one_task_by_nobody_are_of_several_people(tmp_path: Path) -> None:
    """As rounds of one labeler they would be repeats, and share a vote."""
    lists = [["llm_2", "llm_1"], ["llm_1", "llm_2"], ["llm_2", "llm_3"]]
    taken = take_in(tmp_path, *(annotate(n, None, {"rank": ranked}) for n, ranked in enumerate(lists)))
    assert {(row["labeler_id"], row["round"]) for row in taken.rankings()} == {
        ("label-studio/unknown", 1), ("label-studio/unknown-2", 1), ("label-studio/unknown-3", 1)
    }  # fmt: skip
    assert taken.notes() == {"unknown_labeler": [1]}


def test_the_same_labeler_twice_is_two_rounds_in_the_order_of_ids(tmp_path: Path) -> None:
    rows = [
        {**LABEL_STUDIO, "id": id_, "annotations": [annotate(1, 7, {"rank": [best]})]}
        for id_, best in ((10, "llm_3"), (9, "llm_2"))
    ]
    taken = Taken(tmp_path, rows, "label-studio")
    rounds = {row["round"]: taken.tiers(row)[0][0] for row in taken.rankings()}
    assert rounds == {1: {"Fire."}, 2: {"Neglect."}}


def test_a_text_area_is_the_rationale_and_other_results_are_not_read(tmp_path: Path) -> None:
    annotation = annotate(1, 7, {"rank": ["llm_2"]})
    annotation["result"] += [
        {"type": "textarea", "from_name": "why", "value": {"text": ["It burnt.", "Twice."]}},
        {"type": "choices", "from_name": "ok", "value": {"choices": ["yes"]}},
    ]
    assert take_in(tmp_path, annotation).rankings()[0]["rationale"] == "It burnt.\nTwice."


def test_an_annotation_without_a_ranking_is_noted_and_a_task_without_annotations_kept(tmp_path: Path) -> None:
    taken = take_in(tmp_path / "a", {**annotate(1, 7, {}), "result": []})
    assert taken.notes() == {"no_ranking": [1]} and not taken.rankings()
    assert take_in(tmp_path / "b").table("candidates").height == 3


def test_dialogues_and_system_prompts(tmp_path: Path) -> None:
    asked = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Go"},
    ]
    taken = take_in(tmp_path, prompt=asked, system_prompt="Be kind.", reference="unread")
    messages = [(message["role"], message["content"]) for message in taken.table("prompts")["messages"][0]]
    assert messages == [("system", "Be kind."), ("user", "Hi"), ("assistant", "Yes?"), ("user", "Go")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data": {"prompt": "x", "items": []}}, "no_items"),
        ({"data": {"prompt": "x", "items": [{"body": "no id"}]}}, "no_items"),
        ({"data": {"prompt": "x", "items": [{"id": 1, "body": "a"}, {"id": "1", "body": "b"}]}}, "repeated_key"),
        ({"data": {"prompt": "x", "items": [{"id": 1}]}}, "missing_column"),
        ({"data": {"a": "x", "b": "y", "items": [{"id": 1, "body": "a"}]}}, "no_prompt"),
        ({"annotations": [annotate(1, 7, {"rank": ["llm_9"]})]}, "unknown_candidate"),
        ({"annotations": [annotate(1, 7, {"rank": "llm_1"})]}, "wrong_type"),
        ({"annotations": [annotate(1, 7, ["llm_1"])]}, "wrong_type"),
        ({"annotations": [annotate(1, 7, {"rank": ["llm_1"]}, created_at="yesterday")]}, "wrong_type"),
        ({"annotations": [annotate(1, 7, {"rank": ["llm_1"]}, lead_time=-1)]}, "not_a_record"),
        ({"annotations": None}, "wrong_type"),
        ({"data": {**LABEL_STUDIO["data"], "image": "https://x.org/y.png"}}, "unsupported_modality"),
    ],
)  # fmt: skip
def test_a_bad_task_is_quarantined(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    taken = Taken(tmp_path, [{**LABEL_STUDIO, **change}, {**LABEL_STUDIO, "id": 4}], "label-studio")
    assert taken.reasons() == [reason] and taken.part.rows.kept == 1
