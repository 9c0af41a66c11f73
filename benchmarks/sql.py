"""Times `flywheel sql`: resolving revisions, a query over five turns beside a union of views, a count as a process.

    python benchmarks/sql.py [--rows 300000] [--turns 20] [--keep DIR]

A project of that many turns, made by real git and DVC, has a table `samples` whose last five turns share all but the
newest parts; each committed dvc.lock also has the stages of this repository's own, so that it is as long. The peer is
DuckDB as one would use it on the same files: five views and their union. Both answers must be equal. Times are the
least of several runs, alternating.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipelines.versions.catalog import Catalog  # noqa: E402
from pipelines.versions.contents import Contents  # noqa: E402
from pipelines.versions.revisions import read_revisions  # noqa: E402
from pipelines.versions.scans import list_texts, quote_name  # noqa: E402
from pipelines.versions.sql import open_query  # noqa: E402

SHOWN = 5
RUNS = 15
QUERY = "SELECT revision, policy, count(*), avg(n_tokens) FROM {} GROUP BY ALL ORDER BY ALL"
COUNT = "SELECT count(*) FROM preferences"
DVC_YAML = """\
stages:
  tables:
    cmd: {python} make.py {rows} {turns}
    params: [turn]
    outs: [data/past, data/samples.parquet, data/preferences.parquet]
"""
MAKE = '''\
"""Writes one turn's samples and what earlier turns had: the same bytes in every turn."""
import sys
from pathlib import Path
import duckdb, yaml

rows, turns = int(sys.argv[1]), int(sys.argv[2])
turn = yaml.safe_load(Path("params.yaml").read_text())["turn"]["number"]
Path("data/past/samples").mkdir(parents=True)
with duckdb.connect() as connection:
    for number in range(1, turn + 1):
        start, end = rows * (number - 1) // turns, rows * number // turns
        path = "data/samples.parquet" if number == turn else f"data/past/samples/turn={number:03d}.parquet"
        connection.execute(f"""COPY (
            SELECT md5(i::VARCHAR) AS candidate_id, md5('policy' || ({number} * 3 + i % 3)) AS policy,
                i % 4 AS sample_index, {number} AS turn, NULL::VARCHAR AS checkpoint, 1.0 AS temperature,
                1.0 AS top_p, i AS seed, 'stop' AS finish_reason, (hash(i) % 200)::BIGINT AS n_tokens
            FROM range({start}, {end}) AS r(i) ORDER BY candidate_id
        ) TO '{path}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20000)""")
    pairs = f"SELECT md5(i::VARCHAR) AS pair_id FROM range({rows // 10}) AS r(i)"
    connection.execute(f"COPY ({pairs}) TO 'data/preferences.parquet'")
'''


def run(root: Path, *command: str) -> None:
    """Run a command that must succeed."""
    who = {f"GIT_{role}_{what}": "x@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, env={**os.environ, **who, "PATH": path})
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout}{done.stderr}")


def make_project(root: Path, rows: int, turns: int) -> None:
    """A project whose last five turns are tagged."""
    root.mkdir(parents=True)
    (root / "dvc.yaml").write_text(DVC_YAML.format(python=sys.executable, rows=rows, turns=turns))
    (root / "make.py").write_text(MAKE)
    (root / "versions.yaml").write_text("stages: {}\n")
    (root / ".gitignore").write_text("/data/\n/.flywheel/\n")
    run(root, "git", "init", "--quiet")
    run(root, sys.executable, "-m", "dvc", "init", "--quiet")
    for turn in range(turns - SHOWN + 1, turns + 1):
        (root / "params.yaml").write_text(f"turn: {{number: {turn}, parent: null}}\n")
        run(root, sys.executable, "-m", "dvc", "repro", "--quiet")
        commit_turn(root, turn)


def commit_turn(root: Path, turn: int) -> None:
    """Commit and tag, with a dvc.lock of the usual length."""
    lock = root / "dvc.lock"
    own = lock.read_text()
    others = (ROOT / "dvc.lock").read_text().partition("stages:\n")[2]
    others = others.replace("path: data/", "path: sandbox/").replace("number: 1", f"number: {turn}")
    lock.write_text(own + others)
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", f"turn {turn}")
    run(root, "git", "tag", f"turn-{turn}")
    lock.write_text(own)


def time_best(work: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """Least wall and least CPU seconds of several runs, those of child processes included."""
    walls, cpus = [], []
    for _ in range(runs):
        before, started = _cpu(), time.perf_counter()
        work()
        walls.append(time.perf_counter() - started)
        cpus.append(_cpu() - before)
    return min(walls), min(cpus)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def resolve(root: Path, tags: list[str], *, cold: bool) -> int:
    """Find every file of data of some revisions; cold, with no dvc.lock parsed yet."""
    if cold:
        shutil.rmtree(root / ".flywheel", ignore_errors=True)
    return sum(len(parts) for revision in read_revisions(root, tags) for parts in Contents(revision).tables.values())


def ask_ours(root: Path) -> list[tuple]:
    """The query as `flywheel sql` answers it, from git to rows."""
    with open_query(root, QUERY.format("all_turns.samples")) as answer:
        return list(answer.list_rows())


def ask_union(files: dict[str, list[str]]) -> list[tuple]:
    """The query over a union of five views of files that are known already."""
    with duckdb.connect() as connection:
        create_union(connection, files)
        return connection.execute(QUERY.format("united")).fetchall()


def create_union(connection: duckdb.DuckDBPyConnection, files: dict[str, list[str]]) -> None:
    """Five views, and one of all."""
    for tag, paths in files.items():
        scan = f"SELECT * FROM read_parquet({list_texts(paths)}, union_by_name = true, hive_partitioning = false)"
        connection.execute(f"CREATE VIEW {quote_name(tag)} AS {scan}")
    selects = (f"SELECT '{tag}' AS revision, * FROM {quote_name(tag)}" for tag in files)
    connection.execute(f"CREATE VIEW united AS {' UNION ALL BY NAME '.join(selects)}")


def time_queries(root: Path, files: dict[str, list[str]]) -> dict[str, tuple[float, float]]:
    """The two queries alone, their views made, in turns: {who: wall and CPU seconds}."""
    best: dict[str, tuple[float, float]] = {}
    with open_query(root, QUERY.format("all_turns.samples")) as ours, duckdb.connect() as theirs:
        create_union(theirs, files)
        if list(ours.list_rows()) != theirs.execute(QUERY.format("united")).fetchall():
            raise SystemExit("the two answers differ")
        for _ in range(RUNS):
            works = {
                "ours": lambda: list(ours.list_rows()),
                "union": lambda: theirs.execute(QUERY.format("united")).fetchall(),
            }
            for who, work in works.items():
                wall, cpu = time_best(work, 1)
                known = best.get(who, (wall, cpu))
                best[who] = min(known[0], wall), min(known[1], cpu)
    return best


def count_process(root: Path) -> None:
    """`flywheel sql COUNT`, as a process."""
    command = [sys.executable, "-m", "pipelines.cli", "sql", COUNT]
    subprocess.run(command, cwd=root, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="where the project is made, and found again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.keep or Path(temporary)).absolute() / f"sql-{arguments.rows}-{arguments.turns}"
        if not root.exists():
            make_project(root, arguments.rows, arguments.turns)
        report(root)


def report(root: Path) -> None:
    """Measure and print."""
    catalog = Catalog(root)
    tags = [turn.tag for turn in catalog.turns]
    files = {turn.tag: [str(part.file) for part in turn.contents.tables["samples"]] for turn in catalog.turns}
    distinct = {path for paths in files.values() for path in paths}
    cold, warm = (time_best(lambda cold=cold: resolve(root, tags, cold=cold)) for cold in (True, False))
    alone = time_queries(root, files)
    whole_ours, whole_union = time_best(lambda: ask_ours(root)), time_best(lambda: ask_union(files))
    process = time_best(lambda: count_process(root), 5)
    rows = [
        ("resolve 5 revisions, cold", cold, None, "<= 80 ms"),
        ("resolve 5 revisions, warm", warm, None, "<= 20 ms"),
        ("the query, views made", alone["ours"], alone["union"], ">= 2x"),
        ("from names of turns (union: from files) to rows", whole_ours, whole_union, ""),
        (f"`{COUNT}`, a process", process, None, "<= 600 ms CPU"),
    ]
    read = sum(map(len, files.values()))
    print(f"{len(tags)} turns, {len(distinct)} files of `samples`, {read} where each turn reads its own\n")
    print("| | ours, ms (CPU) | union of 5 views, ms (CPU) | ratio (CPU) | goal |\n|---|---|---|---|---|")
    for name, ours, theirs, goal in rows:
        peer = (show(theirs), ratio(theirs, ours)) if theirs else ("", "")
        print(f"| {name} | {show(ours)} | {' | '.join(peer)} | {goal} |")


def show(times: tuple[float, float]) -> str:
    """Wall and CPU milliseconds."""
    return f"{times[0] * 1000:.1f} ({times[1] * 1000:.1f})"


def ratio(theirs: tuple[float, float], ours: tuple[float, float]) -> str:
    """How many times faster, by wall and by CPU."""
    return f"{theirs[0] / ours[0]:.1f}x ({theirs[1] / ours[1]:.1f}x)"


if __name__ == "__main__":
    main()
