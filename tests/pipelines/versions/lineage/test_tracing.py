"""Rows of tests/judged.py, whose two turns one can follow by hand, tell where they came from and where they went."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.lineage.finding import TraceError, find_target
from pipelines.versions.lineage.nodes import Node, describe_story
from pipelines.versions.lineage.shelves import open_shelves
from pipelines.versions.lineage.tracing import trace
from schemas.ids import pair_id

PAIR = pair_id("p1", "b1", "c1")


def branches(nodes: Any, what: str) -> list[Node]:
    """Nodes of a kind, at any depth."""
    found = [node for node in nodes if node.what == what]
    return found + [inner for node in nodes for inner in branches(node.branches, what)]


def life(story: Any) -> dict[str, str]:
    [turns] = branches(story.went_to, "turns")
    return {node.what: node.facts["how"] for node in turns.branches}


def test_a_preference_names_its_prompt_sides_policies_and_voters(judged_project: Path) -> None:
    """c1 beats b1 in turn 2 by dan and eve against ann; in turn 1, by ann alone, it was the other way round."""
    story = trace(judged_project, PAIR)
    assert [(node.what, node.id) for node in story.came_from[:3]] == [
        ("prompt", "p1"), ("chosen", "c1"), ("rejected", "b1")
    ]  # fmt: skip
    votes = branches(story.came_from, "ranking")
    assert {(node.id, node.facts["labeler"], node.facts["kind"], node.facts["says"]) for node in votes} == {
        ("r1", "ann", "person", "for rejected"), ("r8", "dan", "llm", "for chosen"), ("r9", "eve", "llm", "for chosen")
    }  # fmt: skip
    assert {node.id for node in branches(story.came_from, "policy")} == {"base", "tuned"}
    [turned] = branches(story.went_to, "the other way round")
    assert turned.facts == {"chosen": "b1", "in": ["turn-1"]}
    assert [node.id for node in branches(story.went_to, "trained")] == ["rm1", "rm2"]
    assert life(story) == {"turn-1": "kept", "turn-2": "kept", "workspace": "kept"}


def test_a_dropped_row_says_by_which_rules_and_what_it_matched(judged_project: Path) -> None:
    story = trace(judged_project, "d2")
    assert life(story) == {"turn-1": "dropped", "turn-2": "dropped", "workspace": "dropped"}
    [turns] = branches(story.went_to, "turns")
    first, second = turns.branches[0].branches
    assert (first.what, first.facts["value"], first.facts["threshold"]) == ("near_duplicate", 0.9, 0.8)
    assert [(node.id, node.facts["text"]) for node in first.branches] == [("d1", "answer d1")]
    assert second.what == "url_share"
    assert [node.facts["external_id"] for node in branches(story.came_from[:1], "source wiki")] == ["wiki-d2"]


def test_a_row_that_came_back_and_one_that_came_later(judged_project: Path) -> None:
    assert life(trace(judged_project, "f2")) == {"turn-1": "dropped", "turn-2": "kept", "workspace": "kept"}
    assert life(trace(judged_project, "a4")) == {"turn-1": "not there", "turn-2": "kept", "workspace": "kept"}


def test_a_candidate_names_its_samples_scores_and_sides(judged_project: Path) -> None:
    story = trace(judged_project, "b1")
    assert [(node.id, node.facts["sample_index"]) for node in story.came_from if node.what == "policy"] == [
        ("base", 0), ("tuned", 0), ("tuned", 1)
    ]  # fmt: skip
    [pair] = branches(story.went_to, "preference")
    assert (pair.facts["chosen_in"], pair.facts["rejected_in"]) == (["turn-1"], ["turn-2", "workspace"])
    scores = branches(story.went_to, "scored")
    assert {(node.id, node.facts["score"]) for node in scores} == {("rm1", 0.5), ("rm2", 0.2)}


def test_a_prompt_and_a_ranking_lead_to_what_came_of_them(judged_project: Path) -> None:
    story = trace(judged_project, "p1")
    assert {node.id for node in branches(story.went_to, "candidate")} == {"a1", "b1", "c1", "e1"}
    assert {node.id for node in branches(story.went_to, "preference")} == {PAIR, pair_id("p1", "a1", "c1")}
    assert branches(story.went_to, "split")[0].facts["split"] == "train"
    bad = trace(judged_project, "r5")
    assert bad.subject.facts["order"] == "c1 > a1"
    assert bad.came_from[0].facts["labeler"] == "cyd"
    assert set(life(bad).values()) == {"dropped"}


def test_a_pair_that_never_became_a_preference_says_why(judged_project: Path) -> None:
    story = trace(judged_project, pair_id("p1", "a1", "b1"))
    [turns] = branches(story.went_to, "turns")
    assert {node.branches[0].what for node in turns.branches} == {"tied_consensus"}


def test_a_model_names_its_rows_and_the_labelers_behind_them(judged_project: Path) -> None:
    story = trace(judged_project, "sft2")
    rows = {(node.facts["source"], node.facts["licence"]): node.facts["count"] for node in story.came_from}
    assert rows == {("wiki", "CC-BY-4.0"): 1, ("chats", "private"): 1}  # d1 and d4
    labelers = {
        node.facts["is"]: node.facts["kind"] for node in branches(trace(judged_project, "rm1").came_from, "labeler")
    }
    assert labelers == {"ann": "person", "bob": "person", "cyd": "person"}


def test_a_model_is_found_by_its_folder_its_md5_and_digits_of_it(judged_project: Path) -> None:
    folder = judged_project / "models" / "policy"
    story = trace(judged_project, str(folder))
    md5 = story.subject.id
    assert len(md5) == 32
    assert story.subject.facts["is"] == "models/policy of turn-2"
    assert trace(judged_project, md5[:8]).subject.id == md5
    assert ("lies in", "models/policy") in {(node.what, node.facts.get("is")) for node in story.went_to}
    with pytest.raises(TraceError, match=r"no model\.safetensors"):
        trace(judged_project, str(judged_project / "prepared"))


def test_the_first_digits_of_an_id_are_enough_unless_several_start_so(judged_project: Path) -> None:
    shelves = open_shelves(judged_project)
    assert find_target(shelves, PAIR[:6]).id == PAIR
    assert find_target(shelves, PAIR.upper()).id == PAIR
    with pytest.raises(TraceError, match="too short"):
        find_target(shelves, PAIR[:5])
    with pytest.raises(TraceError, match="no prompt, demonstration"):
        find_target(shelves, "0" * 32)


def test_an_ambiguous_prefix_is_named_in_one_line(judged: Path, flywheel: Callable[..., Any]) -> None:
    import polars as pl

    path = judged / "data" / "preferences" / "rows.parquet"
    rows = pl.read_parquet(path)
    twin = rows.filter(pl.col("pair_id") == PAIR).with_columns(pair_id=pl.lit(PAIR[:8] + "f" * 24))
    path.unlink()
    pl.concat([rows, twin]).sort("pair_id").write_parquet(path)
    done = flywheel(judged, "trace", PAIR[:8])
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert PAIR in line
    assert "several ids start like this" in line


def test_turns_that_are_not_here_are_named_and_the_rest_is_told(judged: Path, flywheel: Callable[..., Any]) -> None:
    from pipelines.versions.revisions import read_revision

    revision = read_revision(judged, "turn-1")
    revision.locate("data/preferences/rows.parquet").unlink()
    done = flywheel(judged, "trace", PAIR, "--json")
    assert done.returncode == 0
    assert "turn-1: preferences not looked at" in done.stderr
    told = json.loads(done.stdout)
    assert told["id"] == PAIR
    assert told["came_from"][1]["id"] == "c1"


def test_the_tree_is_drawn_without_what_a_terminal_would_obey() -> None:
    from pipelines.versions.lineage.nodes import Story

    story = Story(Node("candidate", "a1", {"text": "red\x1b[31m\nblue" + "x" * 90}), [Node("policy", "base")], [])
    first, *rest = describe_story(story)
    assert "\x1b" not in first
    assert first.endswith('…"')
    assert rest == ["├─ came from", "│  └─ policy base", "└─ went to"]
