"""Runs two turns for several seeds, each in a project of its own, and writes the table that docs quote.

    python benchmarks/seeds.py --seeds 1 2 3 4 5 --out docs/results/seeds.md

Every number is read from `metrics/turn.json` of a real `dvc repro`; gold is the sandbox's, labels are simulated.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from small import set_params

COLUMNS = (
    "gold_sft", "gold_policy", "gold_policy_greedy", "pass_sft", "pass_policy", "win_rate", "kl", "reward_accuracy",
    "reward_accuracy_gold", "labeler_agreement", "bad_labelers", "bad_labelers_found", "honest_labelers_blamed",
    "rows_kept", "rows_dropped",
)  # fmt: skip


def run(command: list[str], folder: Path) -> None:
    """Run a command in a project, with this interpreter's environment first on PATH and an identity for git."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@example.org",
        "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@example.org",
    }  # fmt: skip
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {folder}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def parse_changes(items: list[str]) -> dict[str, Any]:
    """KEY=VALUE options as dotted keys with YAML values."""
    return {key: yaml.safe_load(value) for key, value in (item.split("=", 1) for item in items)}


def run_seed(seed: int, turns: int, changes: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Metrics of each turn of one seed (of the world, the models and the labelers). Goes on where it stopped."""
    if not (folder / "params.yaml").exists():
        run(["flywheel", "init", str(folder)], Path.cwd())
        set_params(folder, {"seed": seed, "sandbox.seed": seed} | changes)
    found = []
    for turn in range(1, turns + 1):
        text = run_text(["git", "show", f"turn-{turn}:metrics/turn.json"], folder)
        if not text:
            run(["dvc", "repro", "--quiet"], folder)
            text = (folder / "metrics/turn.json").read_text()
            if turn < turns:
                run(["flywheel", "next"], folder)
        found.append(json.loads(text) | {"seed": seed})
        sys.stderr.write(f"{json.dumps(found[-1])}\n")
    return found


def run_text(command: list[str], folder: Path) -> str:
    """What a command prints; nothing where it fails."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def format_table(rows: list[dict[str, Any]]) -> str:
    """A Markdown table of every turn, then the gains that matter."""
    names = ("seed", "turn", *COLUMNS)
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (f"{row.get(name):.3f}" if isinstance(row.get(name), float) else str(row.get(name)) for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    first = {row["seed"]: row for row in rows if row["turn"] == 1}
    gains = {"turn 1 over SFT": [row["gold_policy"] - row["gold_sft"] for row in first.values()]}
    last = max(row["turn"] for row in rows)
    for turn in range(2, last + 1):
        before = {row["seed"]: row for row in rows if row["turn"] == turn - 1}
        gains[f"turn {turn} over turn {turn - 1}"] = [
            row["gold_policy"] - before[row["seed"]]["gold_policy"] for row in rows if row["turn"] == turn
        ]
    for name, values in gains.items():
        lines.append(f"\nGold, {name}: mean {statistics.mean(values):+.3f}, lowest {min(values):+.3f}.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a parameter")
    parser.add_argument("--keep", type=Path, help="keep the projects here; finished turns are not run again")
    parser.add_argument("--out", type=Path, help="write the table here")
    options = parser.parse_args()
    changes = parse_changes(options.set)
    with tempfile.TemporaryDirectory(prefix="flywheel-") as temporary:
        keep = options.keep or Path(temporary)
        rows = [row for seed in options.seeds for row in run_seed(seed, options.turns, changes, keep / f"seed-{seed}")]
    table = format_table(rows)
    print(table)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        command = "python benchmarks/seeds.py " + " ".join(sys.argv[1:])
        options.out.write_text(f"`{command}`: gold is the sandbox's, labelers are simulated.\n\n{table}")


if __name__ == "__main__":
    main()
