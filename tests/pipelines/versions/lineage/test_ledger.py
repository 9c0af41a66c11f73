"""The ledger of tests/judged.py counts as one counts by hand, and the rows of turn 1 are followed into turn 2."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.lineage.ledger import follow_rows, list_dropped, summarise_survival
from pipelines.versions.revisions import RevisionError


def test_counts_by_table_and_reason_with_what_only_a_rule_drops(judged_project: Path) -> None:
    counted = {(row["table_name"], row["reason"]): row for row in list_dropped(judged_project, "turn-1").to_json()}
    assert {key: row["rows"] for key, row in counted.items()} == {
        ("prompts", "near_duplicate"): 1, ("demonstrations", "near_duplicate"): 2, ("demonstrations", "url_share"): 1,
        ("rankings", "unreliable_labeler"): 1, ("candidates", "empty"): 1, ("candidates", "too_short"): 1,
        ("preferences", "tied_consensus"): 1,
    }  # fmt: skip
    assert counted["demonstrations", "url_share"]["only_by_it"] == 0  # d2 is a near-duplicate too
    assert counted["demonstrations", "near_duplicate"]["only_by_it"] == 1  # d3
    assert counted["candidates", "empty"]["of_rows"] == 7


def test_rows_of_one_table_and_reason(judged_project: Path) -> None:
    found = list_dropped(judged_project, table="demonstrations", reason="near_duplicate", rows=True).to_json()
    assert [(row["row_id"], row["matched_id"]) for row in found] == [("d2", "d1"), ("d3", "d1")]
    with pytest.raises(RevisionError):
        list_dropped(judged_project, "nowhere")


def test_rows_of_turn_1_in_turn_2(judged_project: Path) -> None:
    found = {
        (row["table_name"], row["was"], row["now"], row["reason"]): row["rows"]
        for row in follow_rows(judged_project, "turn-1", "turn-2").to_json()
    }
    assert found == {
        ("prompts", "kept", "kept", None): 2, ("prompts", "dropped", "dropped", "near_duplicate"): 1,
        ("demonstrations", "kept", "kept", None): 1, ("demonstrations", "dropped", "dropped", "near_duplicate"): 2,
        ("demonstrations", "dropped", "dropped", "url_share"): 1,
        ("candidates", "kept", "kept", None): 5, ("candidates", "dropped", "kept", None): 1,  # f2
        ("candidates", "dropped", "dropped", "empty"): 1,
        ("rankings", "kept", "kept", None): 4, ("rankings", "dropped", "dropped", "unreliable_labeler"): 1,
        ("preferences", "kept", "kept", None): 2, ("preferences", "kept", "flipped", None): 1,  # b1 and c1
    }  # fmt: skip


def test_the_summary_counts_each_row_once(judged_project: Path) -> None:
    """The demonstration with two reasons is one row of three; what was kept, flipped and came back is told apart."""
    found = follow_rows(judged_project, "turn-1", "turn-2")
    gone = [row for row in found.to_json() if row["table_name"] == "demonstrations" and row["now"] == "dropped"]
    assert (sum(row["rows"] for row in gone), {row["of_rows"] for row in gone}) == (3, {2})
    told = summarise_survival(found, "turn-1", "turn-2")
    assert "preferences: of 3 kept in turn-1, 2 are kept in turn-2, 1 flipped" in told
    assert "candidates: of 5 kept in turn-1, 5 are kept in turn-2, 1 came back" in told


def test_rows_that_a_turn_does_not_have(judged_project: Path) -> None:
    """Backwards: what came in turn 2 is not there in turn 1."""
    rows = follow_rows(judged_project, "turn-2", "turn-1", table="candidates", rows=True).to_json()
    assert {row["row_id"] for row in rows if row["now"] == "not there"} == {"a4", "b4"}
    assert [(row["row_id"], row["reason"]) for row in rows if row["row_id"] == "f2"] == [("f2", "too_short")]


def test_the_command_counts_lists_and_refuses(judged_project: Path, flywheel: Callable[..., Any]) -> None:
    done = flywheel(judged_project, "dropped", "--from", "turn-1", "--alive-in", "turn-2", "--json")
    assert len(json.loads(done.stdout)) == 12
    done = flywheel(judged_project, "dropped", "--at", "turn-1", "--table", "candidates", "--rows")
    assert [line.split()[1:3] for line in done.stdout.splitlines()[1:]] == [["e1", "empty"], ["f2", "too_short"]]
    for arguments in (
        ["--from", "turn-1"],
        ["--from", "turn-1", "--alive-in", "turn-2", "--at", "turn-1"],
        ["--without-labeler", "ann", "--table", "candidates"],
        ["--without-labeler", "ann", "--rows"],
    ):
        assert flywheel(judged_project, "dropped", *arguments).returncode == 2, arguments
    done = flywheel(judged_project, "dropped", "--without-labeler", "ann")
    assert (done.returncode, done.stderr.strip()) == (1, "flywheel: workspace has no stage curate_preferences")
