"""What labelers' votes decide, worked out by the stage itself, over pairs whose votes one can count by hand."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from curation.preferences import curate_preferences
from curation.views import read_view
from pipelines.curate_preferences import read_inputs
from pipelines.store import write_parquet
from pipelines.versions.contents import read_contents, read_workspace
from pipelines.versions.lineage.past_stage import PastStage
from pipelines.versions.lineage.votes import leave_out
from schemas.errors import UserError
from schemas.ids import pair_id
from schemas.tables import TABLES, conform_frame, empty_frame

CHECKOUT = Path(__file__).parents[4]
# prompt: for each labeler who judged it, 1 where the first candidate is better and -1 where the second is
VOTES = {
    "alone": {"ann": 1},
    "decides": {"ann": 1, "bob": 1, "cyd": -1},
    "blocks": {"ann": 1, "bob": -1},
    "turns": {"ann": 1, "bob": 1, "cyd": -1, "dan": -1},
    "agrees": {"ann": 1, "bob": 1, "cyd": 1},
    "elsewhere": {"bob": 1, "cyd": 1},
}


def message(role: str, text: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": text, "name": None, "tool_calls": None, "tool_call_id": None}]


def write(root: Path, path: str, table: str, rows: Sequence[dict[str, Any]]) -> None:
    full = [{column: row.get(column) for column in TABLES[table].columns} for row in rows]
    frame = pl.DataFrame(full, schema=dict(TABLES[table].columns)) if rows else empty_frame(table)
    write_parquet(conform_frame(table, frame), root / "data" / path)


Votes = Sequence[tuple[str, str, list[dict[str, Any]]]]


def make_project(root: Path, candidates: dict[str, list[str]], votes: Votes, *, rules: bool) -> Path:
    """The workspace of a first turn, as far as curate_preferences reads it; checks that read texts are off.

    Args:
        candidates: by prompt. votes: prompt, labeler, tiers. rules: whether the rules on labelers and pairs are on.
    """
    (root / ".dvc").mkdir(parents=True)
    for name in ("dvc.yaml", "versions.yaml"):
        shutil.copy(CHECKOUT / name, root / name)
    params = yaml.safe_load((CHECKOUT / "params.yaml").read_text())
    curated = params["curate_preferences"]
    for rule in curated["candidate_rules"].values():
        if isinstance(rule, dict) and "enabled" in rule:
            rule["enabled"] = False
    for check in curated["audit"]["checks"].values():
        check["enabled"] = False
    for rule in curated["rules"].values():
        rule["enabled"] = rules
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    for name, table in TABLES.items():
        if table.carried:
            write_parquet(empty_frame(name), root / "data" / "past" / name / "turn=000.parquet")
    write(root, "prompts.parquet", "prompts", [
        {"prompt_id": name, "messages": message("user", f"please {name}"), "conversation_id": name}
        for name in candidates
    ])  # fmt: skip
    write(root, "assignments.parquet", "assignments", [
        {"prompt_id": name, "cluster_id": name, "split": "train"} for name in candidates
    ])  # fmt: skip
    write(root, "candidates/candidates.parquet", "candidates", [
        {"candidate_id": each, "prompt_id": name, "completion": message("assistant", f"about {each}")}
        for name, some in candidates.items() for each in some
    ])  # fmt: skip
    labelers = sorted({labeler for _, labeler, _ in votes})
    write(root, "labelers.parquet", "labelers", [{"labeler_id": name, "kind": "person"} for name in labelers])
    write(root, "rankings.parquet", "rankings", [
        {"ranking_id": f"{name}-{labeler}", "task_id": name, "labeler_id": labeler, "round": 1, "turn": 1,
         "prompt_id": name, "tiers": tiers}
        for name, labeler, tiers in votes
    ])  # fmt: skip
    for path, table in (("ratings", "ratings"), ("samples/candidates", "samples"), ("dropped/prompts", "dropped")):
        write(root, f"{path}.parquet", table, [])
    return root


@pytest.fixture
def voted(tmp_path: Path) -> Path:
    """The pairs of VOTES; no rule is on."""
    votes = []
    for name, sides in VOTES.items():
        for labeler, side in sides.items():
            order = [f"{name}-1", f"{name}-2"][::side]
            votes.append((name, labeler, [{"candidate_ids": [each], "tied": False} for each in order]))
    candidates = {name: [f"{name}-1", f"{name}-2"] for name in VOTES}
    return make_project(tmp_path / "voted", candidates, votes, rules=False)


@pytest.fixture
def ranked(tmp_path: Path) -> Path:
    """Four answers to each of 120 prompts, ranked with ties by 3 of 6 labelers: five of them good, one who guesses."""
    draw = random.Random(5)
    candidates = {f"p{n:03d}": [f"p{n:03d}-{letter}" for letter in "abcd"] for n in range(120)}
    errors = {"ann": 0.4, "bob": 0.6, "cyd": 0.8, "dan": 1.0, "eve": 1.2, "guesses": 50.0}
    votes = []
    for name, some in candidates.items():
        for labeler in draw.sample(sorted(errors), 3):
            seen = sorted((round(place + draw.gauss(0, errors[labeler])), each) for place, each in enumerate(some))
            tiers = [[each for _, each in group] for _, group in groupby(seen, key=lambda pair: pair[0])]
            votes.append((name, labeler, [{"candidate_ids": tier, "tied": len(tier) > 1} for tier in tiers]))
    return make_project(tmp_path / "ranked", candidates, votes, rules=True)


def pair(name: str) -> str:
    return pair_id(name, f"{name}-1", f"{name}-2")


def test_what_hangs_on_one_labeler(voted: Path) -> None:
    """With ann's vote alone a pair is gone; where she broke a tie there is none; where she made one, there is one."""
    found = leave_out(voted, ["ann"])
    changes = {each.pair_id: (each.change, each.reason) for each in found.changes if each.change != "reweighted"}
    assert changes[pair("alone")] == ("vanished", "no_votes_left")
    assert changes[pair("decides")][0] == "vanished"
    assert changes[pair("blocks")] == ("appeared", None)
    assert pair("agrees") not in changes
    assert pair("elsewhere") not in changes
    assert found.n_rankings == sum("ann" in votes for votes in VOTES.values())
    assert found.n_after == found.n_before - found.count("vanished") + found.count("appeared")


def test_what_flips_without_two(voted: Path) -> None:
    found = leave_out(voted, ["ann", "bob"])
    changes = {each.pair_id: each for each in found.changes}
    assert changes[pair("decides")].change == "flipped"
    assert (changes[pair("decides")].votes, changes[pair("decides")].votes_without) == ("2:1:0", "1:0:0")


def read_weights(root: Path, work: Path) -> dict[str, tuple[str, float]]:
    """Chosen side and weight of each preference that the stage makes of the files as they are."""
    inputs = read_inputs(PastStage(read_workspace(root), work))
    curated = curate_preferences(**inputs)
    tables = {name: inputs[name] for name in ("rankings", "prompts", "candidates", "assignments")}
    tables |= {"preferences": curated.preferences, "labeler_stats": curated.labeler_stats}
    pairs = read_view("preference_pairs", {**tables, "dropped": curated.dropped, "pair_findings": curated.findings})
    return {pair: (chosen, weight) for pair, chosen, weight in pairs["pair_id", "chosen_id", "weight"].iter_rows()}


@pytest.mark.parametrize(
    ("labeler", "kinds"), [("ann", {"flipped", "vanished", "appeared", "reweighted"}), ("guesses", {"reweighted"})]
)
def test_what_is_said_is_what_curating_without_them_gives(
    ranked: Path, tmp_path: Path, labeler: str, kinds: set[str]
) -> None:
    """The same as with the labeler's rows taken out of the file, pair by pair, to the weights."""
    said = leave_out(ranked, [labeler])
    before = read_weights(ranked, tmp_path / "work")
    rankings = pl.read_parquet(ranked / "data" / "rankings.parquet")
    write_parquet(rankings.filter(pl.col("labeler_id") != labeler), ranked / "data" / "rankings.parquet")
    after = read_weights(ranked, tmp_path / "work")
    expected = {}
    for judged in {*before, *after}:
        (chosen, weight), (then, weight_then) = (each.get(judged, (None, None)) for each in (before, after))
        if None not in (chosen, then) and chosen == then and weight == pytest.approx(weight_then, abs=1e-9):
            continue
        change = "appeared" if chosen is None else "vanished" if then is None else "flipped"
        expected[judged] = ("reweighted" if chosen == then else change, weight, weight_then)
    assert {each.pair_id: (each.change, each.weight, each.weight_without) for each in said.changes} == expected
    assert (said.n_before, said.n_after) == (len(before), len(after))
    assert {each.change for each in said.changes} == kinds
    assert said.to_json()["unchanged"] == len(before) - sum(each.change != "appeared" for each in said.changes)


def keep(root: Path, content: bytes, suffix: str = "") -> str:
    """Put an object into the cache."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    path = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def keep_folder(root: Path, folder: Path) -> str:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    listing = [{"md5": keep(root, path.read_bytes()), "relpath": str(path.relative_to(folder))} for path in files]
    return keep(root, json.dumps(listing).encode(), ".dir")


def test_a_turn_of_the_past_is_read_from_the_cache(voted: Path, git: Callable[..., str], tmp_path: Path) -> None:
    expected = leave_out(voted, ["ann"])
    assert leave_out(voted, ["ann"], "workspace") == expected
    for name in ("tokenizer.json", "config.json"):
        (voted / "models" / "start" / "policy").mkdir(parents=True, exist_ok=True)
        (voted / "models" / "start" / "policy" / name).write_text("{}")
    outs = [
        {"path": path, "hash": "md5", "md5": keep_folder(voted, voted / path)} for path in ("data/past", "models/start")
    ]
    outs += [
        {"path": str(path.relative_to(voted)), "hash": "md5", "md5": keep(voted, path.read_bytes())}
        for path in sorted((voted / "data").rglob("*.parquet"))
        if "past" not in path.parts
    ]
    stages = {"all": {"cmd": "x", "params": {"params.yaml": {"turn.number": 1, "turn.parent": None}}, "outs": outs}}
    (voted / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))
    git(voted, "init", "--quiet")
    git(voted, "add", "dvc.lock", "dvc.yaml", "params.yaml", "versions.yaml")
    git(voted, "commit", "--quiet", "--message", "turn 1")
    git(voted, "tag", "turn-1")
    shutil.rmtree(voted / "data")
    shutil.rmtree(voted / "models")
    assert leave_out(voted, ["ann"], "turn-1").changes == expected.changes
    stage = PastStage(read_contents(voted, ["turn-1"])[0], tmp_path / "work")
    assert stage.dep("models/start/policy/tokenizer.json").read_text() == "{}"
    assert (stage.dep("models/start") / "policy" / "config.json").exists()


def test_a_labeler_who_ranked_nothing_is_refused(voted: Path, flywheel: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="zoe ranked nothing there; those who did: ann, bob, cyd, dan"):
        leave_out(voted, ["zoe"])
    done = flywheel(voted, "dropped", "--without-labeler", "ann", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["vanished"] == sum(each["change"] == "vanished" for each in told["changes"])
