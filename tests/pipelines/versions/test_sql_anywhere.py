"""SQL over other people's projects of DVC: outputs of stages and .dvc files, by their paths, at any revision."""

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.versions.names import QueryError
from pipelines.versions.revisions import RevisionError
from pipelines.versions.sql import open_query
from pipelines.versions.sql_command import save_catalog
from pipelines.versions.sql_prompt import Names
from schemas.errors import UserError

WRITER = """\
stages:
  make:
    cmd: |
      printf 'id,name\\n1,x\\n' > out.csv && printf '{"accuracy": 0.5}' > scores.json
    outs: [out.csv]
    metrics: [{scores.json: {cache: false}}]
"""


def ask(root: Path, query: str, *at: str) -> list[tuple[Any, ...]]:
    with open_query(root, query, at) as answer:
        return list(answer.list_rows())


@pytest.fixture(scope="module")
def foreign_project(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str], dvc: Callable[..., str]) -> Path:
    """Files of each format under .dvc files, a stage in a folder; then more rows in one of the files."""
    root = tmp_path_factory.mktemp("foreign") / "project"
    for folder in ("data/parts", "sub"):
        (root / folder).mkdir(parents=True)
    pl.DataFrame({"id": [1, 2, 3], "label": ["a", "b", "c"]}).write_parquet(root / "data/train.parquet")
    (root / "data/parts/p1.csv").write_text("id\n1\n2\n")
    (root / "data/parts/p2.csv").write_text("id,note\n3,late\n")
    (root / "data/Rows.jsonl").write_text('{"q": "one", "n": 1}\n{"q": "two", "n": 2}\n')
    (root / "data/zipped.jsonl.gz").write_bytes(gzip.compress(b'{"q": "one"}\n'))
    (root / "data/notes.txt").write_text("no table")
    (root / "sub/dvc.yaml").write_text(WRITER)
    git(root, "init", "--quiet")
    dvc(root, "init", "--quiet")
    names = ("train.parquet", "parts", "Rows.jsonl", "zipped.jsonl.gz", "notes.txt")
    dvc(root, "add", "--quiet", *(f"data/{name}" for name in names))
    dvc(root, "repro", "--quiet", "--all-pipelines")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "one")
    git(root, "tag", "v1")
    pl.DataFrame({"id": [1, 2, 4], "label": ["a", "x", "d"]}).write_parquet(root / "data/train.parquet")
    dvc(root, "add", "--quiet", "data/train.parquet")
    return root


FILES = {
    "data/train.parquet": [(1, "a"), (2, "b"), (3, "c")], "data/parts/p1.csv": [(1,), (2,)],
    "data/parts": [(1, None), (2, None), (3, "late")], "data/Rows.jsonl": [("one", 1), ("two", 2)],
    "data/zipped.jsonl.gz": [("one",)], "sub/out.csv": [(1, "x")],
}  # fmt: skip


@pytest.mark.parametrize("path", FILES)
def test_outputs_are_tables_by_their_paths(foreign_project: Path, path: str) -> None:
    for quoted in (f'"{path}"', f"'{path}'", f'v1."{path}"'):
        assert ask(foreign_project, f"FROM {quoted} ORDER BY ALL", "v1") == FILES[path]
    if path != "data/train.parquet":
        assert ask(foreign_project, f'FROM "{path}" ORDER BY ALL') == FILES[path]


def test_a_folder_of_outputs_is_a_table_too(foreign_project: Path, tmp_path: Path, dvc: Callable[..., str]) -> None:
    root = shutil.copytree(foreign_project, tmp_path / "project")
    (root / "more").mkdir()
    for name in ("a", "b"):
        (root / f"more/{name}.csv").write_text(f"x\n{name}\n")
        dvc(root, "add", "--quiet", f"more/{name}.csv")
    assert ask(root, "FROM more ORDER BY x") == [("a",), ("b",)]
    with pytest.raises(UserError, match="data: files of several formats in it; name one of them"):
        ask(root, "FROM data")


def test_revisions_are_set_against_the_workspace(foreign_project: Path) -> None:
    query = 'FROM workspace."data/train.parquet" ANTI JOIN v1."data/train.parquet" USING (id, label) ORDER BY id'
    assert ask(foreign_project, query, "v1") == [(2, "x"), (4, "d")]


def test_without_the_files_the_cache_is_read(foreign_project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(foreign_project, tmp_path / "project")
    shutil.rmtree(root / "data/parts")
    (root / "sub/out.csv").unlink()
    assert ask(root, 'FROM "data/parts" ORDER BY ALL') == FILES["data/parts"]
    assert ask(root, 'FROM "sub/out.csv"') == FILES["sub/out.csv"]
    shutil.rmtree(root / ".dvc/cache")
    with pytest.raises(RevisionError, match=r"revision v1 .*: sub/out.csv \(object .*no remote is set"):
        ask(root, 'FROM v1."sub/out.csv"')


def test_paths_are_listed(foreign_project: Path) -> None:
    listed = {row[0] for row in ask(foreign_project, "SHOW TABLES", "v1")}
    assert listed == {*FILES, "data/parts/p2.csv", "turns", "metrics"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("FROM 'data/trai.parquet'", "there is no table data/trai.parquet, near are data/train.parquet"),
        ("FROM 'data/notes.txt'", "data/notes.txt: no Parquet, JSON or CSV in it"),
        ("FROM preferences", "there is no table preferences"),
        ("FROM all_turns.x", "no turn is tagged yet"),
    ],
)
def test_faults(foreign_project: Path, query: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ask(foreign_project, query)


def test_files_of_several_formats_are_no_table(foreign_project: Path, tmp_path: Path, dvc: Callable[..., str]) -> None:
    root = shutil.copytree(foreign_project, tmp_path / "project")
    (root / "mixed").mkdir()
    (root / "mixed/a.csv").write_text("x\n1\n")
    (root / "mixed/b.jsonl").write_text('{"x": 2}\n')
    dvc(root, "add", "--quiet", "mixed")
    with pytest.raises(UserError, match=r"mixed: files of several formats in it; name one of them: mixed/a\.csv"):
        ask(root, "FROM mixed")
    assert ask(root, 'FROM "mixed/b.jsonl"') == [(2,)]


def test_a_file_that_is_not_what_it_is_called_is_named(
    foreign_project: Path, tmp_path: Path, dvc: Callable[..., str]
) -> None:
    root = shutil.copytree(foreign_project, tmp_path / "project")
    (root / "torn.parquet").write_text("torn")
    dvc(root, "add", "--quiet", "torn.parquet")
    with pytest.raises(QueryError, match=r"torn\.parquet: .*too small to be a Parquet file"):
        save_catalog(root, tmp_path / "all.duckdb", [])
    assert not (tmp_path / "all.duckdb").exists()


def test_nothing_is_left_in_the_project(foreign_project: Path, git: Callable[..., str]) -> None:
    before = git(foreign_project, "status", "--short")
    ask(foreign_project, 'FROM "data/train.parquet"', "v1")
    assert git(foreign_project, "status", "--short") == before == "M data/train.parquet.dvc"


def test_a_type_that_changes_late_is_seen(foreign_project: Path, tmp_path: Path, dvc: Callable[..., str]) -> None:
    root = shutil.copytree(foreign_project, tmp_path / "project")
    (root / "late.csv").write_text("id\n" + "1\n" * 50_000 + "x7\n")
    dvc(root, "add", "--quiet", "late.csv")
    assert ask(root, "SELECT DISTINCT id FROM 'late.csv' ORDER BY id") == [("1",), ("x7",)]


def test_dvc_without_git(tmp_path: Path, dvc: Callable[..., str]) -> None:
    (tmp_path / "x.csv").write_text("id\n1\n")
    dvc(tmp_path, "init", "--quiet", "--no-scm")
    dvc(tmp_path, "add", "--quiet", "x.csv")
    assert ask(tmp_path, "FROM 'x.csv'") == [(1,)]
    with pytest.raises(UserError, match="is not in a git repository"):
        ask(tmp_path, "FROM 'x.csv'", "HEAD")


def test_metrics_of_any_project(foreign_project: Path) -> None:
    (foreign_project / "dvc.yaml").write_text("metrics: [sub/scores.json]\n")
    query = "SELECT revision, file, key, value FROM metrics"
    assert ask(foreign_project, query) == [("workspace", "sub/scores.json", "accuracy", 0.5)]
    (foreign_project / "dvc.yaml").unlink()


def test_from_a_folder_below(
    foreign_project: Path, flywheel: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = flywheel(foreign_project / "data", "sql", "--csv", "FROM 'data/parts/p1.csv'")
    assert (done.returncode, done.stdout) == (0, "id\n1\n2\n"), done.stderr
    refused = flywheel(tmp_path, "sql", "SELECT 1")
    assert refused.returncode == 1 and "is in no project of DVC" in refused.stderr


def test_paths_complete_in_any_project(foreign_project: Path) -> None:
    names = Names(foreign_project, [])
    [path, *_] = names.complete('"')
    assert path.startswith('"') and path.endswith('"')
    assert names.complete(path[:-2]) == [path]


def test_a_revision_that_is_none(foreign_project: Path) -> None:
    with pytest.raises(RevisionError, match="unknown revision 'v9'"):
        ask(foreign_project, "FROM x", "v9")
    with pytest.raises(QueryError, match="there is no table x"):
        ask(foreign_project, "FROM x", "v1")
