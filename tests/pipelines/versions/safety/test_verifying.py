"""History that is whole verifies; whatever is taken away or changed, here or on a remote, is named with its mend."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.versions.cache import open_cache
from pipelines.versions.safety.needs import list_needs
from pipelines.versions.safety.pushing import push_history
from pipelines.versions.safety.revisions import list_turn_revisions
from pipelines.versions.safety.stores import LocalStore, read_listings
from pipelines.versions.safety.verifying import Problem, describe_verified, verify_history

TURNS = ("turn-1", "turn-2", "turn-3", "turn-3-fork", "turn-4", "turn-5", "HEAD")


def objects(root: Path) -> dict[str, tuple[str, ...]]:
    """Files and directories that turns need, with the turns."""
    here = LocalStore(open_cache(root))
    needs = list_needs(list_turn_revisions(root), read_listings(here))
    return {oid.md5: tuple(dict.fromkeys(use.revision for use in uses)) for oid, uses in needs.uses.items()}


def break_some(root: Path, md5s: list[str], *, missing: int, corrupt: int) -> tuple[set[str], set[str]]:
    """Remove some objects of the cache and change a byte of others."""
    cache = open_cache(root)
    gone, changed = md5s[:missing], md5s[missing : missing + corrupt]
    for md5 in gone:
        cache.locate(md5).unlink()
    for md5 in changed:
        path = cache.locate(md5)
        content = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:] if content else b"x")
    return set(gone), set(changed)


def found(problems: tuple[Problem, ...], kind: str, where: str) -> set[str]:
    return {problem.md5 for problem in problems if (problem.kind, problem.where) == (kind, where)}


def test_five_chained_turns_and_a_fork_are_whole(forked_project: Path) -> None:
    verified = verify_history(forked_project)
    assert set(verified.revisions) == set(TURNS)
    assert verified.problems == ()
    assert verified.remote is None


def test_the_fork_goes_on_from_the_turn_it_names(forked_project: Path) -> None:
    """Turn 3 of the fork has the rows of turns 1 and 2 and its own four, and its models descend from turn 2's."""
    revisions = {each.name: each for each in list_turn_revisions(forked_project)}
    turns = json.loads(revisions["turn-3-fork"].revision.locate("data/past/turns.json").read_bytes())
    assert turns == json.loads(revisions["turn-3"].revision.locate("data/past/turns.json").read_bytes())
    weights = revisions["turn-3-fork"].revision.locate("models/policy/model.safetensors").read_text()
    assert weights == "cold, policy 1, policy 2, policy 3"
    assert pl.read_parquet(revisions["turn-3-fork"].revision.locate("data/prompts.parquet")).height == 4


@pytest.mark.parametrize("seed", range(3))
def test_every_object_missing_or_corrupt_here_is_found(forked: Path, seed: int) -> None:
    needed = objects(forked)
    files = sorted(md5 for md5 in needed if not md5.endswith(".dir"))
    random.Random(seed).shuffle(files)
    gone, changed = break_some(forked, files, missing=5, corrupt=5)
    problems = verify_history(forked).problems
    assert found(problems, "missing", "cache") == gone
    assert found(problems, "corrupt", "cache") == changed
    assert {problem.md5: set(problem.revisions) for problem in problems} == {
        md5: set(needed[md5]) for md5 in gone | changed
    }
    assert all(problem.path and problem.stage and "dvc repro --force" in problem.mend for problem in problems)


def test_a_directory_without_its_listing_is_found(forked: Path) -> None:
    [listing, other, *_] = sorted(md5 for md5 in objects(forked) if md5.endswith(".dir"))
    gone, changed = break_some(forked, [listing, other], missing=1, corrupt=1)
    problems = verify_history(forked).problems
    assert found(problems, "missing", "cache") == gone
    assert found(problems, "corrupt", "cache") == changed
    assert all("which files the directory has is not known" in problem.what for problem in problems)


def test_every_object_missing_or_corrupt_on_a_remote_is_found_and_sent_again(forked: Path, remote: Any) -> None:
    push_history(forked, "store")
    assert verify_history(forked, "store").problems == ()
    md5s = sorted(objects(forked))
    random.Random(0).shuffle(md5s)
    gone, changed = set(md5s[:6]), set(md5s[6:12])
    for md5 in gone:
        remote.remove(md5)
    for md5 in changed:
        remote.corrupt(md5)
    problems = verify_history(forked, "store").problems
    assert found(problems, "missing", "store") == gone
    assert found(problems, "corrupt", "store") == changed
    assert {problem.mend for problem in problems if problem.kind == "corrupt"} == {
        "flywheel push --remote store --deep"
    }
    pushed = push_history(forked, "store", deep=True)
    assert (pushed.n_sent, pushed.lacking) == (12, ())
    assert verify_history(forked, "store").problems == ()


def test_what_is_missing_or_corrupt_here_comes_back_from_the_remote(forked: Path, remote: Any) -> None:
    push_history(forked, "store")
    md5s = sorted(objects(forked))
    break_some(forked, random.Random(1).sample(md5s, 10), missing=5, corrupt=5)
    problems = verify_history(forked, "store").problems
    assert {problem.mend for problem in problems} == {"flywheel verify --fetch"}
    assert verify_history(forked, "store", fetch=True).problems == ()


def test_lost_here_and_there_the_stage_makes_it_again(
    forked: Path, dvc: Callable[..., str], git: Callable[..., str]
) -> None:
    revisions = {each.name: each for each in list_turn_revisions(forked)}
    lost = revisions["turn-2"].revision.outs["data/prompts.parquet"].md5
    break_some(forked, [lost], missing=1, corrupt=0)
    [problem] = verify_history(forked).problems
    shutil.rmtree(forked / ".dvc" / "cache" / "runs")  # a remembered run would be taken instead
    assert problem.mend.startswith("git switch --detach ")
    git(forked, "stash", "--quiet") if git(forked, "status", "--porcelain") else None
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        problem.mend, shell=True, cwd=forked, check=True, capture_output=True, env={**os.environ, "PATH": path}
    )
    git(forked, "switch", "--quiet", "main")
    assert verify_history(forked).problems == ()


def rewrite(root: Path, git: Callable[..., str], tag: str, change: Callable[[str], str], file: str) -> None:
    """Move a tag to a commit beside its own that has another text of a file."""
    git(root, "stash", "--quiet") if git(root, "status", "--porcelain") else None
    git(root, "switch", "--quiet", "--detach", tag)
    text = (root / file).read_text()
    assert change(text) != text
    (root / file).write_text(change(text))
    git(root, "commit", "--quiet", "--all", "--message", "rewritten")
    git(root, "tag", "--force", tag)
    git(root, "switch", "--quiet", "main")


def add_object(root: Path, content: bytes) -> str:
    import hashlib

    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    path = open_cache(root).locate(md5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def replace_in_directory(root: Path, tag: str, path: str, name: str, content: bytes) -> tuple[str, str]:
    """An object for a directory with another file in it; the directory's md5 before and after."""
    revision = next(each for each in list_turn_revisions(root) if each.name == tag).revision
    before = revision.outs[path].md5
    listing = json.loads(open_cache(root).locate(before).read_bytes())
    for entry in listing:
        if entry["relpath"] == name:
            entry["md5"] = add_object(root, content)
    text = json.dumps(listing, sort_keys=True).encode()
    md5 = add_object(root, text)
    target = open_cache(root).locate(f"{md5}.dir")
    open_cache(root).locate(md5).rename(target)
    return before, f"{md5}.dir"


def test_a_parent_that_is_not_the_turn_before_is_found(forked: Path, git: Callable[..., str]) -> None:
    second, third = (git(forked, "rev-parse", f"turn-{n}^{{commit}}") for n in (2, 3))
    rewrite(forked, git, "turn-4", lambda text: text.replace(third, second), "dvc.lock")
    whats = {
        (problem.path, problem.kind) for problem in verify_history(forked).problems if problem.revisions == ("turn-4",)
    }
    # its models are not those that turn 2 ended with, nor are its rows, and params.yaml names turn 3
    expected = {"params.yaml", "models/start/policy", "models/start/reward_model", "data/past/turns.json"}
    assert expected | {"data/past/prompts/turn=003.parquet"} <= {path for path, _ in whats}
    assert {kind for _, kind in whats} == {"link"}


def test_a_parent_that_git_does_not_have_is_found(forked: Path, git: Callable[..., str]) -> None:
    third = git(forked, "rev-parse", "turn-3^{commit}")
    rewrite(forked, git, "turn-4", lambda text: text.replace(third, "dead" * 10), "dvc.lock")
    problems = {each.revisions: each.what for each in verify_history(forked).problems if each.path == "turn.parent"}
    assert "no such commit" in problems["turn-4",]
    assert "which no turn's tag names" in problems["turn-5",]  # the tag has moved away from its parent


def test_a_parent_that_lost_its_tag_is_found(forked: Path, git: Callable[..., str]) -> None:
    third = git(forked, "rev-parse", "turn-3^{commit}")
    git(forked, "tag", "--delete", "turn-3")
    problems = verify_history(forked).problems
    assert {(each.revisions, each.mend) for each in problems} == {(("turn-4",), f"git tag turn-3 {third[:10]}")}


def test_a_model_that_starts_the_turn_and_is_not_the_parents_is_found(forked: Path, git: Callable[..., str]) -> None:
    swap = replace_in_directory(forked, "turn-5", "models/start", "policy/model.safetensors", b"another")
    rewrite(forked, git, "turn-5", lambda text: text.replace(*swap), "dvc.lock")
    problems = verify_history(forked).problems
    assert ("link", "models/start/policy") in {(each.kind, each.path) for each in problems}
    # the model that was trained from it names its parent by md5
    assert ("lineage", "models/policy") in {(each.kind, each.path) for each in problems}


def test_a_model_trained_on_other_rows_than_it_says_is_found(forked: Path, git: Callable[..., str]) -> None:
    revision = next(each for each in list_turn_revisions(forked) if each.name == "turn-5").revision
    rows = pl.read_parquet(revision.locate("data/training_rows/policy.parquet"))
    rows[1:].write_parquet(forked / "fewer.parquet")
    before = revision.outs["data/training_rows/policy.parquet"].md5
    after = add_object(forked, (forked / "fewer.parquet").read_bytes())
    rewrite(forked, git, "turn-5", lambda text: text.replace(before, after), "dvc.lock")
    problems = verify_history(forked).problems
    assert [each.kind for each in problems] == ["lineage"]
    assert "rows, of another digest than the" in problems[0].what


def test_the_command_exits_with_1_and_names_what_is_wrong(forked: Path, flywheel: Callable[..., Any]) -> None:
    done = flywheel(forked, "verify")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all is there, and whole")
    lost = next(each for each in list_turn_revisions(forked) if each.name == "turn-2")
    md5 = lost.revision.outs["data/prompts.parquet"].md5
    break_some(forked, [md5], missing=1, corrupt=0)
    done = flywheel(forked, "verify", "--json")
    [problem] = json.loads(done.stdout)["problems"]
    assert done.returncode == 1  # later turns have it as data/past/prompts/turn=002.parquet
    assert (problem["revisions"], problem["stage"], problem["path"], problem["md5"]) == (
        ["turn-2", "turn-3", "turn-3-fork", "turn-4", "turn-5", "HEAD"], "prompts", "data/prompts.parquet", md5
    )  # fmt: skip
    done = flywheel(forked, "verify", "--remote", "nowhere")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


def test_a_clone_without_objects_is_told_in_a_line_for_each_set_of_turns(forked: Path) -> None:
    shutil.rmtree(forked / ".dvc/cache/files")
    alone = verify_history(forked)
    told = describe_verified(alone)
    commands = [line.partition("; mend: ")[2] for line in told if line.startswith("missing in cache: ")]
    again = [
        re.fullmatch(r"git switch --detach turn-\d(?:-fork)? && dvc repro --force ([a-z_ ]+)", c) for c in commands
    ]
    assert all(again) and len(again) == len({each.revisions for each in alone.problems}) < len(alone.problems)
    stages = {stage for each in again if each for stage in each[1].split()}
    assert stages == {each.stage for each in alone.problems}
    assert "`dvc remote add --local -d NAME URL`, then `flywheel verify --fetch`" in told[-2]
    assert told[-1] == f"{len(alone.problems):,} problems, --json has each"
