"""Measures what history costs: cache growth by a changed threshold, reading a curated table, commands after 20 turns.

    python benchmarks/history.py [--rows 100000] [--turns 20] [--only threshold|turns] [--keep FOLDER]

Everything is a real project with real `dvc repro`. Demonstrations of about 1 KB come in by `flywheel ingest`; a
threshold that drops some of them then moves so that 1% more go, and bytes under `.dvc/cache` are counted before and
after. The curated table (raw rows without those in the ledger) is read beside a flat file of exactly its rows, by the
same reader. The turns are small ones (tests/small.py), chained by `flywheel next`; copies of the project as it was
after its first and after its last `dvc repro` take turns in running each command.
Prints Markdown tables: the best of --repeats runs, or their median where it says so.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from small import SMALL, set_params  # noqa: E402

from curation.ledger import keep_rows  # noqa: E402
from pipelines.store import write_parquet  # noqa: E402
from pipelines.versions.connection import open_connection  # noqa: E402
from pipelines.versions.sql import open_query  # noqa: E402
from schemas.tables import union_rows  # noqa: E402

IMPORTED = {
    "prompts.sources": ["imports"], "demonstrations.teachers": ["imports"],
    "prompts.splits": {"validation": 0.01, "benchmark": 0.01},
}  # fmt: skip
THRESHOLD = "curate_demonstrations.rules.too_long.max_characters"
LENGTHS = (501, 1500)
STEP = (LENGTHS[1] - LENGTHS[0] + 1) // 100
"""Lengths are evenly spread, so a threshold this much lower drops 1% more."""
AT_FIRST = LENGTHS[1] - 21 * STEP
TABLE = "demonstrations"
FOOTER = "count(*): the flat file's footer has it"
QUERIES = {
    FOOTER: "SELECT count(*) FROM {}",
    "a sum over all text": "SELECT count(*), sum(len(completion[1].content)) FROM {}",
    "a hash of every column": "SELECT count(*), sum(hash(each)) FROM {} AS each",
    "every row, as Python has it": "SELECT * FROM {}",
}
COMMANDS = {
    "`dvc repro`, nothing to do": ["dvc", "repro"],
    "`flywheel status`": ["pipelines.cli", "status"],
    '`flywheel sql "select count(*) from preferences"`': ["pipelines.cli", "sql", "select count(*) from preferences"],
    "`flywheel verify`": ["pipelines.cli", "verify"],
}


def run(root: Path, *module: str) -> tuple[float, float]:
    """Run a Python module that must succeed; wall clock and CPU seconds, its children's included."""
    names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | names | {"PATH": path, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, "-m", *module], cwd=root, env=environment, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            said.seek(0)
            raise SystemExit(f"{' '.join(module)} failed in {root}:\n{said.read().decode()[-3000:]}")
    return seconds, used.ru_utime + used.ru_stime


def make_project(root: Path, params: dict[str, Any]) -> None:
    run(ROOT, "pipelines.cli", "init", str(root))
    set_params(root, params)
    subprocess.run(["git", "commit", "--quiet", "--all", "--message=params"], cwd=root, check=True)


def make_text(draw: random.Random, words: list[str], weights: list[float], length: int) -> str:
    """Sentences of words as rare and common as in real text, so that it compresses like one."""
    drawn = iter(draw.choices(words, cum_weights=weights, k=length // 3 + 2))
    text, until = next(drawn).capitalize(), draw.randint(5, 20)
    while len(text) < length:
        until -= 1
        text += f". {next(drawn).capitalize()}" if until == 0 else f" {next(drawn)}"
        until = draw.randint(5, 20) if until == 0 else until
    return f"{text[: length - 1].rstrip(' .').ljust(length - 1, 'a')}."


def write_answers(path: Path, rows: int) -> None:
    """An Alpaca file of questions and answers of evenly spread lengths."""
    draw = random.Random(1)
    parts = [f"{first}{second}" for first in "bdfgklmnprst" for second in "aeiou"]
    words = sorted({"".join(draw.choices(parts, k=draw.randint(1, 4))) for _ in range(30_000)})
    draw.shuffle(words)
    weights, total = [], 0.0
    for rank in range(len(words)):
        total += 1 / (rank + 10)
        weights.append(total)
    with path.open("w") as file:
        for number in range(rows):
            question = f"{make_text(draw, words, weights, 60)[:-1]} {number}?"
            answer = make_text(draw, words, weights, draw.randint(*LENGTHS))
            file.write(json.dumps({"instruction": question, "input": "", "output": answer}) + "\n")


def count_bytes(root: Path) -> dict[str, int]:
    """Size of each object in the cache."""
    cache = root / ".dvc" / "cache"
    return {str(path.relative_to(cache)): path.stat().st_size for path in cache.rglob("*") if path.is_file()}


def count_dropped(root: Path) -> int:
    counts = json.loads((root / "metrics/demonstrations.json").read_text())
    return counts["dropped"]


def measure_threshold(folder: Path, rows: int, repeats: int) -> None:
    """Print how much the cache grows when 1% more rows are dropped, and how fast the curated table is read."""
    root = folder / f"threshold-{rows}"
    noted = folder / f"threshold-{rows}.json"
    if not noted.exists():
        shutil.rmtree(root, ignore_errors=True)
        noted.write_text(json.dumps(move_threshold(root, rows)))
    told = json.loads(noted.read_text())
    raw = (root / f"data/{TABLE}.parquet").stat().st_size
    print("| raw rows | dropped before | dropped after | raw table, MB | new in cache, MB | of the raw table | goal |")
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {rows:,} | {told['before']:,} | {told['after']:,} | {raw / 1e6:.1f} | {told['growth'] / 1e6:.2f}"
        f" | {told['growth'] / raw:.1%} | <= 3% |\n",
        flush=True,
    )
    compare_readers(root, repeats)


def move_threshold(root: Path, rows: int) -> dict[str, int]:
    """Run a project up to its demonstrations' ledger, twice: rows dropped each time, and bytes new in the cache."""
    make_project(root, SMALL | IMPORTED | {THRESHOLD: AT_FIRST})
    source = root.with_suffix(".jsonl")
    write_answers(source, rows)
    run(root, "pipelines.cli", "ingest", str(source))
    source.unlink()
    run(root, "dvc", "repro", "curate_demonstrations")
    earlier, before = count_bytes(root), count_dropped(root)
    set_params(root, {THRESHOLD: AT_FIRST - STEP})
    run(root, "dvc", "repro", "curate_demonstrations")
    later = count_bytes(root)
    growth = sum(size for name, size in later.items() if name not in earlier)
    return {"before": before, "after": count_dropped(root), "growth": growth}


def compare_readers(root: Path, repeats: int) -> None:
    """Print CPU seconds of reading the curated table and a flat file of its rows, by DuckDB and by polars."""
    raw = pl.read_parquet(root / f"data/{TABLE}.parquet")
    flat = root.parent / f"{root.name}-flat.parquet"
    write_parquet(keep_rows(TABLE, raw, read_ledger(root)), flat)
    sizes = [path.stat().st_size / 1e6 for path in (root / f"data/{TABLE}.parquet", flat)]
    print(f"The longest rows are those dropped: {sizes[0]:.1f} MB of raw rows, {sizes[1]:.1f} MB in the flat file.\n")
    del raw
    print("| read by | query | curated, CPU s | flat file, CPU s | ratio | goal |\n|---|---|---|---|---|---|")
    for name, query in QUERIES.items():
        compare_by_duckdb(root, flat, name, query, repeats)
    compare_by_polars(root, flat, repeats)


def compare_by_duckdb(root: Path, flat: Path, name: str, query: str, repeats: int) -> None:
    """The query as `flywheel sql` runs it, its views made, beside the same query over the flat file."""
    peer = query.format(f"read_parquet('{flat}')")
    with open_query(root, query.format(TABLE)) as ours, open_connection() as theirs:
        works = {"ours": lambda: take_all(ours.connection, ours.text), "flat": lambda: take_all(theirs, peer)}
        print_ratio("DuckDB", name, works, repeats)


def compare_by_polars(root: Path, flat: Path, repeats: int) -> None:
    """Files as polars reads them, and as every stage does: by key, one row each."""
    path = root / f"data/{TABLE}.parquet"
    works = {
        "ours": lambda: keep_rows(TABLE, pl.read_parquet(path), read_ledger(root)).height,
        "flat": lambda: pl.read_parquet(flat).height,
    }
    print_ratio("polars", "every row", works, repeats)
    works = {
        "ours": lambda: keep_rows(TABLE, union_rows(TABLE, pl.read_parquet(path)), read_ledger(root)).height,
        "flat": lambda: union_rows(TABLE, pl.read_parquet(flat)).height,
    }
    print_ratio("polars", "every row, as a stage reads it", works, repeats)


def read_ledger(root: Path) -> pl.DataFrame:
    """All of the ledger."""
    return pl.concat([pl.read_parquet(path) for path in sorted((root / "data/dropped").glob("*.parquet"))])


def take_all(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Every row of a query, batch by batch as `flywheel sql` prints them: how many."""
    cursor, count = connection.execute(query), 0
    while batch := cursor.fetchmany(2048):
        count += len(batch)
    return count


def print_ratio(reader: str, query: str, works: dict[str, Callable[[], int]], repeats: int) -> None:
    """Check that two readings have as many rows, and print the least CPU seconds of each."""
    if len({work() for work in works.values()}) > 1:
        raise SystemExit(f"{reader}, {query}: the curated table and the flat file differ")
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for who, work in works.items():
            started = time.process_time()
            work()
            best[who] = min(best[who], time.process_time() - started)
    ratio, goal = best["ours"] / best["flat"], "" if query == FOOTER else "<= 2"
    print(f"| {reader} | {query} | {best['ours']:.3f} | {best['flat']:.3f} | {ratio:.2f} | {goal} |", flush=True)


def measure_turns(folder: Path, turns: int, repeats: int) -> None:
    """Print what commands take in a project of one turn and of many, one after the other."""
    roots = {1: folder / "turn-1", turns: folder / "turns"}
    run_turns(roots[turns], roots[1], turns)
    print("| command | turn | wall s | CPU s | CPU s, median | files in data | objects in cache |")
    print("|---|---|---|---|---|---|---|")
    for name, command in COMMANDS.items():
        times: dict[int, list[tuple[float, float]]] = {number: [] for number in roots}
        for repeat in range(repeats + 1):
            for number, root in roots.items():
                measured = run(root, *command)
                times[number] += [measured] if repeat else []  # the first warms up what is remembered of files
        for number, root in roots.items():
            walls, cpus = zip(*times[number], strict=True)
            files = sum(path.is_file() for path in (root / "data").rglob("*"))
            print(
                f"| {name} | {number} | {min(walls):.2f} | {min(cpus):.2f} | {statistics.median(cpus):.2f} | {files:,}"
                f" | {len(count_bytes(root)):,} |",
                flush=True,
            )


def run_turns(root: Path, first: Path, turns: int) -> None:
    """Chain small turns, the last one left open; copy the project after the first. Goes on where it stopped."""
    if not (root / "params.yaml").exists():
        make_project(root, SMALL)
    done = len(subprocess.check_output(["git", "tag", "--list", "turn-*"], cwd=root, text=True).split())
    for number in range(done + 1, turns + 1):
        seconds, _ = run(root, "dvc", "repro", "--quiet")
        sys.stderr.write(f"turn {number}: {seconds:.0f} s\n")
        if number == 1:
            shutil.rmtree(first, ignore_errors=True)
            shutil.copytree(root, first, symlinks=True)
        if number < turns:
            run(root, "pipelines.cli", "next")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="of demonstrations")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["threshold", "turns"])
    parser.add_argument("--keep", type=Path, help="keep the projects here; what is finished is not run again")
    options = parser.parse_args()
    folder = (options.keep or Path(tempfile.mkdtemp())).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if options.only != "turns":
        measure_threshold(folder, options.rows, options.repeats)
    if options.only != "threshold":
        measure_turns(folder, options.turns, options.repeats)
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
