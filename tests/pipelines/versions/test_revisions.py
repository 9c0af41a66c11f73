"""Any revision is read from git and the cache; what is not there is fetched, or named with what gets it."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.versions.cache import copy_object, open_cache
from pipelines.versions.revisions import RevisionError, materialise, read_revision, read_revisions

WEIGHTS = "models/policy/model.safetensors"


def object_of(root: Path, revision: str, path: str) -> Path:
    found = read_revision(root, revision)
    return found.cache.locate(found.files[path].md5)


def test_revisions_by_tag_commit_branch_and_ancestor(history: Path, git: Callable[..., str]) -> None:
    commit = git(history, "rev-parse", "turn-4^{commit}")
    names = ["turn-4", commit, commit[:9], "HEAD~1", "turn-5^"]
    assert [revision.commit for revision in read_revisions(history, names)] == [commit] * 5
    assert read_revision(history, "main").turn == 5


def test_revision_has_files_inside_directories(history: Path) -> None:
    revision = read_revision(history, "turn-2")
    assert revision.turn == 2
    assert {WEIGHTS, "data/prompts.parquet", "data/past/prompts/turn=001.parquet"} <= set(revision.files)
    assert revision.locate(WEIGHTS).read_text() == "cold, policy 1, policy 2"
    assert revision.read_text("metrics/turn.json").startswith('{"turn": 2')
    assert revision.params["prompts"] == {"n": 3, "note": "on"}


def test_parsed_lock_is_kept_and_read_again(history: Path) -> None:
    shutil.rmtree(history / ".flywheel", ignore_errors=True)
    first = read_revision(history, "turn-2").lock
    [kept] = (history / ".flywheel/locks").glob("*.json")
    assert read_revision(history, "turn-2").lock == first
    kept.write_text("half a fi")
    assert read_revision(history, "turn-2").lock == first


def test_five_revisions_take_milliseconds(history: Path) -> None:
    names = [f"turn-{number}" for number in range(1, 6)]
    read_revisions(history, names)
    started = time.perf_counter()
    assert all(WEIGHTS in revision.files for revision in read_revisions(history, names))
    assert time.perf_counter() - started < 0.2  # 10 ms on a quiet machine


def test_project_in_a_folder_of_its_repository(project: Path, git: Callable[..., str], tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(project, outer / "below", ignore=shutil.ignore_patterns(".git"))
    git(outer, "init", "--quiet")
    git(outer, "add", "--all")
    git(outer, "commit", "--quiet", "--message", "all")
    assert read_revision(outer / "below", "HEAD").locate(WEIGHTS).read_text() == "cold, policy 1"


def test_copies_are_writable_and_not_linked_to_the_cache(history: Path, tmp_path: Path) -> None:
    files = materialise(read_revision(history, "turn-3"), "models/policy", tmp_path / "copy")
    assert set(files) == {"model.safetensors", "config.json"}
    copied, kept = tmp_path / "copy/model.safetensors", object_of(history, "turn-3", WEIGHTS)
    with copied.open("a") as file:
        file.write("more")
    assert kept.read_text() == "cold, policy 1, policy 2, policy 3"
    assert copied.stat().st_ino != kept.stat().st_ino
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["config.json", "model.safetensors"]


def test_single_file_and_a_file_inside_a_directory(history: Path, tmp_path: Path) -> None:
    revision = read_revision(history, "turn-3")
    assert list(materialise(revision, "data/prompts.parquet", tmp_path / "p")) == ["p"]
    materialise(revision, WEIGHTS, tmp_path / "w")
    assert (tmp_path / "w").read_text() == "cold, policy 1, policy 2, policy 3"


@pytest.mark.parametrize("path", ["models/none", "models/pol", ""])
def test_unknown_path_is_named(history: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(RevisionError, match=rf"turn-3 \(\w+\) has no {path}.* in its dvc.lock"):
        materialise(read_revision(history, "turn-3"), path, tmp_path / "x")


def test_not_a_git_repository(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match=r"is not in a git repository: run `git init`"):
        read_revision(tmp_path, "HEAD")


@pytest.mark.parametrize("name", ["turn-99", "", "0" * 40, "--all", "a b", "turn-1:params.yaml"])
def test_unknown_revision_is_named(project: Path, name: str) -> None:
    with pytest.raises(RevisionError, match="unknown revision"):
        read_revision(project, name)


def test_nothing_committed_yet(tmp_path: Path, git: Callable[..., str]) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(RevisionError, match="nothing is committed here yet"):
        read_revision(tmp_path, "HEAD")


def test_revision_without_a_lock(project: Path) -> None:
    with pytest.raises(RevisionError, match=r"HEAD \(\w+\) has no dvc.lock: no turn was run and committed there"):
        read_revision(project, "HEAD")


def test_revision_beyond_a_shallow_clone(history: Path, tmp_path: Path, git: Callable[..., str]) -> None:
    parent = git(history, "rev-parse", "turn-4^{commit}")
    git(tmp_path, "clone", "--quiet", "--depth", "1", history.as_uri(), "shallow")
    assert read_revision(tmp_path / "shallow", "HEAD").turn == 5
    for name in (parent, "turn-4"):
        with pytest.raises(RevisionError, match=r"shallow clone.*git fetch --unshallow"):
            read_revision(tmp_path / "shallow", name)


def test_missing_object_without_a_remote_is_named(history: Path, tmp_path: Path) -> None:
    lost = object_of(history, "turn-3", WEIGHTS)
    lost.unlink()
    with pytest.raises(RevisionError) as caught:
        materialise(read_revision(history, "turn-3"), "models/policy", tmp_path / "x")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("turn-3", WEIGHTS, lost.parent.name + lost.name, "no remote is set", "dvc fetch --all-commits"):
        assert part in message


def test_missing_listing_is_named(history: Path) -> None:
    revision = read_revision(history, "turn-3")
    revision.cache.locate(revision.outs["models/policy"].md5).unlink()
    with pytest.raises(RevisionError, match=r"turn-3 \(\w+\): models/policy \(object \w+\.dir\) not in the cache"):
        revision.files  # noqa: B018


def test_missing_objects_are_fetched_from_the_remote(
    history: Path, tmp_path: Path, git: Callable[..., str], dvc: Callable[..., str]
) -> None:
    remote = tmp_path / "remote"
    dvc(history, "remote", "add", "--local", "--default", "store", str(remote))
    dvc(history, "push", "--quiet", "--all-commits")
    shutil.rmtree(history / ".dvc/cache")
    materialise(read_revision(history, "turn-3"), "models/policy", tmp_path / "copy")
    assert (tmp_path / "copy/model.safetensors").read_text() == "cold, policy 1, policy 2, policy 3"
    fetched = [path for path in (history / ".dvc/cache").rglob("*") if path.is_file()]
    assert len(fetched) < 15, "only what was asked for comes: two listings' files, not five turns"

    policy = read_revision(history, "turn-2").files[WEIGHTS]
    shutil.rmtree(remote / "files/md5" / policy.md5[:2])
    with pytest.raises(RevisionError, match=f"{policy.md5}.* nor on remote store: .*`dvc push --all-commits`"):
        materialise(read_revision(history, "turn-2"), "models/policy", tmp_path / "x")


def test_remote_that_cannot_be_reached_is_named(history: Path, tmp_path: Path, dvc: Callable[..., str]) -> None:
    dvc(history, "remote", "add", "--default", "store", "ssh://nowhere.invalid/x")
    object_of(history, "turn-3", WEIGHTS).unlink()
    with pytest.raises(RevisionError, match="fetching from remote store failed"):
        materialise(read_revision(history, "turn-3"), "models/policy", tmp_path / "x")


@pytest.mark.parametrize("what", ["file", "listing"])
def test_corrupt_object_is_named(history: Path, tmp_path: Path, what: str) -> None:
    revision = read_revision(history, "turn-3")
    md5 = revision.files[WEIGHTS].md5 if what == "file" else revision.outs["models/policy"].md5
    spoiled = revision.cache.locate(md5)
    spoiled.chmod(0o644)
    spoiled.write_text("[]")
    with pytest.raises(RevisionError, match=rf"turn-3 .*{spoiled.name} is corrupt"):
        materialise(read_revision(history, "turn-3"), "models/policy", tmp_path / "x")
    assert not (tmp_path / "x/model.safetensors").exists()


def test_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("a")
    with pytest.raises(ValueError, match="corrupt"):
        copy_object(tmp_path / "source", "0" * 32, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_cache_directory_from_config(tmp_path: Path, dvc: Callable[..., str], git: Callable[..., str]) -> None:
    """As `dvc cache dir` says, whatever level of config says it, quoted or not."""
    git(tmp_path, "init", "--quiet")
    dvc(tmp_path, "init", "--quiet")
    assert str(open_cache(tmp_path).directory) == dvc(tmp_path, "cache", "dir")
    dvc(tmp_path, "cache", "dir", "one place")
    assert str(open_cache(tmp_path).directory) == dvc(tmp_path, "cache", "dir") == str(tmp_path / "one place")
    dvc(tmp_path, "cache", "dir", "--local", str(tmp_path / "other"))
    dvc(tmp_path, "config", "core.remote", "store")
    assert str(open_cache(tmp_path).directory) == str(tmp_path / "other")
    assert open_cache(tmp_path).remote == "store"
