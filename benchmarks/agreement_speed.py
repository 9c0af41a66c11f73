"""Agreement and reliability of a million votes, ours beside crowd-kit's: seconds, memory, and whether they agree.

    python benchmarks/agreement_speed.py [--keep FOLDER] [--rows 1000000] [--labelers 500] [--repeats 3]

Votes are strict, four on each pair, by labelers right with .5 to .95. Every run is a process of its own, from its start
to its end, reading Parquet included. The peer's environment is that of agreement_peers.py. `everything` is what
`flywheel agreement` reports of votes, with errors, intervals, all kappas and bounds of reliability.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
PER_PAIR = 4


@dataclass(frozen=True)
class Run:
    """What a process cost and said."""

    wall: float
    cpu: float
    megabytes: float
    found: dict[str, Any]


def write_votes(file: Path, rows: int, labelers: int) -> dict[str, float]:
    """Votes as (task, worker, label); returns how reliable each labeler was drawn to be."""
    rng = np.random.default_rng(1)
    chance = rng.uniform(0.5, 0.95, labelers)
    n_pairs = rows // PER_PAIR
    worker = (
        rng.integers(0, labelers, n_pairs)[:, None]
        + rng.integers(1, labelers // PER_PAIR, (n_pairs, PER_PAIR)).cumsum(axis=1)
    ) % labelers
    truth = np.repeat(rng.random(n_pairs) < 0.5, PER_PAIR)
    right = rng.random(len(truth)) < chance[worker.ravel()]
    pl.DataFrame(
        {
            "task": [f"pair-{number:07}" for number in range(n_pairs) for _ in range(PER_PAIR)],
            "worker": [f"labeler-{number:04}" for number in worker.ravel()],
            "label": np.where(truth == right, "first", "second"),
        }
    ).sample(fraction=1, shuffle=True, seed=1).write_parquet(file)  # fmt: skip
    return {f"labeler-{number:04}": float(p) for number, p in enumerate(chance)}


def measure_ours(what: str, file: Path) -> dict[str, Any]:
    """In a process of our own: alpha, reliability, both, or everything."""
    votes = pl.read_parquet(file).select(
        item_id="task", prompt_id="task", labeler_id="worker", verdict="label", pair_id="task",
        ranking_id="task", first_id=pl.lit("a"), second_id=pl.lit("b"),
    )  # fmt: skip
    found: dict[str, Any] = {}
    if what != "dawid_skene":
        from curation.krippendorff import bootstrap_alpha, krippendorff_alpha

        found["alpha"] = krippendorff_alpha(votes)
    if what != "alpha":
        from curation.reliability import estimate_reliability

        estimated = estimate_reliability(votes, confidence=0.95)
        found["reliability"] = dict(estimated.select("labeler_id", "reliability").iter_rows())
    if what == "everything":
        from curation.agreement import count_majorities, measure_agreement
        from curation.kappas import cohen_kappas, fleiss_kappa, wmt_kappa

        found["interval"] = bootstrap_alpha(votes, n_samples=1000, confidence=0.95, seed=1)
        found["agreement"] = measure_agreement(votes).agreement
        found |= {"fleiss": fleiss_kappa(votes), "wmt": wmt_kappa(votes), "cohen": cohen_kappas(votes).height}
        found["majorities"] = count_majorities(votes)
    return found


def run(command: list[str], out: Path) -> Run:
    """Run a process to its end; its wall and CPU seconds, peak memory and what it wrote."""
    started = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    wall = time.monotonic() - started
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(out.read_text()))


def print_rows(what: str, ours: Run, theirs: Run | None, drawn: dict[str, float]) -> None:
    """A line for ours and one for the peer; error is the mean distance of reliabilities from those drawn."""
    for name, one in (("flywheel", ours), ("crowd-kit", theirs)):
        if one is not None:
            said = f"alpha {one.found['alpha']:.6f}" if "alpha" in one.found else ""
            if "reliability" in one.found:
                off = np.mean([abs(p - drawn[labeler]) for labeler, p in one.found["reliability"].items()])
                said += f"{', ' if said else ''}mean error {off:.4f}"
            ratios = f"{theirs.wall / one.wall:.1f} | {theirs.cpu / one.cpu:.1f}" if theirs else "|"
            cost = f"{one.wall:.1f} | {one.cpu:.2f} | {one.megabytes:.0f}"
            print(f"| {what} | {name} | {cost} | {ratios} | {said} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labelers", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3, help="runs of ours; that of the least CPU counts")
    parser.add_argument("--keep", type=Path, help="folder for the environment; else a temporary one")
    parser.add_argument("--ours", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        what, file, out = options.ours
        Path(out).write_text(json.dumps(measure_ours(what, Path(file))))
        return
    from agreement_peers import PEERS, make_environment  # not in a process that is timed

    with tempfile.TemporaryDirectory() as scratch:
        file, out = Path(scratch) / "votes.parquet", Path(scratch) / "out.json"
        drawn = write_votes(file, options.rows, options.labelers)
        python = make_environment(options.keep or Path(scratch))
        print(f"{options.rows:,} votes, {options.labelers} labelers\n")
        names = ("what", "who", "wall s", "CPU s", "MB", "times as fast", "in CPU", "result")
        print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
        for what in ("alpha", "dawid_skene", "both", "everything"):
            command = [sys.executable, __file__, "--ours", what, str(file), str(out)]
            ours = min((run(command, out) for _ in range(options.repeats)), key=lambda one: one.cpu)
            theirs = run([str(python), str(PEERS), what, str(file), str(out)], out) if what != "everything" else None
            print_rows(what, ours, theirs, drawn)


if __name__ == "__main__":
    main()
