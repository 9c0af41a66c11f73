"""What nothing needs is planned and removed; what a tag needs never is, whatever the history looks like."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.cache import open_cache
from pipelines.versions.safety.collecting import CollectError, collect_unused
from pipelines.versions.safety.pushing import push_history
from pipelines.versions.safety.revisions import list_turn_revisions
from pipelines.versions.safety.stores import LocalStore
from pipelines.versions.safety.verifying import verify_history


def stored(root: Path) -> set[str]:
    return {oid.md5 for oid in LocalStore(open_cache(root)).list_objects()}


def put_object(root: Path, content: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    path = open_cache(root).locate(md5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def test_a_history_without_waste_has_an_empty_plan(forked_project: Path) -> None:
    assert collect_unused(forked_project).unused == ()


def test_the_plan_removes_nothing_and_yes_removes_what_it_said(forked: Path, flywheel: Callable[..., Any]) -> None:
    md5 = put_object(forked, b"nobody's")
    before = stored(forked)
    done = flywheel(forked, "gc")
    assert (done.returncode, stored(forked)) == (0, before)
    assert f"{md5}" in done.stdout
    assert "nothing was removed" in done.stdout
    assert flywheel(forked, "gc", "--plan", "--yes").returncode == 2
    plan = json.loads(flywheel(forked, "gc", "--plan", "--json").stdout)
    assert [(each["md5"], each["n_bytes"]) for each in plan["unused"]] == [(md5, 8)]
    assert flywheel(forked, "gc", "--yes").returncode == 0
    assert stored(forked) == before - {md5}
    assert verify_history(forked).problems == ()


def test_a_turn_that_lost_its_names_goes_and_the_plan_says_what_it_was(forked: Path, git: Callable[..., str]) -> None:
    """The fork's tag, branch and experiment are all that hold its objects."""
    fork = next(each.revision for each in list_turn_revisions(forked) if each.name == "turn-3-fork")
    own = fork.outs["data/prompts.parquet"].md5
    git(forked, "tag", "--delete", "turn-3-fork")
    assert own not in {each.md5 for each in collect_unused(forked).unused}  # the branch still needs it
    git(forked, "branch", "--quiet", "-D", "fork")
    assert own not in {each.md5 for each in collect_unused(forked).unused}  # the experiment still needs it
    subprocess.run([sys.executable, "-m", "dvc", "exp", "remove", "--quiet", "other"], cwd=forked, check=True)
    plan = collect_unused(forked, remove=True)
    assert {each.md5: each.was for each in plan.unused}[own].startswith("data/prompts.parquet at ")
    assert plan.run_files  # the runs that would bring it back go with it
    assert own not in stored(forked)
    assert verify_history(forked).problems == ()


def test_the_workspace_the_stash_and_untagged_parents_keep_what_they_need(
    forked: Path, git: Callable[..., str]
) -> None:
    md5s = [put_object(forked, name.encode()) for name in ("workspace", "stash")]
    tracked = "outs:\n- md5: {}\n  size: 9\n  hash: md5\n  path: file\n"
    (forked / "file.dvc").write_text(tracked.format(md5s[1]))
    git(forked, "add", "file.dvc")
    git(forked, "stash", "--quiet")
    (forked / "file.dvc").write_text(tracked.format(md5s[0]))
    first = put_object(forked, b"orphan")
    (forked / "orphan.dvc").write_text(tracked.format(first))
    git(forked, "add", "orphan.dvc")
    git(forked, "commit", "--quiet", "--message", "orphan", "--", "orphan.dvc")
    commit = git(forked, "rev-parse", "HEAD")
    git(forked, "reset", "--quiet", "--hard", "HEAD~1")
    (forked / "file.dvc").write_text(tracked.format(md5s[0]))
    assert {each.md5 for each in collect_unused(forked).unused} == {first}
    text = (forked / "params.yaml").read_text()
    parent = git(forked, "rev-parse", "turn-5^{commit}")
    assert parent in text
    (forked / "params.yaml").write_text(text.replace(parent, commit))
    assert collect_unused(forked).unused == ()


def test_a_listing_that_cannot_be_read_stops_everything(forked: Path) -> None:
    """DVC's own gc would take the files of such a directory for unused."""
    put_object(forked, b"nobody's")
    revision = list_turn_revisions(forked)[1].revision
    open_cache(forked).locate(revision.outs["data/past"].md5).unlink()
    before = stored(forked)
    with pytest.raises(CollectError, match=r"data/past .* is a directory whose listing is missing"):
        collect_unused(forked, remove=True)
    assert stored(forked) == before


def test_a_cache_outside_the_project_needs_its_other_users_named(forked: Path, tmp_path: Path) -> None:
    shutil.move(forked / ".dvc" / "cache", tmp_path / "cache")
    (forked / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {tmp_path / 'cache'}\n")
    other = shutil.copytree(forked, tmp_path / "other")
    mine, theirs = put_object(forked, b"mine"), put_object(other, b"theirs")
    (other / "file.dvc").write_text(f"outs:\n- md5: {theirs}\n  hash: md5\n  path: file\n")
    with pytest.raises(CollectError, match="--also DIR"):
        collect_unused(forked, remove=True)
    assert {each.md5 for each in collect_unused(forked, others=[other], remove=True).unused} == {mine}
    assert theirs in stored(forked)


def test_the_remote_is_cleared_only_when_named(forked: Path, remote: Any) -> None:
    push_history(forked, "store")
    needed = remote.list_md5s()
    md5 = put_object(forked, b"sent once")
    remote.put(md5)
    collect_unused(forked, remove=True)
    assert md5 in remote.list_md5s()
    plan = collect_unused(forked, "store", remove=True)
    assert [(each.where, each.md5) for each in plan.unused] == [("store", md5)]
    assert remote.list_md5s() == needed


def test_nothing_is_removed_while_dvc_is_at_work(forked: Path) -> None:
    import os

    put_object(forked, b"nobody's")
    held = {"write": {str(forked / "x"): {"pid": os.getpid(), "cmd": "dvc repro"}}, "read": {}}
    (forked / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))
    with pytest.raises(CollectError, match="DVC is at work"):
        collect_unused(forked, remove=True)


def make_history(root: Path, chance: random.Random, git: Callable[..., str]) -> None:
    """Commits at random that track random files and directories of a few shared contents; some tagged, some lost."""
    git(root, "init", "--quiet")
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (root / ".gitignore").write_text("/.dvc/cache\n/.dvc/tmp\n")
    git(root, "add", ".gitignore", ".dvc/config")
    git(root, "commit", "--quiet", "--message", "start")
    for number in range(chance.randint(3, 9)):
        if chance.random() < 0.25:
            git(root, "switch", "--quiet", "--create", f"branch-{number}")
        elif chance.random() < 0.3:
            branches = git(root, "branch", "--format=%(refname:short)").split()
            git(root, "switch", "--quiet", chance.choice([name for name in branches if "(" not in name]))
        stages: dict[str, Any] = {}
        for stage in range(chance.randint(1, 3)):
            content = str(chance.randrange(12)).encode()
            out: dict[str, Any] = {"path": f"out-{stage}", "hash": "md5", "md5": put_object(root, content)}
            if chance.random() < 0.4:
                inside = [put_object(root, str(chance.randrange(12)).encode()) for _ in range(3)]
                listing = [{"md5": md5, "relpath": f"f{place}"} for place, md5 in enumerate(inside)]
                out["md5"] = put_object(root, json.dumps(listing).encode(), ".dir")
            stages[f"stage-{stage}"] = {"cmd": "x", "outs": [out]}
        lock = {"schema": "2.0", "stages": stages}
        (root / "dvc.lock").write_text(json.dumps(lock))
        git(root, "add", "dvc.lock")
        git(root, "commit", "--quiet", "--allow-empty", "--message", f"commit {number}")
        if chance.random() < 0.4:
            git(root, "tag", f"turn-{number}" if chance.random() < 0.7 else f"named-{number}")
        if chance.random() < 0.2:
            git(root, "reset", "--quiet", "--hard", "HEAD~1")  # the commit is lost, unless it was tagged


@pytest.mark.parametrize("seed", range(12))
def test_no_tagged_object_ever_goes_over_random_histories(tmp_path: Path, git: Callable[..., str], seed: int) -> None:
    make_history(tmp_path, random.Random(seed), git)
    for number in range(30):
        put_object(tmp_path, f"waste {number}".encode()) if number % 10 == seed % 10 else None
    kept = _list_by_hand(tmp_path, git)
    collect_unused(tmp_path, remove=True)
    assert stored(tmp_path) == kept


def _list_by_hand(root: Path, git: Callable[..., str]) -> set[str]:
    """Objects of every tag and branch and of HEAD, read with git show and json alone."""
    kept: set[str] = set()
    refs = git(root, "for-each-ref", "--format=%(refname)", "refs/tags", "refs/heads").split()
    for ref in [*refs, "HEAD"]:
        if "dvc.lock" not in git(root, "ls-tree", "--name-only", ref).split():
            continue
        for stage in json.loads(git(root, "show", f"{ref}:dvc.lock"))["stages"].values():
            for out in stage["outs"]:
                kept.add(out["md5"])
                if out["md5"].endswith(".dir"):
                    folder = root / ".dvc" / "cache" / "files" / "md5"
                    listing = (folder / out["md5"][:2] / out["md5"][2:]).read_text()
                    kept |= {entry["md5"] for entry in json.loads(listing)}
    return kept
