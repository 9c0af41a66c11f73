"""`flywheel next` closes a turn once and whole, or says in one line why not."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines.versions import turns
from pipelines.versions.turns import TurnError, close_turn

Git = Callable[..., str]


def turn_of(root: Path) -> dict:
    return yaml.safe_load((root / "params.yaml").read_text())["turn"]


def assert_refused(root: Path, match: str) -> None:
    before = (root / "params.yaml").read_bytes()
    with pytest.raises(ValueError, match=match) as caught:
        close_turn(root)
    assert "\n" not in str(caught.value)
    assert (root / "params.yaml").read_bytes() == before
    tags = subprocess.run(["git", "tag"], cwd=root, capture_output=True, text=True).stdout
    assert tags == ""


def test_next_commits_tags_and_opens_the_next_turn(project: Path, git: Git) -> None:
    closed = close_turn(project)
    head = git(project, "rev-parse", "HEAD")
    assert (closed.number, closed.tag, closed.commit, closed.committed) == (1, "turn-1", head, True)
    assert git(project, "rev-parse", "turn-1^{commit}") == head
    assert turn_of(project) == {"number": 2, "parent": head}
    assert git(project, "status", "--porcelain") == "M params.yaml"
    assert {"dvc.lock", "metrics/turn.json"} <= set(git(project, "show", "--name-only", "--format=").split())
    message = git(project, "log", "-1", "--format=%B")
    assert message.startswith("turn 1: gold 0.600, pass 0.250, win rate 0.750\n\nturn: 1\ngold_policy: 0.6\n")


def test_next_keeps_comments_and_layout(project: Path) -> None:
    before = (project / "params.yaml").read_text().splitlines()
    commit = close_turn(project).commit
    after = (project / "params.yaml").read_text().splitlines()
    assert after[2:4] == [
        "  number: 2        # set by `flywheel next`",
        f'  parent: "{commit}"     # a commit',
    ]
    assert after[:2] + after[4:] == before[:2] + before[4:]


def test_second_next_by_mistake_says_the_turn_was_not_run(project: Path, git: Git) -> None:
    closed = close_turn(project)
    with pytest.raises(TurnError, match=r"turn 2 has not been run yet .*`dvc repro`"):
        close_turn(project)
    assert turn_of(project) == {"number": 2, "parent": closed.commit}
    assert git(project, "tag") == "turn-1"


@pytest.mark.parametrize("interrupted", ["write_turn", "_tag_turn", "_commit_turn"])
def test_interrupted_next_is_finished_by_running_it_again(
    project: Path, git: Git, monkeypatch: pytest.MonkeyPatch, interrupted: str
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(turns, interrupted, stop)
        with pytest.raises(KeyboardInterrupt):
            close_turn(project)
    closed = close_turn(project)
    assert git(project, "rev-list", "--count", "HEAD") == "2"
    assert git(project, "tag") == closed.tag == "turn-1"
    assert turn_of(project) == {"number": 2, "parent": git(project, "rev-parse", "HEAD")}


def test_interrupted_next_is_finished_even_after_another_commit(
    project: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = close_turn(project)
    git(project, "checkout", "--quiet", "params.yaml")
    (project / "notes.md").write_text("a page")
    git(project, "add", "notes.md")
    git(project, "commit", "--quiet", "--message", "a page")
    assert close_turn(project).commit == closed.commit
    assert git(project, "tag") == "turn-1"


def test_taken_tag_gets_the_branch_in_its_name(project: Path, git: Git) -> None:
    git(project, "tag", "turn-1")
    git(project, "switch", "--quiet", "--create", "try/more")
    assert close_turn(project).tag == "turn-1-try-more"
    assert git(project, "rev-parse", "turn-1-try-more^{commit}") == git(project, "rev-parse", "HEAD")
    git(project, "tag", "--force", "turn-1-try-more", "HEAD~1")
    git(project, "checkout", "--quiet", "params.yaml")
    assert close_turn(project).tag == "turn-1-try-more-2"


def test_refuses_without_an_identity(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert_refused(project, "git does not know who you are: `git config --global user.name")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A")
    assert_refused(project, "git does not know who you are")


def test_refuses_outside_git(project: Path) -> None:
    shutil.rmtree(project / ".git")
    with pytest.raises(ValueError, match="is not in a git repository"):
        close_turn(project)


def test_refuses_in_a_shallow_clone(project: Path, git: Git, tmp_path: Path) -> None:
    git(project, "commit", "--quiet", "--allow-empty", "--message", "another")
    git(tmp_path, "clone", "--quiet", "--depth", "1", project.as_uri(), "shallow")
    assert_refused(tmp_path / "shallow", "shallow clone.*git fetch --unshallow")


def test_refuses_on_no_branch(project: Path, git: Git) -> None:
    git(project, "switch", "--quiet", "--detach")
    assert_refused(project, "HEAD is on no branch")


def test_refuses_during_a_merge(project: Path, git: Git) -> None:
    git(project, "switch", "--quiet", "--create", "other")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "other")
    git(project, "switch", "--quiet", "main")
    git(project, "commit", "--quiet", "--allow-empty", "--message", "ours")
    git(project, "merge", "--no-ff", "--no-commit", "other")
    assert_refused(project, "a merge is unfinished")


@pytest.mark.parametrize("place", ["changed", "untracked", "staged"])
def test_refuses_other_changed_files_and_names_them(project: Path, git: Git, place: str) -> None:
    name = "toy.py" if place == "changed" else "new notes.txt"
    with (project / name).open("a") as file:
        file.write("\n# more\n")
    if place == "staged":
        git(project, "add", name)
    assert_refused(project, f"changed files that are not part of the turn: {name}; commit them")


def test_refuses_when_a_stage_is_out_of_date(project: Path) -> None:
    params = project / "params.yaml"
    params.write_text(params.read_text().replace("n: 3", "n: 4"))
    assert_refused(project, r"out of date: prompts, policy \(prompts: param prompts.n 3 -> 4\); run `dvc repro`")


def test_refuses_when_a_stage_was_added(project: Path) -> None:
    with (project / "dvc.yaml").open("a") as file:
        file.write("  more:\n    cmd: echo\n    deps: [data/prompts.parquet]\n")
    assert_refused(project, r"out of date: more \(more: never run\); run `dvc repro`")


def test_refuses_before_the_first_run(project: Path) -> None:
    (project / "dvc.lock").unlink()
    assert_refused(project, "turn 1 has not been run yet: `dvc repro`")


@pytest.mark.parametrize(
    ("path", "out"),
    [("data/prompts.parquet", "data/prompts.parquet"), ("models/policy/config.json", "models/policy")],
)
def test_refuses_when_data_is_not_in_the_cache(project: Path, path: str, out: str) -> None:
    digest = hashlib.md5((project / path).read_bytes()).hexdigest()
    (project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).unlink()
    assert_refused(project, f"not in the cache: .*{out}.*; put it there with `dvc commit`")


def test_imports_belong_to_the_turn(project: Path, git: Git, dvc: Callable[..., str]) -> None:
    (project / "imports/part.parquet").write_text("rows")
    (project / "imports/imports.json").write_text('{"parts": ["part"]}')
    dvc(project, "add", "--quiet", "imports/part.parquet")
    close_turn(project)
    assert {"imports/imports.json", "imports/part.parquet.dvc", "imports/.gitignore"} <= set(
        git(project, "show", "--name-only", "--format=").split()
    )


def test_failing_commit_hook_is_told(project: Path) -> None:
    hook = project / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no such luck >&2\nexit 1\n")
    hook.chmod(0o755)
    assert_refused(project, "git commit: no such luck")
