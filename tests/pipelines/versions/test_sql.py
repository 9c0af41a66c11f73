"""Any revision's tables are asked with SQL: what names mean, what is read, what a query may not do."""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.versions.names import QueryError
from pipelines.versions.revisions import RevisionError, read_revision
from pipelines.versions.sql import lock_connection, open_connection, open_query
from schemas.errors import UserError
from schemas.tables import TABLES


def ask(root: Path, query: str, *at: str, **options: Any) -> list[tuple[Any, ...]]:
    with open_query(root, query, at, **options) as answer:
        return list(answer.list_rows())


def ids(root: Path, query: str, *at: str) -> set[str]:
    return {row[0] for row in ask(root, query, *at)}


def test_names_mean_the_workspace_curated_unless_raw(judged_project: Path) -> None:
    assert ids(judged_project, "SELECT candidate_id FROM candidates") == {
        "a1",
        "b1",
        "c1",
        "a2",
        "b2",
        "f2",
        "a4",
        "b4",
    }
    assert ids(judged_project, "SELECT candidate_id FROM raw.candidates WHERE candidate_id = 'e1'") == {"e1"}
    assert ids(judged_project, "SELECT demonstration_id FROM demonstrations") == {"d1", "d4"}
    assert ids(judged_project, "SELECT ranking_id FROM rankings WHERE labeler_id = 'cyd'") == {"r5"}


def test_a_revision_is_a_schema_and_the_only_one_asked_is_what_names_mean(judged_project: Path) -> None:
    first = {"a1", "b1", "c1", "a2", "b2"}
    assert ids(judged_project, "SELECT candidate_id FROM candidates", "turn-1") == first
    assert ids(judged_project, 'SELECT candidate_id FROM "turn-1".candidates') == first
    assert ids(judged_project, 'SELECT candidate_id FROM "HEAD~1".candidates', "turn-2") == first
    assert ids(judged_project, "SELECT candidate_id FROM raw.candidates", "turn-1") == first | {"e1", "f2"}
    assert ids(judged_project, 'SELECT candidate_id FROM "turn-1.raw".candidates', "turn-2") == first | {"e1", "f2"}
    later = 'SELECT candidate_id FROM workspace.candidates ANTI JOIN "turn-1".candidates USING (candidate_id)'
    assert ids(judged_project, later, "turn-1") == {"a4", "b4", "f2"}
    assert ids(judged_project, later, "turn-1", "workspace") == {"a4", "b4", "f2"}
    assert ids(judged_project, "SELECT labeler_id FROM labelers", "workspace") == ids(
        judged_project, "SELECT labeler_id FROM labelers"
    )


def test_the_branch_called_main_is_a_schema_too(judged_project: Path) -> None:
    query = 'SELECT count(*) FROM main.preferences JOIN "turn-1".preferences USING (pair_id)'
    assert ask(judged_project, query, "main", "turn-1") == [(3,)]
    assert ask(judged_project, "SELECT count(*) FROM preferences", "main") == [(4,)]


def test_several_revisions_leave_names_without_a_schema_open(judged_project: Path) -> None:
    with pytest.raises(QueryError, match=r'a table needs its own: "turn-1".TABLE or "turn-2".TABLE'):
        ask(judged_project, "FROM preferences", "turn-1", "turn-2")
    hidden = 'WITH preferences AS (FROM "turn-1".preferences) SELECT count(*) FROM preferences'
    assert ask(judged_project, hidden, "turn-1", "turn-2") == [(3,)]


def test_what_a_with_clause_hides_can_be_read_in_it(judged_project: Path) -> None:
    hidden = "WITH preferences AS (SELECT * FROM preferences WHERE votes_against > 0) SELECT count(*) FROM preferences"
    assert ask(judged_project, hidden) == [(1,)]


def test_names_may_be_written_in_capitals(judged_project: Path) -> None:
    assert ask(judged_project, "SELECT COUNT(*) FROM RAW.Candidates") == [(9,)]
    assert ask(judged_project, "SELECT COUNT(*) FROM ALL_TURNS.Preferences") == [(7,)]
    assert ask(judged_project, "SELECT COUNT(*) FROM Turns") == [(2,)]


@pytest.mark.parametrize("table", [name for name in TABLES if name != "pair_findings"])
def test_all_turns_are_each_turn_with_its_revision(judged_project: Path, table: str) -> None:
    for schema, single in (("all_turns", "turn-{}"), ("all_turns.raw", "turn-{}.raw")):
        found = ask(judged_project, f'SELECT revision, count(*) FROM "{schema}"."{table}" GROUP BY ALL ORDER BY ALL')
        counts = [
            (f"turn-{n}", ask(judged_project, f'SELECT count(*) FROM "{single.format(n)}"."{table}"')[0][0])
            for n in (1, 2)
        ]
        assert found == [count for count in counts if count[1]]


def test_all_turns_read_a_shared_file_once(judged_project: Path) -> None:
    [(_, plan)] = ask(judged_project, "EXPLAIN ANALYZE SELECT revision, count(*) FROM all_turns.rankings GROUP BY ALL")
    # turn 1 has an empty file of no earlier turn, and its own; turn 2 has both, and its own
    assert [int(number) for number in re.findall(r"Total Files Read: (\d+)", plan)] == [2, 1]


def test_views_over_all_turns_follow_each_turn(judged_project: Path) -> None:
    query = "SELECT revision, count(*) FROM all_turns.texts GROUP BY ALL ORDER BY ALL"
    assert ask(judged_project, query) == [("turn-1", 3), ("turn-2", 4)]


def test_an_older_revision_has_later_columns_and_tables_empty(judged_project: Path) -> None:
    assert ask(judged_project, 'SELECT DISTINCT margin FROM "turn-1".preferences') == [(None,)]
    assert ask(judged_project, 'SELECT count(*) FROM "turn-1".pair_findings') == [(0,)]
    weights = 'SELECT max(weight), count(*) FROM "turn-1".preference_pairs'
    assert ask(judged_project, weights) == [(pytest.approx(0.8), 3)]  # ann alone, right with .9: .9 - .1
    assert ask(judged_project, "SELECT count(*) FROM all_turns.preferences WHERE margin IS NULL") == [(7,)]


def test_files_of_one_table_may_differ_in_their_columns(judged_project: Path) -> None:
    assert ask(judged_project, "SELECT count(*), count(seed) FROM samples") == [(9, 0)]
    query = "SELECT revision, count(*), count(seed) FROM all_turns.samples GROUP BY ALL ORDER BY ALL"
    assert ask(judged_project, query) == [("turn-1", 7, 0), ("turn-2", 9, 0)]


def test_tables_that_nothing_has_committed_are_read(judged: Path) -> None:
    rows = pl.read_parquet(judged / "data/preferences/rows.parquet").head(1)
    (judged / "data/preferences/rows.parquet").unlink()
    rows.write_parquet(judged / "data/preferences/rows.parquet")
    assert ask(judged, "SELECT count(*) FROM preferences") == [(1,)]
    assert ask(judged, "SELECT count(*) FROM preferences", "HEAD") == [(4,)]


def test_the_workspace_is_what_lies_there_not_what_was_recorded(judged: Path) -> None:
    (judged / "dvc.lock").unlink()
    assert ask(judged, "SELECT count(*) FROM preferences") == [(4,)]
    (judged / "data/preferences/rows.parquet").unlink()
    assert ask(judged, "SELECT count(*) FROM preferences") == [(0,)]
    subprocess.run(["git", "checkout", "--quiet", "dvc.lock"], cwd=judged, check=True)
    assert ask(judged, "SELECT count(*) FROM preferences") == [(0,)]


def test_a_workspace_that_was_not_checked_out_is_read_from_the_cache(judged: Path) -> None:
    shutil.rmtree(judged / "data")
    assert ask(judged, "SELECT count(*), (SELECT count(*) FROM raw.candidates) FROM preferences") == [(4, 9)]


def test_a_workspace_without_its_objects_says_what_makes_them(judged: Path) -> None:
    shutil.rmtree(judged / "data")
    shutil.rmtree(judged / ".dvc/cache")
    with pytest.raises(RevisionError, match=r"workspace: data/.* `dvc repro` makes it, or `dvc remote add"):
        ask(judged, "FROM preferences")


def test_a_project_that_was_not_run_says_so(tmp_path: Path, flywheel: Callable[..., Any]) -> None:
    assert flywheel(tmp_path, "init", "project").returncode == 0
    with pytest.raises(QueryError, match="there is no table preferences: nothing was run here yet, `dvc repro`"):
        ask(tmp_path / "project", "FROM preferences")
    with pytest.raises(QueryError, match="there is no table preferences: HEAD has no data"):
        ask(tmp_path / "project", "FROM preferences", "HEAD")
    with pytest.raises(QueryError, match="there is no table preferences: HEAD has no data"):
        ask(tmp_path / "project", 'FROM "HEAD".preferences')


def test_turns_and_metrics_are_tables(judged_project: Path, git: Callable[..., str]) -> None:
    parent = git(judged_project, "rev-parse", "turn-1^{commit}")
    assert ask(judged_project, "SELECT tag, number, parent FROM turns") == [("turn-1", 1, None), ("turn-2", 2, parent)]
    assert ask(judged_project, 'SELECT "commit" FROM turns WHERE number = 1') == [(parent,)]
    query = "SELECT revision, key, value, text FROM metrics WHERE revision <> 'turn-2' AND key <> 'turn' ORDER BY ALL"
    assert ask(judged_project, query) == [
        ("turn-1", "by_kind.0.list", 0.25, None), ("turn-1", "gold_policy", 0.6, None),
        ("turn-1", "judge", None, "gold"),
        ("workspace", "by_kind.0.list", 0.5, None), ("workspace", "gold_policy", 0.7, None),
        ("workspace", "judge", None, "gold"),
    ]  # fmt: skip


def test_only_what_a_query_names_is_looked_for(judged: Path) -> None:
    revision = read_revision(judged, "turn-1")
    revision.locate("data/candidates/rows.parquet").unlink()
    assert ask(judged, "SELECT count(*) FROM preferences", "turn-1") == [(3,)]
    with pytest.raises(RevisionError, match=r"turn-1 .*data/candidates/rows.parquet .* no remote is set"):
        ask(judged, "SELECT count(*) FROM candidates", "turn-1")


def test_missing_objects_come_from_the_remote(judged: Path, tmp_path: Path, dvc: Callable[..., str]) -> None:
    dvc(judged, "remote", "add", "--local", "--default", "store", str(tmp_path / "remote"))
    dvc(judged, "push", "--quiet", "--all-commits")
    shutil.rmtree(judged / ".dvc/cache")
    assert ask(judged, "SELECT revision, count(*) FROM all_turns.preferences GROUP BY ALL ORDER BY ALL") == [
        ("turn-1", 3), ("turn-2", 4)
    ]  # fmt: skip
    fetched = [path for path in (judged / ".dvc/cache").rglob("*") if path.is_file() and not path.name.endswith(".dir")]
    assert len(fetched) == 2, "only what was asked for comes"


WRITES = (
    "COPY preferences TO 'stolen.csv'", "EXPLAIN ANALYZE COPY (SELECT 1) TO 'stolen.csv'",
    "EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO 'stolen.csv'", "EXPLAIN EXPLAIN SELECT 1",
    "/* x */ EXPLAIN /* y */ ANALYZE COPY (SELECT 1) TO 'stolen.csv'",
    "CREATE TABLE stolen AS SELECT 1", "CREATE TEMP TABLE t AS SELECT 1", "CREATE MACRO m() AS 1",
    "DROP VIEW preferences",
    "INSERT INTO turns VALUES (1)", "UPDATE turns SET number = 1", "DELETE FROM turns", "TRUNCATE turns",
    "WITH gone AS (DELETE FROM turns RETURNING *) SELECT * FROM gone",
    "WITH more AS (INSERT INTO turns (tag) VALUES ('x') RETURNING *) FROM more",
    "ATTACH 'stolen.duckdb'", "DETACH memory", "USE main", "INSTALL httpfs", "LOAD httpfs",
    "SET enable_external_access = true", "RESET allowed_paths", "SET VARIABLE x = 1", "PRAGMA database_list",
    "CALL pragma_version()", "EXPORT DATABASE 'stolen'", "IMPORT DATABASE 'stolen'", "CHECKPOINT", "VACUUM",
    "BEGIN", "COMMIT", "ROLLBACK", "PREPARE p AS SELECT 1", "EXECUTE p", "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO 'stolen.csv'", "", "-- nothing",
)  # fmt: skip


@pytest.mark.parametrize("query", WRITES)
@pytest.mark.parametrize("any_file", [False, True])
def test_a_query_can_only_read(judged_project: Path, tmp_path: Path, query: str, any_file: bool) -> None:
    before = sorted(Path().iterdir())
    with pytest.raises(QueryError) as caught:
        ask(judged_project, query.replace("stolen", str(tmp_path / "stolen")), any_file=any_file)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir()) and sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("COPY preferences TO 'x'", "COPY is refused.* --csv, --json and --parquet FILE write its result"),
        ("ATTACH 'x'", "ATTACH is refused, a query only reads: SELECT"),
        ("WITH gone AS (DELETE FROM turns RETURNING *) FROM gone", "DELETE is refused"),
        ("SELECT 1; SELECT 2", "2 statements were given"),
        ("-- nothing", "the query is empty"),
        ("INSTALL httpfs", "INSTALL is refused"),
        ("USE main", "USE is refused"),
        ("UPDATE EXTENSIONS", "this kind of statement is refused, a query only reads"),
    ],
)
def test_what_is_refused_is_named(judged_project: Path, query: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        ask(judged_project, query)


def test_the_connection_itself_writes_nothing_either() -> None:
    with open_connection() as connection:
        connection.execute("CREATE TABLE t AS SELECT 1")
        lock_connection(connection, [], any_file=True)
        with pytest.raises(duckdb.TransactionException):
            connection.execute("INSERT INTO t VALUES (2)")


@pytest.mark.parametrize(
    "rows",
    [
        "read_text('{}')", "read_blob('{}')", "read_csv('{}')", "read_parquet('{}')", "read_json('{}')", "glob('{}')",
        "'{}'", "sniff_csv('{}')", "parquet_metadata('{}')", "read_text('/proc/self/environ')", "glob('/*')",
        "query('SELECT * FROM read_text(''{}'')')", "duckdb_secrets()", "'https://example.org/x.parquet'",
        "read_text('file:{}')", "read_text('{}/../dvc.yaml')",
    ],
)  # fmt: skip
def test_a_query_reads_no_other_files(judged_project: Path, tmp_path: Path, rows: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nsesame\n")
    with pytest.raises(QueryError):
        ask(judged_project, f"SELECT * FROM {rows.format(secret)}")
    with pytest.raises(QueryError):
        ask(
            judged_project,
            f"SELECT (SELECT count(*) FROM preferences), * FROM {rows.format(judged_project / 'dvc.yaml')}",
        )


def test_other_files_can_be_allowed(judged_project: Path, tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("pair_id\nx\n")
    assert ask(judged_project, f"FROM read_csv('{tmp_path}/more.csv')", any_file=True) == [("x",)]


def test_python_variables_are_no_tables(judged_project: Path) -> None:
    secret = pl.DataFrame({"word": ["sesame"]})
    with pytest.raises(QueryError, match="there is no table secret"):
        ask(judged_project, "FROM secret")
    assert secret.height


def test_a_sort_larger_than_memory_goes_on_disk_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    sort = "SELECT max(a || r) FROM (SELECT md5(i::VARCHAR) AS a, row_number() OVER (ORDER BY md5(i::VARCHAR)) AS r"
    with open_connection() as connection:
        connection.execute("SET memory_limit = '40MB'; SET threads = 1")
        lock_connection(connection, [], any_file=False)
        assert connection.execute(f"{sort} FROM range(500000) AS t(i))").fetchall() == [
            ("fffffe98d0963d27015c198262d97221500000",)
        ]
        assert list(tmp_path.iterdir())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("FROM preferencs", r"there is no table preferencs, near are preferences"),
        ('FROM "turn-1".sample', r"there is no table sample, near are samples"),
        ("FROM all_turns.rating", r"there is no table rating, near are ratings"),
        ("FROM raw.turns", r"turns has the rows of every revision and stands without a schema: `FROM turns`"),
        ("FROM qqqqqq", r"there is no table qqqqqq: `flywheel sql 'SHOW TABLES'` lists"),
        ("SELECT chosen FROM preferences", r'"chosen" not found .*Candidate bindings: .*"chosen_id"'),
        ('FROM "turn-9".preferences', r"unknown revision 'turn-9'"),
        ('FROM "turn-1".raw.candidates', r'all rows of a revision are "turn-1.raw"."candidates"'),
        ("SELEC 1", r"syntax error at or near"),
        ("SELECT 'x'::INT", r"Could not convert string 'x'"),
        ("SELECT nofunction(1)", r"nofunction does not exist"),
        ("PIVOT preferences ON prompt_id USING count(*)", r"PIVOT table ON column IN \(value"),
    ],
)
def test_faults_are_one_line(judged_project: Path, query: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        ask(judged_project, query)
    assert "\n" not in str(caught.value) and "LINE 1" not in str(caught.value)


@pytest.mark.parametrize(
    "query",
    ["SHOW TABLES", "SHOW ALL TABLES", "SELECT table_name FROM information_schema.tables", "FROM duckdb_views()"],
)
def test_tables_can_be_listed(judged_project: Path, query: str) -> None:
    text = json.dumps(ask(judged_project, query), default=str)
    assert all(f'"{name}"' in text for name in (*TABLES, "texts", "preference_pairs"))
    assert '"signatures"' not in text  # what stages remember, though it lies with the tables


@pytest.mark.parametrize(
    "query", ["DESCRIBE preferences", 'SHOW "turn-1".preferences', "SUMMARIZE preferences", "EXPLAIN FROM preferences",
              "EXPLAIN ANALYZE FROM preferences", "TABLE preferences", "FROM preferences;", "FROM preferences -- all",
              "PIVOT preferences ON prompt_id IN ('p1', 'p2') USING count(*)", "VALUES (1)", " ( FROM preferences ) "],
)  # fmt: skip
def test_reading_statements_run(judged_project: Path, query: str) -> None:
    assert ask(judged_project, query)


def test_instants_are_times_in_utc_and_others_are_text(judged_project: Path) -> None:
    [(stored, zoned)] = ask(
        judged_project, "SELECT created_at, created_at AT TIME ZONE 'UTC' FROM rankings WHERE ranking_id = 'r1'"
    )
    assert stored.isoformat() == "2026-01-05T23:30:00" and zoned == "2026-01-05 23:30:00+00"
    instants = {name: c for name, table in TABLES.items() for c, kind in table.columns.items() if kind == pl.Datetime}
    from pipelines.versions.catalog import INSTANTS

    assert instants == INSTANTS


def test_a_query_for_a_count_loads_nothing_heavy(judged_project: Path) -> None:
    import os
    import sys

    command = [sys.executable, "-X", "importtime", "-m", "pipelines.cli", "sql", "SELECT count(*) FROM preferences"]
    done = subprocess.run(command, cwd=judged_project, capture_output=True, text=True, env=os.environ)
    assert done.stdout.split() == ["count_star()", "------------", "4"]
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"polars", "pyarrow", "dvc", "torch", "numpy", "pandas", "rich.table"}
