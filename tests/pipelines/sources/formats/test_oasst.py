"""Trees become prompts with their history and ranked replies; nested and flat files say the same."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from converted_rows import convert, pick, tell, tell_notes, tell_tiers
from format_examples import OASST, make_node

from pipelines.ingest import ingest_file
from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.oasst import CONSENSUS, FORMAT, bind_file, recognise_row
from pipelines.sources.imports import read_imports
from schemas.records import Candidate, Labeler, Prompt, Ranking, Rating, Sample


def make_tree(*replies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"message_tree_id": "t", "prompt": make_node("t", "Add 1 2.", "prompter", replies=list(replies), **more)}


def reply(named: str, text: str, rank: int | None = None, **more: Any) -> dict[str, Any]:
    return make_node(named, text, "assistant", rank=rank, parent_id="t", **more)


def flatten(node: dict[str, Any], **tree: Any) -> list[dict[str, Any]]:
    rows = [{**{key: value for key, value in node.items() if key != "replies"}, **tree}]
    return rows + [row for child in node.get("replies", []) for row in flatten(child, **tree)]


def fault(value: dict[str, Any]) -> str:
    with pytest.raises(RowFaultError) as caught:
        convert(FORMAT, value)
    return caught.value.reason


def test_a_tree_by_hand() -> None:
    imported = convert(FORMAT, OASST)
    assert imported.key == "t" and recognise_row(OASST) and recognise_row(OASST["prompt"])
    assert [tell(prompt.messages) for prompt in pick(imported, Prompt)] == [
        [("user", "Add 1 2.")],
        [("user", "Add 1 2."), ("assistant", "3"), ("user", "Why?")],
    ]
    assert tell_tiers(imported) == [(["3"], False), (["4"], False)]
    assert [labeler.labeler_id for labeler in pick(imported, Labeler)] == ["oasst/consensus"]
    assert {part for part, _ in imported.records} == {"t", "a", "b", "c"} and not imported.notes


def test_a_root_message_with_its_replies_is_the_same_tree() -> None:
    assert convert(FORMAT, OASST["prompt"]).records == convert(FORMAT, OASST).records


def test_a_reply_without_a_rank_is_put_up_but_unjudged() -> None:
    imported = convert(FORMAT, make_tree(reply("a", "3", 0), reply("b", "4", 1), reply("c", "5")))
    (ranking,) = pick(imported, Ranking)
    assert tell_tiers(imported) == [(["3"], False), (["4"], False)] and len(ranking.candidate_ids) == 3
    assert tell_notes(imported) == ["unranked_reply"]


def test_equal_ranks_are_ties_and_no_ranks_no_ranking() -> None:
    tied = convert(FORMAT, make_tree(reply("a", "3", 0), reply("b", "4", 0), reply("c", "5", 1)))
    assert tell_tiers(tied) == [(["3", "4"], True), (["5"], False)]
    assert not pick(convert(FORMAT, make_tree(reply("a", "3"), reply("b", "4"))), Ranking)
    assert not pick(convert(FORMAT, make_tree(reply("a", "3", 0))), Ranking)


@pytest.mark.parametrize(
    ("state", "note"), [({"deleted": True}, "deleted_message"), ({"review_result": False}, "failed_review")]
)
def test_what_was_taken_back_is_left_out_with_all_that_follows(state: dict[str, bool], note: str) -> None:
    follow = make_node("d", "Why?", "prompter", replies=[make_node("e", "So.", "assistant")])
    gone = reply("c", "5", 0, replies=[follow]) | state
    imported = convert(FORMAT, make_tree(gone, reply("a", "3", 1), reply("b", "4", 2)))
    assert [one.completion[0].content for one in pick(imported, Candidate)] == ["3", "4"]
    assert len(pick(imported, Prompt)) == 1 and tell_notes(imported) == [note]
    assert tell_tiers(imported) == [(["3"], False), (["4"], False)]


def test_unreviewed_messages_are_kept_and_noted() -> None:
    imported = convert(FORMAT, make_tree(reply("a", "3", review_result=None)))
    assert len(pick(imported, Candidate)) == 1 and tell_notes(imported) == ["unreviewed_message"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (make_tree(deleted=True), "nothing_left"),
        ({**OASST, "tree_state": "aborted_low_grade"}, "tree_aborted"),
        ({**OASST, "prompt": "Hi"}, "wrong_type"),
        (make_tree(make_node("a", "3", "narrator")), "unknown_role"),
        (make_tree(reply("a", "3", review_result="yes")), "wrong_type"),
        (make_node("a", "3", "assistant", parent_id="t", replies=[]), "missing_parent"),
    ],
)
def test_trees_that_are_refused(value: dict[str, Any], reason: str) -> None:
    assert fault(value) == reason


def test_a_growing_tree_is_noted() -> None:
    assert tell_notes(convert(FORMAT, {**OASST, "tree_state": "growing"})) == ["tree_not_ready"]


def test_models_are_samples_and_labels_are_ratings() -> None:
    labels = {"quality": {"value": 0.75, "count": 3}, "spam": {"value": None, "count": 0}}
    one = reply("a", "3", synthetic=True, model_name="chip20b", labels=labels)
    columns = {"name": ["quality"], "value": [0.75], "count": [3]}
    for tree in (make_tree(one), make_tree({**one, "labels": columns})):
        imported = convert(FORMAT, tree)
        (rating,) = pick(imported, Rating)
        assert (rating.labeler_id, rating.aspect, rating.value) == (CONSENSUS.labeler_id, "quality", 0.75)
        assert [sample.policy for sample in pick(imported, Sample)] == ["chip20b"]


def test_events_say_who_ranked() -> None:
    """Best first: u1 puts b before a; u2 finds none worth ranking."""
    events = {
        "ranking": [
            {"type": "ranking", "user_id": "u1", "ranking": [1, 0], "ranked_message_ids": ["b", "a"]},
            {"type": "ranking", "user_id": "u2", "ranked_message_ids": ["a", "b"], "not_rankable": True},
        ],
        "emoji": [{"type": "emoji", "emoji": "+1"}],
    }
    imported = convert(FORMAT, make_tree(reply("a", "3", 0), reply("b", "4", 1), events=events))
    rankings = {ranking.labeler_id: ranking for ranking in pick(imported, Ranking)}
    assert tell_tiers(imported, rankings["oasst/u1"]) == [(["4"], False), (["3"], False)]
    assert (rankings["oasst/u2"].tiers, rankings["oasst/u2"].skip_reason) == ((), "not_rankable")
    assert tell_tiers(imported, rankings["oasst/consensus"]) == [(["3"], False), (["4"], False)]


def test_a_flat_file_in_any_order_says_what_the_tree_says(tmp_path: Path) -> None:
    rows = flatten(OASST["prompt"], message_tree_id="t", tree_state="ready_for_export")
    (tmp_path / "tree.jsonl").write_text(json.dumps(OASST))
    (tmp_path / "flat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    ingest_file(tmp_path / "a", tmp_path / "tree.jsonl")
    report = ingest_file(tmp_path / "b", tmp_path / "flat.jsonl")
    assert report.part.format == "oasst" and (report.part.rows.rows_in, report.part.rows.kept) == (4, 4)
    for table in ("prompts", "candidates", "rankings", "labelers"):
        assert read_imports(tmp_path / "a", table).equals(read_imports(tmp_path / "b", table)), table


def test_a_flat_file_in_parquet(tmp_path: Path) -> None:
    rows = flatten(OASST["prompt"])
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(tmp_path / "flat.parquet")
    report = ingest_file(tmp_path, tmp_path / "flat.parquet")
    assert report.guessed and report.part.tables["rankings"].rows == 1 and report.part.rows.kept == 4


def test_flat_messages_whose_thread_is_broken_are_refused() -> None:
    rows = flatten(OASST["prompt"])
    lost = [row for row in rows if row["message_id"] != "b"]
    converter = bind_file(Path(), lost)
    assert converter(lost[0]).key == "t"
    with pytest.raises(RowFaultError, match="missing_parent"):
        converter(lost[-1])
    ring = [{**rows[0], "parent_id": "a"}, rows[1]]
    with pytest.raises(RowFaultError, match="nested_too_deeply"):
        bind_file(Path(), ring)(ring[0])
    taken_back = [{**row, "deleted": row["message_id"] == "b"} for row in rows]
    for row in taken_back[2:]:
        with pytest.raises(RowFaultError, match="deleted_message"):
            bind_file(Path(), taken_back)(row)
    assert not pick(bind_file(Path(), taken_back)(taken_back[0]), Ranking)
