"""`flywheel init` makes a project that git and DVC take as theirs, or says in one line why not."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pipelines.init import PIPELINE_FILES, InitError, init_project
from pipelines.versions.locks import read_config
from pipelines.versions.status import read_status

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = A Tester\n\temail = tester@example.org\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "none"))


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def test_new_project_is_committed_and_ready_for_its_first_turn(tmp_path: Path) -> None:
    project = init_project(tmp_path / "new" / "project")
    assert project.committed and git(project.root, "status", "--porcelain") == ""
    assert git(project.root, "log", "--format=%s") == "Start a flywheel project"
    assert yaml.safe_load((project.root / "params.yaml").read_text())["turn"] == {"number": 1, "parent": None}
    for name in ("dvc.yaml", "versions.yaml"):
        assert (project.root / name).read_bytes() == (ROOT / name).read_bytes()
    status = read_status(project.root)
    assert {stage.state for stage in status.stages} == {"never_run"} and status.missing == ()


def test_dvc_is_set_up_as_in_this_repository(tmp_path: Path) -> None:
    root = init_project(tmp_path / "project").root
    assert read_config(root)["core"] == {"analytics": "false", "autostage": "true"}
    assert read_config(root)["cache"] == {"type": "reflink,copy"}
    assert (root / ".dvc" / read_config(root)["plots"]["html_template"]).is_file()
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "config", "--list"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert {"core.analytics=false", "core.autostage=true", "cache.type=reflink,copy"} <= set(shown.split())
    if (ROOT / ".dvc/config").exists():
        ours = {section: read_config(ROOT).get(section, {}).items() for section in ("core", "cache", "plots")}
        assert all(values.items() <= ours[section] for section, values in read_config(root).items())


def test_without_an_identity_it_is_made_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    project = init_project(tmp_path / "project")
    assert not project.committed
    assert "A  dvc.yaml" in git(project.root, "status", "--porcelain")


def test_repository_of_ones_own_keeps_its_files(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / ".gitignore").write_text("*.log\n/data/")
    (root / "README.md").write_text("mine")
    (root / "half.txt").write_text("not yet")
    git(root, "add", "half.txt")
    init_project(root)
    assert (root / "README.md").read_text() == "mine"
    assert (root / ".gitignore").read_text().splitlines()[:2] == ["*.log", "/data/"]
    assert (root / ".gitignore").read_text().splitlines().count("/data/") == 1
    assert git(root, "status", "--porcelain").splitlines() == ["A  half.txt", "?? README.md"]


@pytest.mark.parametrize("there", ["notes.txt", ".hidden"])
def test_folder_with_other_things_is_refused(tmp_path: Path, there: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / there).write_text("mine")
    with pytest.raises(InitError, match=rf"mine is not empty \({there}\)"):
        init_project(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == [there]


def test_project_is_not_made_twice(tmp_path: Path) -> None:
    init_project(tmp_path / "mine")
    with pytest.raises(InitError, match=r"mine has .dvc, dvc.yaml, .* already"):
        init_project(tmp_path / "mine")


def test_folder_inside_another_repository_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(InitError, match="lies inside another git repository"):
        init_project(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()


def test_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InitError, match="is a file"):
        init_project(tmp_path / "file")


def test_wheel_holds_what_init_copies() -> None:
    """The pipeline's files lie at the top of the checkout; in the wheel they lie in the package."""
    included = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = {name: f"pipelines/project/{name}" for name in PIPELINE_FILES}
    assert expected.items() <= included.get("force-include", {}).items()
