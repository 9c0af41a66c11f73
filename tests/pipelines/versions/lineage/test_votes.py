"""What labelers' votes decide, worked out by the stage itself, over pairs whose votes one can count by hand."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from pipelines.store import write_parquet
from pipelines.versions.contents import read_contents
from pipelines.versions.lineage.votes import PastStage, leave_out
from schemas.errors import UserError
from schemas.ids import pair_id
from schemas.tables import TABLES, conform_frame, empty_frame

CHECKOUT = Path(__file__).parents[4]
LABELERS = ("ann", "bob", "cyd", "dan")
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


@pytest.fixture
def voted(tmp_path: Path) -> Path:
    """The workspace of a first turn, as far as curate_preferences reads it; all rules and checks are off."""
    root = tmp_path / "voted"
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
        rule["enabled"] = False
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    for name, table in TABLES.items():
        if table.carried:
            write_parquet(empty_frame(name), root / "data" / "past" / name / "turn=000.parquet")
    write(root, "prompts.parquet", "prompts", [
        {"prompt_id": name, "messages": message("user", f"please {name}"), "conversation_id": name} for name in VOTES
    ])  # fmt: skip
    write(root, "assignments.parquet", "assignments", [
        {"prompt_id": name, "cluster_id": name, "split": "train"} for name in VOTES
    ])  # fmt: skip
    write(root, "candidates/candidates.parquet", "candidates", [
        {"candidate_id": f"{name}-{side}", "prompt_id": name, "completion": message("assistant", f"{name} {side}")}
        for name in VOTES for side in (1, 2)
    ])  # fmt: skip
    write(root, "labelers.parquet", "labelers", [{"labeler_id": name, "kind": "person"} for name in LABELERS])
    rankings = []
    for name, votes in VOTES.items():
        for labeler, side in votes.items():
            order = [[f"{name}-1"], [f"{name}-2"]][::side]
            rankings.append({
                "ranking_id": f"{name}-{labeler}", "task_id": name, "labeler_id": labeler, "round": 1, "turn": 1,
                "prompt_id": name, "tiers": [{"candidate_ids": ids, "tied": False} for ids in order],
            })  # fmt: skip
    write(root, "rankings.parquet", "rankings", rankings)
    for path, table in (("ratings", "ratings"), ("samples/candidates", "samples"), ("dropped/prompts", "dropped")):
        write(root, f"{path}.parquet", table, [])
    return root


def pair(name: str) -> str:
    return pair_id(name, f"{name}-1", f"{name}-2")


def test_what_hangs_on_one_labeler(voted: Path) -> None:
    """With ann's vote alone a pair is gone; where she broke a tie there is none; where she made one, there is one."""
    found = leave_out(voted, ["ann"])
    changes = {each.pair_id: (each.change, each.reason) for each in found.changes}
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
    stage = PastStage(read_contents(voted, ["turn-1"])[0], frozenset(), tmp_path / "work")
    assert stage.dep("models/start/policy/tokenizer.json").read_text() == "{}"
    assert (stage.dep("models/start") / "policy" / "config.json").exists()


def test_a_labeler_who_ranked_nothing_is_refused(voted: Path, flywheel: Callable[..., Any]) -> None:
    with pytest.raises(UserError, match="zoe ranked nothing there; those who did: ann, bob, cyd, dan"):
        leave_out(voted, ["zoe"])
    done = flywheel(voted, "dropped", "--without-labeler", "ann", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["vanished"] == sum(each["change"] == "vanished" for each in told["changes"])
