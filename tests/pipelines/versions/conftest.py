"""A toy flywheel with the real one's output paths: real git, real DVC, models of a few bytes, a second a turn."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
DVC_YAML = f"""\
stages:
  start:
    cmd: {sys.executable} toy.py start
    params: [turn, {{versions.yaml: [stages.start]}}]
    outs: [data/past, models/start]
  prompts:
    cmd: {sys.executable} toy.py prompts
    deps: [data/past/prompts]
    params: [turn.number, prompts, {{versions.yaml: [stages.prompts]}}]
    outs: [data/prompts.parquet, data/origins/prompts.parquet, data/dropped/prompts.parquet]
  policy:
    cmd: {sys.executable} toy.py policy
    deps: [models/start, data/prompts.parquet]
    outs: [models/policy, models/reward_model]
    metrics: [{{metrics/turn.json: {{cache: false}}}}]
"""
PARAMS = """\
# numbers
turn:
  number: 1        # set by `flywheel next`
  parent: null     # a commit
prompts: {n: 3, note: on}   # rows a turn
"""
TOY = '''\
"""Stages that write a little of what the real ones write."""
import json, sys
from pathlib import Path
import polars as pl
import yaml
from pipelines.store import write_parquet
from pipelines.versions.parents import bring_parent
from schemas.ids import prompt_id
from schemas.tables import conform_frame, empty_frame

params = yaml.safe_load(Path("params.yaml").read_text())
turn = params["turn"]["number"]

def start():
    turns = bring_parent(Path.cwd(), params["turn"]["parent"], turn, Path("models/start"), Path("data/past"))
    if not turns:
        Path("models/start/policy").mkdir(parents=True)
        Path("models/start/policy/model.safetensors").write_text("cold")

def prompts():
    texts = [[{"role": "user", "content": f"turn {turn} row {n}"}] for n in range(params["prompts"]["n"])]
    rows = [{"prompt_id": prompt_id(t), "messages": [{"name": None, "tool_calls": None, "tool_call_id": None, **t[0]}],
             "tools": None, "conversation_id": "c", "kind": None} for t in texts]
    write_parquet(conform_frame("prompts", pl.DataFrame(rows)), Path("data/prompts.parquet"))
    write_parquet(empty_frame("origins"), Path("data/origins/prompts.parquet"))
    write_parquet(empty_frame("dropped"), Path("data/dropped/prompts.parquet"))

def policy():
    before = Path("models/start/policy/model.safetensors").read_text()
    for model in ("policy", "reward_model"):
        folder = Path("models") / model
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_text(f"{before}, {model} {turn}")
        (folder / "config.json").write_text("{}")
    Path("metrics").mkdir(exist_ok=True)
    metrics = {"turn": turn, "gold_policy": 0.5 + turn / 10, "pass_policy": 0.25, "win_rate": 0.75}
    Path("metrics/turn.json").write_text(json.dumps(metrics))

{"start": start, "prompts": prompts, "policy": policy}[sys.argv[1]]()
'''


@pytest.fixture(scope="session", autouse=True)
def quiet_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """This machine's git and DVC settings out of the way, an identity, and our packages importable in stages."""
    home = tmp_path_factory.mktemp("settings")
    gitconfig = home / "gitconfig"
    gitconfig.write_text("[user]\n\tname = A Tester\n\temail = tester@example.org\n[init]\n\tdefaultBranch = main\n")
    values = {
        "GIT_CONFIG_GLOBAL": str(gitconfig), "GIT_CONFIG_SYSTEM": os.devnull, "PYTHONPATH": str(CHECKOUT),
        "DVC_GLOBAL_CONFIG_DIR": str(home), "DVC_SYSTEM_CONFIG_DIR": str(home / "none"),
        "DVC_SITE_CACHE_DIR": str(home / "site"), "DVC_NO_ANALYTICS": "1", "CI": "true",
    }  # fmt: skip
    unset = [name for name in os.environ if name.startswith("GIT_") and name not in values]
    patch = pytest.MonkeyPatch()
    for name, value in values.items():
        patch.setenv(name, value)
    for name in (*unset, "EMAIL"):
        patch.delenv(name, raising=False)
    yield
    patch.undo()


def run(root: Path, *command: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """Run git: git(root, "commit", ...)."""
    return lambda root, *arguments: run(root, "git", *arguments)


@pytest.fixture(scope="session")
def dvc() -> Callable[..., str]:
    """Run dvc: dvc(root, "repro")."""
    return lambda root, *arguments: run(root, sys.executable, "-m", "dvc", *arguments)


@pytest.fixture
def flywheel() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line: flywheel(root, "next") with its exit status, stdout and stderr."""

    def call(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.cli", *arguments]
        return subprocess.run(command, cwd=root, capture_output=True, text=True)

    return call


@pytest.fixture(scope="session")
def run_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Turn 1, run but not closed. Not to be changed: copy it."""
    from pipelines.init import IGNORED, WRITTEN

    root = tmp_path_factory.mktemp("run") / "project"
    files = {
        "dvc.yaml": DVC_YAML, "params.yaml": PARAMS, "toy.py": TOY, ".gitignore": IGNORED,
        "versions.yaml": "stages: {start: 1, prompts: 1, policy: 1}\n", **WRITTEN,
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    run(root, "git", "init", "--quiet")
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", "start")
    run(root, sys.executable, "-m", "dvc", "repro", "--quiet")
    return root


@pytest.fixture(scope="session")
def chained_project(run_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five turns, all closed, turn 6 open. Not to be changed: copy it."""
    root = tmp_path_factory.mktemp("chained") / "project"
    shutil.copytree(run_project, root)
    for _ in range(5):
        run(root, sys.executable, "-m", "dvc", "repro", "--quiet")
        run(root, sys.executable, "-m", "pipelines.cli", "next")
    return root


@pytest.fixture(scope="session")
def judged_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two turns of tests/judged.py, both closed, turn 3 open. Not to be changed: copy it."""
    from judged import DVC_YAML, PARAMS, TOY, write_tables

    from pipelines.init import IGNORED, WRITTEN

    root = tmp_path_factory.mktemp("judged") / "project"
    files = {
        "dvc.yaml": DVC_YAML, "params.yaml": PARAMS, "toy.py": TOY, ".gitignore": IGNORED,
        "versions.yaml": "stages: {}\n", **WRITTEN,
    }  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    write_tables(root / "prepared")
    run(root, "git", "init", "--quiet")
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", "start")
    for _ in range(2):
        run(root, sys.executable, "-m", "dvc", "repro", "--quiet")
        run(root, sys.executable, "-m", "pipelines.cli", "next")
    return root


@pytest.fixture
def judged(judged_project: Path, tmp_path: Path) -> Path:
    """A copy of `judged_project` to do with as one likes."""
    return shutil.copytree(judged_project, tmp_path / "judged")


@pytest.fixture
def project(run_project: Path, tmp_path: Path) -> Path:
    """A copy of `run_project` to do with as one likes."""
    return shutil.copytree(run_project, tmp_path / "project")


@pytest.fixture
def history(chained_project: Path, tmp_path: Path) -> Path:
    """A copy of `chained_project` to do with as one likes."""
    return shutil.copytree(chained_project, tmp_path / "history")
