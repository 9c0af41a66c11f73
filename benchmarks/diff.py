"""Times `flywheel diff` beside datacompy and Oxen on the same rows, as two revisions of a project and as two files.

    python benchmarks/diff.py [--rows 1000000] [--runs 3] [--keep DIR]

One percent of the rows is edited at the source, one percent added, one percent newly dropped (in the files: removed).
Each program runs by itself, in turns; its run of the least CPU is shown. The peers get an environment of their own
under --keep. datacompy is run on pandas, as its docs begin, and on polars, its quickest way.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pipelines.store import write_parquet  # noqa: E402
from schemas.ids import demonstration_id  # noqa: E402
from schemas.tables import TABLES, conform_frame, empty_frame  # noqa: E402

PEERS = ("datacompy==1.1.0", "oxenai==0.65.1")
DATACOMPY = """
import importlib, json, sys, datacompy
library = importlib.import_module(sys.argv[3])
old, new = (library.read_parquet(path) for path in sys.argv[1:3])
found = getattr(datacompy, sys.argv[3].title() + "Compare")(old, new, join_columns=["id"])
both, same = len(found.intersect_rows), found.count_matching_rows()
print(json.dumps({"added": len(found.df2_unq_rows), "removed": len(found.df1_unq_rows), "changed": int(both - same)}))
"""
OXEN = """
import json, sys, oxen
found = oxen.diff(sys.argv[1], to=sys.argv[2], keys=["id"]).get().data
states = found.get_column("_oxen_diff_status").to_list()
print(json.dumps({"added": states.count("added"), "removed": states.count("removed"),
                  "changed": states.count("modified")}))
"""
SENTENCES, WORDS, ROW_SENTENCES = 50_000, 20_000, 10


def make_texts(n_rows: int) -> Iterator[str]:
    """Texts of about 1 KB of made-up words, never the same."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(WORDS)]
    weights = [1 / (place + 10) for place in range(WORDS)]
    sentences = [" ".join(chance.choices(words, weights, k=16)) for _ in range(SENTENCES)]
    for number in range(n_rows):
        yield ". ".join([str(number), *chance.choices(sentences, k=ROW_SENTENCES)])


def hash_number(number: int) -> str:
    """An id that says nothing."""
    return hashlib.blake2b(str(number).encode(), digest_size=16).hexdigest()


def write_files(folder: Path, texts: list[str], share: int) -> tuple[Path, Path]:
    """The rows as two Parquet files."""
    n = len(texts) - share
    ids = [hash_number(number) for number in range(len(texts))]
    frame = pl.DataFrame({"id": ids, "text": texts, "kind": ["list", "rewrite", "other", "other"] * (len(texts) // 4)})
    number = pl.int_range(pl.len())
    edited = pl.when(number < share).then(pl.col("text") + " edited").otherwise(pl.col("text"))
    old, new = folder / "old.parquet", folder / "new.parquet"
    write_parquet(frame.head(n).sort("id"), old)
    write_parquet(
        frame.with_columns(edited.alias("text")).filter(~number.is_between(share, 2 * share - 1)).sort("id"), new
    )
    return old, new


def write_project(root: Path, texts: list[str], share: int, *, next_turn: bool) -> None:
    """Two revisions, `before` and `after`, of a project whose dvc.lock names files in its cache.

    A new version of the source was taken in, and a rule got stricter. As in any project no row of a table is ever
    rewritten or taken out: an edited row comes as one more, and the ledger of all drops, judged again, says which are
    out of use. Two percent were dropped before already.

    Args:
        next_turn: what came is in files of its own, and those of the turn before are as they were; else the same turn
            was run again, and its files hold what was there and what came.
    """
    n = len(texts) - share
    rows = [_demonstration(number, text) for number, text in enumerate(texts)]
    edited = [_demonstration(number, f"{texts[number]} edited") for number in range(share)]
    came = [*edited, *rows[n:]]
    early = [(row["demonstration_id"], "too_long") for row in rows[2 * share : 4 * share]]
    drops = [(row["demonstration_id"], "too_short") for row in rows[share : 2 * share]]
    drops += [(row["demonstration_id"], "vanished_at_source") for row in rows[:share]]
    old = {"demonstrations": rows[:n], "origins": _origins(rows[:n], range(n))}
    added = {"demonstrations": came, "origins": _origins(came, [*range(share), *range(n, n + share)])}
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").touch()
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "versions.yaml").write_text("stages: {}\n")
    _commit(root, "before", old, early)
    if next_turn:
        past = {f"past/{name}/turn=001": found for name, found in old.items()}
        _commit(root, "after", past | added, early + drops)
    else:
        _commit(root, "after", {name: [*old[name], *added[name]] for name in added}, early + drops)


def _demonstration(number: int, text: str) -> dict:
    message = {"role": "assistant", "content": text, "name": None, "tool_calls": None, "tool_call_id": None}
    completion = [{**message, "train": True}]
    prompt = hash_number(number)
    return {
        "demonstration_id": demonstration_id(prompt, completion), "prompt_id": prompt, "completion": completion,
        "rationale": None,
    }  # fmt: skip


def _origins(rows: list[dict], numbers: Iterable[int]) -> list[dict]:
    return [
        {"row_id": row["demonstration_id"], "source": "web", "external_id": str(number), "table_name": "demonstrations",
         "source_sha256": None, "source_row": number, "licence": None, "consent": None, "teacher": None, "turn": 1}
        for row, number in zip(rows, numbers, strict=True)
    ]  # fmt: skip


def _commit(root: Path, tag: str, tables: dict[str, list[dict]], drops: list[tuple[str, str]]) -> None:
    outs: list[dict] = []
    frames = {path: conform_frame(_table_of(path), pl.DataFrame(rows, schema=dict(TABLES[_table_of(path)].columns)))
              for path, rows in tables.items()}  # fmt: skip
    ledger = [
        {"table_name": "demonstrations", "row_id": row, "reason": reason, "value": 0.5, "threshold": 1.0,
         "matched_id": None, "rule_version": 1, "stage": "curate", "turn": 1}
        for row, reason in drops
    ]  # fmt: skip
    frames["dropped"] = (
        conform_frame("dropped", pl.DataFrame(ledger, schema=dict(TABLES["dropped"].columns)))
        if ledger else empty_frame("dropped")
    )  # fmt: skip
    frames.setdefault("past/guidelines/turn=001", empty_frame("guidelines"))
    for path, frame in frames.items():
        file = root / "staged.parquet"
        write_parquet(frame, file)
        md5 = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
        target = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
        target.parent.mkdir(parents=True, exist_ok=True)
        size = file.stat().st_size
        file.replace(target)
        outs.append({"path": f"data/{path}.parquet", "md5": md5, "size": size, "hash": "md5"})
    outs.append(_list_past(root, outs))
    lock = {
        "schema": "2.0",
        "stages": {"all": {"cmd": "true", "outs": [out for out in outs if "past/" not in out["path"]]}},
    }
    (root / "dvc.lock").write_text(json.dumps(lock))
    (root / ".gitignore").write_text(".dvc/cache\n.flywheel\n")
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.org"]
    subprocess.run(["git", *who, "add", "--all"], cwd=root, check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", tag], cwd=root, check=True)
    subprocess.run(["git", *who, "tag", tag], cwd=root, check=True)


def _list_past(root: Path, outs: list[dict]) -> dict:
    """data/past as a directory of DVC's."""
    inside = [{"md5": out["md5"], "relpath": out["path"].removeprefix("data/past/")} for out in outs
              if out["path"].startswith("data/past/")]  # fmt: skip
    listing = json.dumps(sorted(inside, key=lambda entry: entry["relpath"])).encode()
    md5 = hashlib.md5(listing, usedforsecurity=False).hexdigest()
    target = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / f"{md5[2:]}.dir"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(listing)
    return {"path": "data/past", "md5": f"{md5}.dir", "hash": "md5", "nfiles": len(inside)}


def _table_of(path: str) -> str:
    return path.split("/")[1] if path.startswith("past/") else path


def run_measured(command: list[str], folder: Path) -> tuple[float, float, int, dict]:
    """CPU seconds, wall seconds, peak MB and printed JSON of a program."""
    watch = (
        "import json, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True, text=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss // 1024, done.stdout, done.stderr[-2000:]]))"
    )
    start = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", watch, *command], cwd=folder, capture_output=True, text=True, env=environment
    )
    wall = time.perf_counter() - start
    cpu, peak, out, err = json.loads(done.stdout)
    try:
        return cpu, wall, peak, json.loads(out[out.index("{") :])
    except ValueError:
        sys.exit(f"{command}: {err}{out[-500:]}")


def make_environment(folder: Path) -> Path:
    """Python of an environment with the peers."""
    python = folder / "peers" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "peers")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEERS], check=True)
    return python


def prepare(folder: Path, n_rows: int) -> None:
    """Write the rows in every form, in a process of its own: its memory must not count as anyone's."""
    share = n_rows // 100
    texts = list(make_texts(n_rows + share))
    write_files(folder, texts, share)
    write_project(folder / "next-turn", texts, share, next_turn=True)
    write_project(folder / "same-turn", texts, share, next_turn=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="Folder for environment and rows, used again.")
    parser.add_argument("--prepare", action="store_true", help="Only write the rows into --keep.")
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="flywheel-diff-"))
    folder.mkdir(parents=True, exist_ok=True)
    rows = folder / f"rows-{asked.rows}"
    if asked.prepare:
        prepare(rows, asked.rows)
        return
    try:
        if not (rows / "same-turn" / "dvc.lock").exists():
            shutil.rmtree(rows, ignore_errors=True)
            rows.mkdir()
            command = [sys.executable, __file__, "--prepare", "--keep", str(folder), "--rows", str(asked.rows)]
            subprocess.run(command, check=True)
        print_table(rows, make_environment(folder), asked.rows, asked.runs)
    finally:
        if asked.keep is None:
            shutil.rmtree(folder)


def print_table(rows: Path, peers: Path, n_rows: int, n_runs: int) -> None:
    """Run everyone several times, in turns."""
    ours = [sys.executable, "-m", "pipelines.cli", "diff", "--json", "--limit", "2"]
    files = ["old.parquet", "new.parquet"]
    programs = {
        "flywheel diff, next turn": (rows / "next-turn", [*ours, "before", "after"]),
        "flywheel diff, same turn run again": (rows / "same-turn", [*ours, "before", "after"]),
        "flywheel diff, two files": (rows, [*ours, *files, "--key", "id"]),
        "datacompy 1.1 on pandas, two files": (rows, [str(peers), "-c", DATACOMPY, *files, "pandas"]),
        "datacompy 1.1 on polars, two files": (rows, [str(peers), "-c", DATACOMPY, *files, "polars"]),
        "Oxen 0.65, two files": (rows, [str(peers), "-c", OXEN, *files]),
    }
    runs = [{name: run_measured(command, folder) for name, (folder, command) in programs.items()}
            for _ in range(n_runs)]  # fmt: skip
    least = {name: min((run[name] for run in runs), key=lambda run: run[0]) for name in programs}
    print(f"{n_rows:,} rows of 1 KB; one percent each edited, added, dropped\n")
    peers_cpu = ["datacompy's CPU on pandas", "on polars", "Oxen's CPU"]
    heads = ["CPU s", *peers_cpu, "wall s", "peak MB", "added", "edited", "removed or dropped"]
    print(f"| | {' | '.join(heads)} |\n|---|{'--:|' * len(heads)}")
    for name, (cpu, wall, peak, found) in least.items():
        ratios = [f"{least[peer][0] / cpu:.1f}x" for peer in programs if peer.startswith(("datacompy", "Oxen"))]
        cells = [f"{cpu:.2f}", *ratios, f"{wall:.2f}", str(peak), *(f"{n:,}" for n in _read_counts(found))]
        print(f"| {name} | {' | '.join(cells)} |")


def _read_counts(found: dict) -> tuple[int, int, int]:
    """Rows added, edited, and removed or newly dropped; edited rows of a project stand among its added ones."""
    table = found.get("tables", {}).get("demonstrations")
    if table is None:
        return found["added"], found["changed"], found["removed"]
    edited = table["terms"].get("edited", 0)
    return table["added"] - edited, edited, table["rules"]["newly_dropped"]["too_short"]


if __name__ == "__main__":
    main()
