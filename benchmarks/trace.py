"""Times `flywheel trace` on a history of a million rows in five turns: one row of each table and a model, as processes.

    python benchmarks/trace.py [--rows 1000000] [--turns 5] [--keep FOLDER]

The history is real git and a real cache, made without running stages: candidates and their samples are four tenths of
the rows each, prompts and rankings one tenth each; a preference for each ranking and a ledger come on top, anew in each
turn. Prints a Markdown table, the least of --repeats runs each: seconds of wall clock and of CPU (git's included), and
peak memory. What else the machine does can only add to them.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.store import write_parquet
from schemas.ids import digest_rows, pair_id
from schemas.tables import TABLES, conform_frame, empty_frame

TEXT = "an answer of about two hundred characters that says nothing much but takes its room in the file, " * 2
REASONS = ("near_duplicate", "too_short", "url_share")


def make_ids(count: int, seed: int) -> list[str]:
    """Random ids of 32 hex digits."""
    return [row.tobytes().hex() for row in np.random.default_rng(seed).integers(0, 256, (count, 16), dtype=np.uint8)]


def fill(name: str, columns: Mapping[str, Any]) -> pl.DataFrame:
    """A table with the columns given, null in the others."""
    frame = pl.DataFrame(columns, schema_overrides=dict(TABLES[name].columns), strict=False)
    missing = [pl.lit(None, dtype).alias(c) for c, dtype in TABLES[name].columns.items() if c not in frame.columns]
    return conform_frame(name, frame.with_columns(missing))


def say(role: str, text: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": text, "name": None, "tool_calls": None, "tool_call_id": None}]


def make_turn(number: int, rows: int) -> dict[str, pl.DataFrame]:
    """The raw rows of one turn: four candidates a prompt, ranked once by one of twelve simulated labelers."""
    n_prompts = rows // 10
    prompts, policies = make_ids(n_prompts, number), make_ids(2, 100 + number)
    candidates = make_ids(4 * n_prompts, 200 + number)
    owners = [prompts[place // 4] for place in range(len(candidates))]
    tiers = [
        [{"candidate_ids": [each], "tied": False} for each in candidates[4 * place : 4 * place + 4]]
        for place in range(n_prompts)
    ]
    rankings = make_ids(n_prompts, 300 + number)
    return {
        "prompts": fill("prompts", {
            "prompt_id": prompts, "messages": [say("user", f"question {number} {n}") for n in range(n_prompts)],
            "conversation_id": prompts,
        }),
        "assignments": fill("assignments", {
            "prompt_id": prompts, "cluster_id": prompts, "split": ["train"] * n_prompts,
        }),
        "origins": fill("origins", {
            "row_id": prompts, "source": ["wiki"] * n_prompts, "external_id": prompts,
            "table_name": ["prompts"] * n_prompts, "turn": [number] * n_prompts,
        }),
        "candidates": fill("candidates", {
            "candidate_id": candidates, "prompt_id": owners,
            "completion": [say("assistant", f"{TEXT}{each}") for each in candidates],
        }),
        "samples": fill("samples", {
            "candidate_id": candidates, "policy": [policies[n % 2] for n in range(len(candidates))],
            "sample_index": [n % 4 for n in range(len(candidates))], "turn": [number] * len(candidates),
            "temperature": [0.7] * len(candidates),
        }),
        "rankings": fill("rankings", {
            "ranking_id": rankings, "task_id": make_ids(n_prompts, 400 + number),
            "labeler_id": [f"labeler-{n % 12}" for n in range(n_prompts)], "round": [1] * n_prompts,
            "prompt_id": prompts, "tiers": tiers, "turn": [number] * n_prompts,
        }),
    }  # fmt: skip


def make_derived(turn: int, raw: Mapping[str, pl.DataFrame], model: str) -> dict[str, pl.DataFrame]:
    """What a turn works out from all rows so far: preferences, a ledger of a tenth of the candidates, training rows."""
    rankings = raw["rankings"]
    judged = [
        (prompt, tiers[0]["candidate_ids"][0], tiers[1]["candidate_ids"][0])
        for prompt, tiers in zip(rankings["prompt_id"], rankings["tiers"].to_list(), strict=True)
    ]
    pairs = [pair_id(*each) for each in judged]
    prompts, chosen, rejected = (list(column) for column in zip(*judged, strict=True))
    dropped = raw["candidates"]["candidate_id"].sort().gather_every(10).to_list()
    count, n_dropped = len(pairs), len(dropped)
    return {
        "preferences": fill("preferences", {
            "pair_id": pairs, "prompt_id": prompts, "chosen_id": chosen, "rejected_id": rejected,
            "votes_for": [1] * count, "votes_against": [0] * count, "votes_tie": [0] * count,
        }),
        "dropped": fill("dropped", {
            "table_name": ["candidates"] * n_dropped, "row_id": dropped,
            "reason": [REASONS[n % 3] for n in range(n_dropped)], "value": [0.9] * n_dropped,
            "threshold": [0.8] * n_dropped, "rule_version": [1] * n_dropped, "stage": ["curate"] * n_dropped,
            "turn": [turn] * n_dropped,
        }),
        "training_rows": fill("training_rows", {
            "model": [model] * count, "row_id": pairs, "table_name": ["preferences"] * count,
        }),
        "labelers": fill("labelers", {
            "labeler_id": [f"labeler-{n}" for n in range(12)], "kind": ["simulated"] * 12,
        }),
        "labeler_stats": fill("labeler_stats", {
            "labeler_id": [f"labeler-{n}" for n in range(12)], "n_rankings": [1] * 12, "reliability": [0.8] * 12,
        }),
    }  # fmt: skip


def run(root: Path, *command: str) -> str:
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def keep_file(root: Path, path: Path) -> str:
    """Put a file into the cache; its md5."""
    with path.open("rb") as file:
        md5 = hashlib.file_digest(file, "md5").hexdigest()
    return keep_bytes(root, path.read_bytes(), md5)


def keep_bytes(root: Path, content: bytes, md5: str) -> str:
    target = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return md5


def keep_folder(root: Path, folder: Path) -> str:
    """Put a folder into the cache; the md5 of its listing."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listing = [{"md5": keep_file(root, path), "relpath": path.relative_to(folder).as_posix()} for path in files]
    content = json.dumps(listing).encode()
    return keep_bytes(root, content, f"{hashlib.md5(content).hexdigest()}.dir")


def close_turn(root: Path, number: int, parent: str | None) -> str:
    """Commit and tag what lies in data and models, as DVC would have locked it."""
    outs = [{"path": "data/past", "hash": "md5", "md5": keep_folder(root, root / "data" / "past")}]
    outs += [
        {"path": path.relative_to(root).as_posix(), "hash": "md5", "md5": keep_file(root, path)}
        for path in sorted((root / "data").glob("*.parquet"))
    ]
    outs += [{"path": "models/policy", "hash": "md5", "md5": keep_folder(root, root / "models" / "policy")}]
    params = {"params.yaml": {"turn.number": number, "turn.parent": parent}}
    lock = {"schema": "2.0", "stages": {"all": {"cmd": "x", "params": params, "outs": outs}}}
    (root / "dvc.lock").write_text(json.dumps(lock))
    run(root, "git", "add", "--all")
    run(root, "git", "commit", "--quiet", "--message", f"turn {number}")
    run(root, "git", "tag", f"turn-{number}")
    return run(root, "git", "rev-parse", "HEAD")


def make_history(root: Path, rows: int, turns: int) -> dict[str, str]:
    """A project with all turns closed; an id of each kind to trace, from the middle of the history."""
    (root / ".dvc").mkdir(parents=True)
    files = {
        ".gitignore": "/data/\n/models/\n/.flywheel/\n", ".dvc/.gitignore": "/cache\n/tmp\n",
        ".dvc/config": "[core]\n    analytics = false\n", "versions.yaml": "stages: {}\n", "dvc.yaml": "stages: {}\n",
    }  # fmt: skip
    for name, text in files.items():
        (root / name).write_text(text)
    run(root, "git", "init", "--quiet")
    run(root, "git", "config", "user.name", "bench")
    run(root, "git", "config", "user.email", "bench@example.org")
    everything: dict[str, pl.DataFrame] = {}
    parent, targets = None, {}
    for name in TABLES:
        if TABLES[name].carried:
            write_parquet(empty_frame(name), root / "data" / "past" / name / "turn=000.parquet")
    for number in range(1, turns + 1):
        raw = make_turn(number, rows // turns)
        everything = {
            name: pl.concat([everything[name], frame]) if everything else frame for name, frame in raw.items()
        }
        (root / "models" / "policy").mkdir(parents=True, exist_ok=True)
        (root / "models" / "policy" / "model.safetensors").write_text(f"weights {number}")
        model = hashlib.md5(f"weights {number}".encode()).hexdigest()
        derived = make_derived(number, everything, model)
        seen = derived["training_rows"]["row_id"].to_list()
        lineage = {"kind": "policy", "rows": digest_rows(seen), "n_rows": len(seen), "parent": None, "reference": None}
        (root / "models" / "policy" / "lineage.json").write_text(json.dumps(lineage))
        for name, frame in {**raw, **derived}.items():
            write_parquet(frame, root / "data" / f"{name}.parquet")
        parent = close_turn(root, number, parent)
        if number == (turns + 1) // 2:
            keys = {"prompt": ("prompts", "prompt_id"), "candidate": ("candidates", "candidate_id"),
                    "ranking": ("rankings", "ranking_id")}  # fmt: skip
            targets = {what: raw[table][column][len(raw[table]) // 2] for what, (table, column) in keys.items()}
            targets |= {"preference": seen[len(seen) // 2], "model": model}
        if number < turns:
            for name, frame in raw.items():
                write_parquet(frame, root / "data" / "past" / name / f"turn={number:03d}.parquet")
    return targets


def time_process(root: Path, *arguments: str) -> tuple[float, float, float]:
    """Seconds of wall clock and of CPU, and peak megabytes, of one `flywheel` process."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "pipelines.cli", *arguments], cwd=root, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"flywheel {' '.join(arguments)} failed")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    folder = (options.keep or Path(tempfile.mkdtemp())).absolute()
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
    noted = folder / "targets.json"
    if noted.exists():
        targets = json.loads(noted.read_text())
    else:
        shutil.rmtree(folder / "project", ignore_errors=True)
        # in a process of its own: what it holds would count as the peak of those started from here
        with ProcessPoolExecutor(1) as pool:
            targets = pool.submit(make_history, folder / "project", options.rows, options.turns).result()
        noted.write_text(json.dumps(targets))
    print(f"{options.rows:,} raw rows in {options.turns} turns\n\n| traced | seconds | CPU seconds | peak MB |")
    print("|---|---|---|---|")
    for what, target in targets.items():
        for form, shown in (("", what), ("prefix", f"{what}, first 10 digits")):
            runs = [
                time_process(folder / "project", "trace", target[:10] if form else target)
                for _ in range(options.repeats)
            ]
            wall, cpu, peak = (min(column) for column in zip(*runs, strict=True))
            print(f"| {shown} | {wall:.2f} | {cpu:.2f} | {peak:.0f} |", flush=True)
    if not options.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
