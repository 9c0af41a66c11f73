"""Argilla's records keep ranks and ties in each of their layouts; those that lost them are refused."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from preference_examples import ARGILLA
from preference_files import Taken

from pipelines.ingest import ingest_file
from pipelines.sources.faults import IngestError

FIELDS = {"prompt": "Add 1 2", "response_1": "3", "response_2": "4", "response_3": "three"}


def rank(*places: int | None) -> list[dict[str, Any]]:
    """A ranking of the answers, as Argilla's API gives it."""
    return [{"value": f"response_{number}", "rank": place} for number, place in enumerate(places, start=1)]


def take_in(tmp_path: Path, question: str, value: Any, **more: Any) -> Taken:
    row = {"id": "r1", "fields": FIELDS, "responses": {question: [{"value": value, "user_id": "ann"}]}, **more}
    return Taken(tmp_path, [row], "argilla")


def spell(taken: Taken) -> list[Any]:
    return [
        (row["labeler_id"], taken.tiers(row), row["skip_reason"])
        for row in sorted(taken.rankings(), key=lambda row: row["labeler_id"])
    ]


def test_a_nested_record_by_hand(tmp_path: Path) -> None:
    taken = Taken(tmp_path, [ARGILLA], "argilla")
    assert spell(taken) == [
        ("argilla/ann", [({"3", "three"}, True), ({"4"}, False)], None),
        ("argilla/bob", [({"3"}, False), ({"4"}, False)], None),  # bob says nothing of the third
    ]
    assert taken.table("prompts")["messages"][0][0]["content"] == "Add 1 2"
    origins = taken.table("origins").filter(pl.col("table_name") == "rankings")
    assert sorted(origins["external_id"]) == ["r1/ranking/ann", "r1/ranking/bob"]
    assert any("suggestions" in loss for loss in taken.part.losses)


def test_a_flat_record_says_the_same_and_which_responses_count(tmp_path: Path) -> None:
    row = {
        "id": "r1", "_server_id": "s", "status": "completed", **FIELDS, "source": "metadata",
        "ranking.responses": [rank(1, 3, 1), rank(1, 2, 3), None, rank(2, 1, 3)],
        "ranking.responses.users": ["ann", "bob", "cid", "dan"],
        "ranking.responses.status": ["submitted", "draft", "discarded", None],
        "ranking.suggestion": None, "ranking.suggestion.score": None,
    }  # fmt: skip
    taken = Taken(tmp_path, [row], "argilla")
    assert spell(taken) == [
        ("argilla/ann", [({"3", "three"}, True), ({"4"}, False)], None),
        ("argilla/cid", [], "discarded"),
        ("argilla/dan", [({"4"}, False), ({"3"}, False), ({"three"}, False)], None),
    ]
    assert taken.notes() == {"draft_response": [1], "unread_field": [1]}


def test_the_apis_records_say_when(tmp_path: Path) -> None:
    responses = [
        {"id": "x", "user_id": "ann", "status": "submitted", "inserted_at": "2026-01-05T09:30:00",
         "updated_at": "2026-01-05T09:31:00", "values": {"ranking": {"value": rank(1, 2, None)}}},
        {"id": "y", "user_id": "bob", "status": "discarded", "inserted_at": "2026-01-05T09:32:00", "values": None},
    ]  # fmt: skip
    items = {"items": [{"id": "u", "external_id": "r1", "fields": FIELDS, "responses": responses}], "total": 1}
    taken = Taken(tmp_path, [items], "argilla")
    assert spell(taken) == [
        ("argilla/ann", [({"3"}, False), ({"4"}, False)], None), ("argilla/bob", [], "discarded")
    ]  # fmt: skip
    times = {row["labeler_id"]: row["created_at"] for row in taken.rankings()}
    assert times["argilla/ann"] == datetime(2026, 1, 5, 9, 31, tzinfo=UTC)
    assert taken.table("origins")["external_id"].str.starts_with("r1").all()


def test_all_layouts_are_told(tmp_path: Path) -> None:
    flat = {"id": "1", **FIELDS, "q.responses": [rank(1, 2, 3)], "q.responses.users": ["ann"]}
    api = {"id": "2", "fields": FIELDS, "responses": []}
    for name, content in (("flat", flat), ("api", api), ("page", {"items": [api], "total": 1}), ("nested", ARGILLA)):
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(content))
        assert ingest_file(tmp_path / name, file).part.format == "argilla"


@pytest.mark.parametrize("value", [["response_2", "response_1", "response_3"], ["response-1", "response-2"]])
def test_a_ranking_that_lost_its_ranks_is_refused_with_the_mend(tmp_path: Path, value: list[str]) -> None:
    """Argilla's SDK lists a ranking's options in the order of the settings, whatever their ranks."""
    with pytest.raises(IngestError, match=r"ranks_lost.*lost ranks and ties; export .*API"):
        take_in(tmp_path, "ranking", value)


def test_a_choice_is_best_only(tmp_path: Path) -> None:
    taken = take_in(tmp_path, "which", "response-2")
    assert spell(taken) == [("argilla/ann", [({"4"}, False), ({"3", "three"}, False)], None)]


def test_a_tie_is_a_tie(tmp_path: Path) -> None:
    assert spell(take_in(tmp_path, "which", "Tie")) == [("argilla/ann", [({"3", "4", "three"}, True)], None)]


def test_ratings_are_of_the_answer_that_the_question_names(tmp_path: Path) -> None:
    taken = take_in(tmp_path, "response_2-quality", 4)
    assert taken.table("ratings").select("aspect", "value", "min", "max").rows() == [
        ("response_2-quality", 4, None, None)
    ]
    assert taken.texts[taken.table("ratings")["candidate_id"][0]] == "4"
    alone = take_in(tmp_path, "quality", 4, fields={"prompt": "p", "response_1": "r"}, id="r2")
    assert alone.table("ratings").filter(pl.col("aspect") == "quality")["value"].to_list() == [4]


@pytest.mark.parametrize("value", [4, "some text", [], ["a", "b"], {"start": 1}, True])
def test_other_responses_are_noted(tmp_path: Path, value: Any) -> None:
    taken = take_in(tmp_path, "quality", value)
    assert taken.notes() == {"unread_response": [1]} and not taken.rankings()


def test_answers_are_told_by_the_names_that_a_ranking_uses(tmp_path: Path) -> None:
    ranking = [{"value": "Bold", "rank": 2}, {"value": "plain style", "rank": 1}]
    taken = take_in(
        tmp_path, "r", ranking, fields={"instruction": "Go", "input": "now", "bold": "!", "plain_style": "."}
    )
    assert spell(taken) == [("argilla/ann", [({"."}, False), ({"!"}, False)], None)]
    assert taken.table("prompts")["messages"][0][0]["content"] == "Go\n\nnow"


def test_dialogues_in_chat_fields(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    taken = take_in(tmp_path, "q", "response_1", fields={**FIELDS, "prompt": chat})
    assert [message["role"] for message in taken.table("prompts")["messages"][0]] == ["system", "user"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"fields": {"a": "x", "b": "y"}}, "no_prompt"),
        ({"fields": {"prompt": "x", "other": 3}}, "no_candidates"),
        ({"fields": ["x"]}, "wrong_type"),
        ({"fields": {**FIELDS, "prompt": []}}, "no_message"),
        ({"responses": {"r": [{"value": rank(1, 2, 3)}]}}, "missing_column"),
        ({"responses": {"r": [{"value": rank(None, None, None), "user_id": "a"}]}}, "ranks_lost"),
        ({"responses": {"r": [{"value": [{"value": "response_9", "rank": 1}], "user_id": "a"}]}}, "unknown_candidate"),
        ({"responses": {"r": [{"value": [{"value": "response_1", "rank": "x"}], "user_id": "a"}]}}, "wrong_type"),
        ({"responses": "x"}, "wrong_type"),
        ({"fields": {**FIELDS, "image": "https://x.org/y.png"}}, "unsupported_modality"),
    ],
)
def test_a_bad_record_is_quarantined(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    taken = Taken(tmp_path, [{**ARGILLA, **change}, {**ARGILLA, "id": "r9"}], "argilla")
    assert taken.reasons() == [reason] and taken.part.rows.kept == 1


def test_uneven_lists_of_a_flat_record_are_quarantined(tmp_path: Path) -> None:
    flat = {"id": "1", **FIELDS, "q.responses": [rank(1, 2, 3)], "q.responses.users": ["ann", "bob"]}
    assert Taken(tmp_path, [flat, ARGILLA], "argilla").reasons() == ["uneven_lists"]
