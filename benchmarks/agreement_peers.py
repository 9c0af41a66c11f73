"""Asks the public packages and ours the same questions about labels, and prints the largest difference of each answer.

    python benchmarks/agreement_peers.py [--keep FOLDER] [--rows 400]

The peers (krippendorff, crowd-kit, evalica, choix, scikit-learn, statsmodels, scipy) have an environment of their own,
made in FOLDER and left there. Crowd-kit estimates how often each class is true, where we know that it is half: the
votes that both fit are therefore drawn together with their mirror image.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from curation.dawid_skene import fit_coins
from curation.kappas import cohen_kappa, fleiss_kappa
from curation.krippendorff import Level, krippendorff_alpha
from curation.pair_models import PairCounts, PairModel, fit_davidson, fit_rao_kupper
from curation.plackett_luce import fit_plackett_luce, list_choices
from curation.rank_agreement import correlate_with_others
from curation.votes import Votes

PEERS = Path(__file__).with_name("crowd_peers.py")
# one list a call of pip; crowd-kit names torch and transformers, which these parts of it do not need
PACKAGES = [
    ["--no-deps", "crowd-kit==1.4.1"],
    ["attrs==26.1.0", "choix==0.4.1", "evalica==0.4.2", "krippendorff==0.9.0", "nltk==3.10.4", "numpy==2.4.6"],
    ["pandas==3.1.1", "pyarrow==26.0.1", "scikit-learn==1.9.1", "scipy==1.17.1", "statsmodels==0.15.0", "tqdm==4.70.1"],
]
ALLOWED = 1e-6
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")


def make_environment(folder: Path) -> Path:
    """The peers' python; the environment is made where it is not there yet."""
    home = folder / "labels"
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        for packages in PACKAGES:
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
        (home / "ready").touch()
    return python


def draw_inputs(rows: int, seed: int) -> dict[str, Any]:
    """What is asked about: ratings with gaps, counts, places, wins and ties, rankings, and mirrored votes."""
    rng = np.random.default_rng(seed)
    quality = rng.integers(1, 6, rows)
    ratings = np.clip(quality + rng.integers(-1, 2, (4, rows)), 1, 5)
    given = rng.random((4, rows)) < 0.8
    n_items, strengths = 8, rng.normal(0, 1, 8)
    wins, ties = np.zeros((n_items, n_items), int), np.zeros((n_items, n_items), int)
    for _ in range(20 * rows):
        i, j = rng.choice(n_items, 2, replace=False)
        a, b = np.exp(strengths[[i, j]])
        outcome = rng.choice(3, p=np.array([a, b, 0.8 * np.sqrt(a * b)]) / (a + b + 0.8 * np.sqrt(a * b)))
        if outcome == 2:
            ties[i, j] += 1
            ties[j, i] += 1
        else:
            wins[(i, j) if outcome == 0 else (j, i)] += 1
    drawn = [strengths + rng.gumbel(size=n_items) for _ in range(rows)]
    return {
        "ratings": np.where(given, ratings, None).tolist(),
        "counts": rng.multinomial(5, [0.5, 0.3, 0.2], size=rows).tolist(),
        "places": [rng.integers(1, 5, (2, 5)).tolist() for _ in range(rows)],
        "wins": wins.tolist(),
        "ties": ties.tolist(),
        "rankings": [np.argsort(-liking)[: rng.integers(2, n_items + 1)].tolist() for liking in drawn],
        "positions": mirror_votes(draw_votes(rows, rng, two_coins=True), two_coins=True),
        "sides": mirror_votes(draw_votes(rows, rng, two_coins=False), two_coins=False),
    }  # fmt: skip


def draw_votes(rows: int, rng: np.random.Generator, *, two_coins: bool) -> list[list[Any]]:
    """Votes (task, worker, label 0 or 1) of eight labelers, six on each task."""
    one = rng.uniform(0.55, 0.9, 8)
    other = rng.uniform(0.55, 0.9, 8) if two_coins else one
    votes = []
    for task in range(rows):
        truth = rng.integers(2)
        for worker in rng.choice(8, 6, replace=False):
            right = rng.random() < (one if truth else other)[worker]
            votes.append([f"t{task}", f"w{worker}", int(truth if right else 1 - truth)])
    return votes


def mirror_votes(votes: list[list[Any]], *, two_coins: bool) -> list[list[Any]]:
    """The votes, and the same with labels turned: of other labelers, where their two coins are then turned too."""
    return votes + [[f"{task}'", f"{worker}'" if two_coins else worker, 1 - label] for task, worker, label in votes]


def measure_ours(given: dict[str, Any]) -> dict[str, Any]:
    """Our answers: {question: number or list of numbers}."""
    ratings = pl.DataFrame(
        [(i, f"l{j}", v) for j, row in enumerate(given["ratings"]) for i, v in enumerate(row) if v is not None],
        schema=["item_id", "labeler_id", "verdict"], orient="row",
    )  # fmt: skip
    counted = pl.DataFrame(
        [(i, v) for i, row in enumerate(given["counts"]) for v, n in enumerate(row) for _ in range(n)],
        schema=["item_id", "verdict"], orient="row",
    )  # fmt: skip
    wins, ties = np.array(given["wins"], float), np.array(given["ties"], float)
    n = len(wins)
    first, second = np.triu_indices(n, 1)
    counts = PairCounts(n, first, second, wins[first, second], wins[second, first], ties[first, second])
    plain = PairCounts(n, first, second, wins[first, second], wins[second, first], np.zeros(len(first)))
    davidson = fit_davidson(counts, invented_wins=0, tolerance=1e-13)
    coins, coin = (fit_votes(given[name], two_coins=name == "positions") for name in ("positions", "sides"))
    return {
        **{f"alpha, {level}": krippendorff_alpha(ratings, level) for level in LEVELS},
        "Cohen's kappa": cohen_kappa(ratings, "l0", "l1"),
        "Fleiss' kappa": fleiss_kappa(counted.with_columns(labeler_id=pl.int_range(pl.len()))),
        "Kendall's tau-b": correlate_places(given["places"]),
        "Bradley-Terry": centre(fit_rao_kupper(plain, invented_wins=0, tolerance=1e-13)),
        "Davidson by Newman": [*centre(davidson), davidson.tie],
        "Plackett-Luce": fit_rankings(given["rankings"], n),
        "Dawid-Skene, two coins": [*coins.earlier, *coins.later],
        "Dawid-Skene, one coin": list(coin.earlier),
    }  # fmt: skip


def centre(model: PairModel) -> list[float]:
    """Log-strengths about their mean."""
    return list(model.log_strengths - model.log_strengths.mean())


def fit_rankings(rankings: list[list[int]], n_items: int) -> list[float]:
    """Plackett and Luce's log-strengths about their mean."""
    rows = [(r, tier, False, item, 1.0) for r, ranking in enumerate(rankings) for tier, item in enumerate(ranking)]
    placed = pl.DataFrame(rows, schema=["ranking", "tier", "tied", "item", "weight"], orient="row")
    logs = fit_plackett_luce(list_choices(placed, n_items), invented_wins=0, tolerance=1e-13)
    return list(logs - logs.mean())


def correlate_places(places: list[list[list[int]]]) -> list[float | None]:
    """tau-b of each two rankings: each is the other's consensus."""
    rows = []
    for task, pair in enumerate(places):
        for labeler, ranks in enumerate(pair):
            tiers = [[str(item) for item, rank in enumerate(ranks) if rank == place] for place in sorted(set(ranks))]
            rows.append(
                {
                    "ranking_id": f"{task:06}/{labeler}", "task_id": str(task), "labeler_id": str(labeler),
                    "skip_reason": None, "tiers": [{"candidate_ids": t, "tied": len(t) > 1} for t in tiers],
                }
            )  # fmt: skip
    frame = pl.DataFrame(rows, schema_overrides={"skip_reason": pl.String})
    return correlate_with_others(frame).sort("ranking_id")["tau"].to_list()[::2]


def fit_votes(votes: list[list[Any]], *, two_coins: bool) -> Any:
    """Coins of votes on which side is better: label 1 is the side shown first, or with one coin any side."""
    frame = pl.DataFrame(votes, schema=["task", "worker", "label"], orient="row").sort("task", "worker")
    pair, labeler = (frame[c].rank("dense").to_numpy().astype(int) - 1 for c in ("task", "worker"))
    sign = 2.0 * frame["label"].to_numpy() - 1
    shown = np.ones(len(sign)) if two_coins else np.zeros(len(sign))
    names = frame["worker"].unique().sort().to_list()
    encoded = Votes(frame, names, pair, labeler, sign, pair, shown, np.zeros(pair.max() + 1))
    return fit_coins(encoded, invented_votes=0, tolerance=1e-12, max_iterations=5_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the environment; else a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        inputs, out = Path(scratch) / "inputs.json", Path(scratch) / "out.json"
        given = draw_inputs(options.rows, options.seed)
        inputs.write_text(json.dumps(given))
        python = make_environment(options.keep or Path(scratch))
        subprocess.run([str(python), str(PEERS), "values", str(inputs), str(out)], check=True)
        theirs, ours = json.loads(out.read_text()), measure_ours(given)
    print("| measure | peer | values | largest difference |\n|---|---|---|---|")
    worst = 0.0
    for question, answers in theirs.items():
        for peer, answer in answers.items():
            one, other = (np.array(np.atleast_1d(values), dtype=float) for values in (ours[question], answer))
            # a correlation with what is all ties is null here and NaN there
            difference = 0.0 if np.array_equal(one, other, equal_nan=True) else float(np.nanmax(np.abs(one - other)))
            worst = max(worst, difference if (np.isnan(one) == np.isnan(other)).all() else np.inf)
            print(f"| {question} | {peer} | {len(one)} | {difference:.1e} |")
    sys.exit(f"a difference of {worst:.1e} is above {ALLOWED:.0e}" if worst > ALLOWED else 0)


if __name__ == "__main__":
    main()
