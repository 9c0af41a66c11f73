"""Five turns in a chain: each brings the ones before, unchanged."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.versions.parents import bring_parent, name_past_files, read_parent
from pipelines.versions.revisions import DataFile, RevisionError, read_revision
from schemas.tables import TABLES

CARRIED = {name for name, table in TABLES.items() if table.carried} | {"signatures"}


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_cold_start_has_an_empty_file_of_each_carried_table(tmp_path: Path) -> None:
    assert bring_parent(tmp_path, None, 1, tmp_path / "models", tmp_path / "past") == []
    assert {path.parent.name for path in tmp_path.glob("past/*/turn=000.parquet")} == CARRIED
    assert all(pl.read_parquet(path).height == 0 for path in tmp_path.glob("past/*/turn=000.parquet"))
    assert json.loads((tmp_path / "past/turns.json").read_text()) == []
    assert not (tmp_path / "models").exists()


def test_fifth_turn_has_all_turns_before(history: Path) -> None:
    past = sorted(path.name for path in history.glob("data/past/prompts/*"))
    assert past == [f"turn={number:03d}.parquet" for number in range(5)]
    texts = pl.read_parquet(history / "data/past/prompts/turn=003.parquet")["messages"].list.first().struct["content"]
    assert sorted(texts) == ["turn 3 row 0", "turn 3 row 1", "turn 3 row 2"]
    origins = sorted(path.name for path in history.glob("data/past/origins/*"))
    assert origins == ["turn=000.parquet", *(f"turn={number:03d}-prompts.parquet" for number in range(1, 5))]
    assert not (history / "data/past/dropped").exists()
    assert (history / "models/policy/model.safetensors").read_text() == (
        "cold, policy 1, policy 2, policy 3, policy 4, policy 5"
    )


def test_turns_json_names_the_models_of_earlier_turns(history: Path) -> None:
    turns = json.loads((history / "data/past/turns.json").read_text())
    assert [turn["turn"] for turn in turns] == [1, 2, 3, 4]
    assert turns[1] == {
        "turn": 2, "policy": md5("cold, policy 1, policy 2"), "reward_model": md5("cold, policy 1, reward_model 2")
    }  # fmt: skip


def test_files_of_earlier_turns_are_one_object_in_the_cache(history: Path, git: Callable[..., str]) -> None:
    listings = []
    for tag in ("turn-3", "turn-5"):
        lock = yaml.safe_load(git(history, "show", f"{tag}:dvc.lock"))
        oid = next(out["md5"] for out in lock["stages"]["start"]["outs"] if out["path"] == "data/past")
        listing = json.loads((history / ".dvc/cache/files/md5" / oid[:2] / oid[2:]).read_text())
        listings.append({entry["relpath"]: entry["md5"] for entry in listing if entry["relpath"] != "turns.json"})
    assert listings[0].items() < listings[1].items()


def test_parent_links_lead_back_to_the_first_turn(history: Path, git: Callable[..., str]) -> None:
    seen, revision = [], "turn-5"
    while revision is not None:
        turn = yaml.safe_load(git(history, "show", f"{revision}:params.yaml"))["turn"]
        seen.append(turn["number"])
        revision = turn["parent"]
    assert seen == [5, 4, 3, 2, 1]


def test_fork_goes_on_from_any_earlier_turn(history: Path, tmp_path: Path) -> None:
    turns = bring_parent(history, "turn-2", 6, tmp_path / "models", tmp_path / "past")
    assert [turn["turn"] for turn in turns] == [1, 2]
    assert (tmp_path / "models/policy/model.safetensors").read_text() == "cold, policy 1, policy 2"


def test_same_parent_gives_the_same_bytes(history: Path, tmp_path: Path) -> None:
    digests = []
    for place in ("a", "b"):
        bring_parent(history, "turn-5", 6, tmp_path / place / "models", tmp_path / place / "past")
        files = sorted(path for path in (tmp_path / place).rglob("*") if path.is_file())
        digests.append([(str(f.relative_to(tmp_path / place)), md5(f.read_bytes().hex())) for f in files])
    assert digests[0] == digests[1]


def test_only_what_is_brought_needs_to_be_there(history: Path, tmp_path: Path) -> None:
    revision = read_parent(history, "turn-5", 6)
    revision.cache.locate(revision.outs["models/start"].md5).unlink()
    bring_parent(history, "turn-5", 6, tmp_path / "models", tmp_path / "past")
    assert (tmp_path / "models/policy").is_dir() and any((tmp_path / "past").rglob("*.parquet"))


def test_experiment_forks_in_place_and_in_a_temporary_folder(
    history: Path, git: Callable[..., str], dvc: Callable[..., str]
) -> None:
    """The temporary folder is a repository of its own, without tags and without other branches' commits."""
    commit = git(history, "rev-parse", "turn-5^{commit}")
    git(history, "switch", "--quiet", "--create", "other", "--force", "turn-2")
    dvc(history, "exp", "run", "--temp", "--name", "fork", "-S", "turn.number=7", "-S", f"turn.parent={commit}")
    fork = read_revision(history, "fork")
    assert fork.locate("models/policy/model.safetensors").read_text().endswith("policy 5, policy 7")
    dvc(history, "exp", "run", "-S", "turn.number=4", "-S", "turn.parent=turn-2")
    assert (history / "models/policy/model.safetensors").read_text() == "cold, policy 1, policy 2, policy 4"


@pytest.mark.parametrize("number", [5, 4])
def test_parent_must_be_an_earlier_turn(history: Path, number: int) -> None:
    with pytest.raises(RevisionError, match=f"turn-5 is turn 5, so turn.number must be at least 6, not {number}"):
        read_parent(history, "turn-5", number)


@pytest.mark.parametrize("name", ["HEAD", "main", "HEAD~1"])
def test_parent_must_not_be_a_name_that_moves(history: Path, name: str, git: Callable[..., str]) -> None:
    with pytest.raises(RevisionError, match=git(history, "rev-parse", name)):
        read_parent(history, name, 9)


def test_past_files_of_a_turn_by_name() -> None:
    paths = (
        "data/past/prompts/turn=000.parquet", "data/past/prompts/turn=001.parquet",
        "data/past/samples/turn=001-policy.parquet", "data/past/turns.json", "data/prompts.parquet",
        "data/samples/policy.parquet", "data/dropped/prompts.parquet", "data/preferences.parquet", "models/x.parquet",
        "data/past/signatures/turn=000.parquet", "data/past/signatures/turn=001-prompts.parquet",
        "data/signatures/prompts.parquet",
    )  # fmt: skip
    named = name_past_files({path: DataFile(path, "0" * 32, None) for path in paths}, 2)
    assert {name: file.path for name, file in named.items()} == {
        "prompts/turn=001.parquet": "data/past/prompts/turn=001.parquet",
        "samples/turn=001-policy.parquet": "data/past/samples/turn=001-policy.parquet",
        "prompts/turn=002.parquet": "data/prompts.parquet",
        "samples/turn=002-policy.parquet": "data/samples/policy.parquet",
        "signatures/turn=001-prompts.parquet": "data/past/signatures/turn=001-prompts.parquet",
        "signatures/turn=002-prompts.parquet": "data/signatures/prompts.parquet",
    }
