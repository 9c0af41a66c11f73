"""Where the outs of stages lie that have a `wdir`, as written and as a template, and that no gc takes them."""

import hashlib
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.versions.contents import read_contents, read_workspace
from pipelines.versions.placing import place_outs
from pipelines.versions.safety.collecting import collect_unused
from pipelines.versions.safety.verifying import verify_history
from pipelines.versions.sql import open_query

PIPELINE = """\
vars: [{suffix: csv}]
stages:
  plain:
    wdir: a
    cmd: printf 'x\\n1\\n' > o.csv
    outs: [o.csv]
  param:
    wdir: ${where.folder}
    cmd: printf 'x\\n2\\n' > o.csv
    outs: [o.csv]
  each:
    foreach: [c, d.1]
    do:
      wdir: ${item}
      cmd: printf 'x\\n${item}\\n' > o.csv && printf 'x\\n${item}\\n' > ../up.${item}.csv && echo {} > m.json
      outs: [o.csv, "../up.${item}.csv"]
      metrics: [{m.json: {cache: false}}]
  named:
    foreach: {one: {to: e}}
    do:
      wdir: ${item.to}
      cmd: printf 'x\\n${key}\\n' > o.${suffix} && echo '{"of":"${suffix}"}' > s-${suffix}.json
      outs: ["o.${suffix}"]
      metrics: [{"s-${suffix}.json": {cache: false}}]
  grid:
    matrix: {n: [1], m: [f]}
    wdir: ${item.m}
    cmd: printf 'x\\n${item.n}${item.m}\\n' > o.csv
    outs: [o.csv]
"""
ROWS = {
    "a/o.csv": "1", "b/o.csv": "2", "c/o.csv": "c", "d.1/o.csv": "d.1", "e/o.csv": "one", "f/o.csv": "1f",
    "up.c.csv": "c", "up.d.1.csv": "d.1",
}  # fmt: skip


@pytest.fixture(scope="module")
def spread_project(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str], dvc: Callable[..., str]) -> Path:
    """Every stage writes an o.csv, each in a folder of its own: dvc.lock has the same path for all."""
    root = tmp_path_factory.mktemp("spread") / "project"
    root.mkdir()
    for folder in ("a", "b", "c", "d.1", "e", "f"):
        (root / folder).mkdir()
    (root / "params.yaml").write_text("where: {folder: b}\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    dvc(root, "repro", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "one")
    git(root, "tag", "v1")
    return root


def test_outs_lie_in_the_folders_of_their_stages(spread_project: Path) -> None:
    [tagged] = read_contents(spread_project, ["v1"])
    for contents in (tagged, read_workspace(spread_project)):
        assert set(contents.tracked) == set(ROWS)
    for path, value in ROWS.items():
        with open_query(spread_project, f'SELECT CAST(x AS VARCHAR) FROM v1."{path}"', ["v1"]) as answer:
            assert list(answer.list_rows()) == [(value,)]


def test_outs_of_one_name_are_all_kept_and_looked_for(spread_project: Path) -> None:
    assert collect_unused(spread_project).unused == ()
    verified = verify_history(spread_project)
    assert (verified.n_objects, verified.problems) == (len(set(ROWS.values())), ())


def test_what_mends_a_stage_or_a_file_is_a_command_that_runs(
    spread_project: Path, tmp_path: Path, git: Callable[..., str], dvc: Callable[..., str]
) -> None:
    root = shutil.copytree(spread_project, tmp_path / "project")
    (root / "sub").mkdir()
    (root / "sub/dvc.yaml").write_text("stages:\n  s:\n    cmd: echo sub > o.txt\n    outs: [o.txt]\n")
    dvc(root, "repro", "--quiet", "sub/dvc.yaml")
    (root / "my file.txt").write_text("of mine")
    dvc(root, "add", "--quiet", "my file.txt")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "two")
    for path in ("sub/o.txt", "my file.txt"):
        (root / ".dvc/cache/files/md5" / _name_object(root / path)).unlink()
    mends = {problem.path: problem.mend for problem in verify_history(root).problems}
    assert mends["sub/o.txt"].endswith("dvc repro --force sub/dvc.yaml:s")
    assert mends["my file.txt"].endswith("dvc commit --force 'my file.txt.dvc'")
    dvc(root, *shlex.split(mends["sub/o.txt"].partition("&& dvc ")[2]))
    dvc(root, *shlex.split(mends["my file.txt"].partition("then dvc ")[2]))
    assert verify_history(root).problems == ()


def _name_object(file: Path) -> str:
    md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    return f"{md5[:2]}/{md5[2:]}"


def test_a_stage_whose_pipeline_is_unknown_stays_beside_its_lock() -> None:
    lock = {"schema": "2.0", "stages": {"s": {"outs": [{"path": "o.csv", "md5": "1" * 32, "hash": "md5"}]}}}
    pipeline = {"stages": {"s": {"wdir": "${nowhere}"}}}
    [out] = place_outs({"sub/dvc.lock": lock})
    assert out.path == "sub/o.csv"
    [out] = place_outs({"sub/dvc.lock": lock, "sub/dvc.yaml": pipeline})
    assert out.path == "sub/${nowhere}/o.csv"
