"""A push sends what every turn needs, though DVC's own sends nothing for turns without a remote, and proves it."""

import errno
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.cache import open_cache
from pipelines.versions.safety.needs import list_needs
from pipelines.versions.safety.pushing import Lacking, Pushed, describe_pushed, push_history
from pipelines.versions.safety.revisions import list_turn_revisions
from pipelines.versions.safety.stores import LocalStore, RemoteStore, StoreError, read_listings


def needed(root: Path) -> set[str]:
    needs = list_needs(list_turn_revisions(root), read_listings(LocalStore(open_cache(root))))
    return {oid.md5 for oid in needs.uses}


def test_turns_of_before_there_was_a_remote_are_sent_too(forked: Path, remote: Any, dvc: Callable[..., str]) -> None:
    """No commit of these turns names a remote, so `dvc push --all-tags` sends nothing for them, and exits with 0."""
    dvc(forked, "remote", "default", "--quiet", "store")
    dvc(forked, "push", "--quiet", "--all-tags")
    assert not needed(forked) <= remote.list_md5s()
    pushed = push_history(forked, "store")
    assert needed(forked) <= remote.list_md5s()
    assert pushed.lacking == ()
    assert pushed.n_read_back == pushed.n_sent > 0
    assert push_history(forked, "store").n_sent == 0


def test_a_clone_gets_every_turn_from_the_remote(
    forked: Path, remote: Any, dvc: Callable[..., str], git: Callable[..., str], tmp_path: Path
) -> None:
    push_history(forked, "store")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(forked), str(clone))
    (clone / ".dvc" / "config.local").write_text((forked / ".dvc" / "config").read_text())
    from pipelines.versions.safety.verifying import verify_history

    assert {problem.kind for problem in verify_history(clone, "store").problems} == {"missing"}
    assert verify_history(clone, "store", fetch=True).problems == ()


def test_an_interrupted_push_goes_on(forked: Path, remote: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent stays sent; a half written object, as a killed copy leaves it in a folder, is sent again."""
    send = RemoteStore.send

    def send_some(self: RemoteStore, source: LocalStore, oids: Any, tick: Any) -> Any:
        send(self, source, sorted(oids)[:7], tick)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RemoteStore, "send", send_some)
        with pytest.raises(KeyboardInterrupt):
            push_history(forked, "store")
    sent = remote.list_md5s()
    assert len(sent) == 7
    remote.truncate(min(sent))
    pushed = push_history(forked, "store")
    assert pushed.n_sent == len(needed(forked)) - 6
    assert pushed.lacking == ()


def test_what_is_nowhere_or_corrupt_here_is_named_and_not_sent(
    forked: Path, remote: Any, flywheel: Callable[..., Any]
) -> None:
    revisions = {each.name: each.revision for each in list_turn_revisions(forked)}
    cache = open_cache(forked)
    gone, changed = (revisions[tag].outs["data/training_rows/policy.parquet"].md5 for tag in ("turn-1", "turn-2"))
    cache.locate(gone).unlink()
    cache.locate(changed).chmod(0o644)
    cache.locate(changed).write_bytes(b"other")
    done = flywheel(forked, "push", "--remote", "store")
    assert done.returncode == 1
    assert f"turn-1: policy: data/training_rows/policy.parquet ({gone}) is not in the cache" in done.stderr
    assert f"turn-2: policy: data/training_rows/policy.parquet ({changed}) is corrupt in the cache" in done.stderr
    assert needed(forked) - remote.list_md5s() == {gone, changed}


def test_a_remote_that_loses_what_it_takes_is_caught(
    forked: Path, remote: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = RemoteStore.send
    lost = sorted(needed(forked))[3]

    def send_and_lose(self: RemoteStore, source: LocalStore, oids: Any, tick: Any) -> Any:
        faults = send(self, source, oids, tick)
        remote.corrupt(lost)
        return faults

    monkeypatch.setattr(RemoteStore, "send", send_and_lose)
    assert [each.md5 for each in push_history(forked, "store").lacking] == [lost]


def test_without_a_remote_one_line_says_how_to_add_one(forked: Path, flywheel: Callable[..., Any]) -> None:
    with pytest.raises(StoreError, match="dvc remote add"):
        push_history(forked)
    done = flywheel(forked, "push")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_objects_that_lack_for_one_reason_share_a_line() -> None:
    some = [Lacking(("turn-1",), "prompts", f"data/{n}.parquet", str(n), "is nowhere") for n in range(5)]
    other = Lacking(("turn-2",), "sft", "models/sft", "abc.dir", "is corrupt")
    told = describe_pushed(Pushed("store", ("turn-1", "turn-2"), 7, 1, 10, 1, (*some, other)))
    assert told == [
        "remote store: 1 object sent (10 bytes), 0 were there",
        "not there: turn-1: 5 objects (data/0.parquet, data/1.parquet, data/2.parquet and 2 more): is nowhere",
        "not there: turn-2: sft: models/sft (abc.dir) is corrupt",
    ]


def test_a_remote_that_is_a_file_is_refused(project: Path, dvc: Callable[..., str]) -> None:
    (project / "store").write_text("a file")
    dvc(project, "remote", "add", "--quiet", "gone", "store")
    with pytest.raises(StoreError, match=r"remote gone: .*store is a file; name a folder"):
        push_history(project, "gone")


def test_why_an_object_lacks_does_not_name_its_path(
    forked: Path, remote: Any, dvc: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), f"store/{next(places)}")

    places = count()
    monkeypatch.setattr("dvc_objects.db.ObjectDB.add", refuse)
    monkeypatch.setattr("dvc_data.hashfile.db.HashFileDB.add", refuse)
    pushed = push_history(forked, "store")
    assert pushed.n_sent == 0 and {lacking.why for lacking in pushed.lacking} == {"Read-only file system"}
    assert len(describe_pushed(pushed)) < len(pushed.lacking)  # a line for each set of turns
