"""Trains a reward model on uncurated and on curated preferences, and compares both on held-out prompts, by gold.

    python benchmarks/labelers.py PROJECT... --cases careless-40 --tables TABLES
    python benchmarks/labelers_reward.py TABLES --projects PROJECT... [--prompts 1000]

Same start (the project's last SFT checkpoint), same prompts, same steps; labelers are simulated. Accuracy is over the
pairs of validation candidates that differ in gold, of several trainings that differ in their seed; the interval is a
bootstrap of the difference over trainings and prompts.
"""

import argparse
import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.groups import build_groups
from pipelines.sandbox.gold import gold_score
from pipelines.stage import read_yaml
from schemas.messages import join_contents
from schemas.params import Params, parse_params
from training.models import set_determinism
from training.reward_model import score_completions, train_reward_model

DRAWS = 2000
Counts = dict[str, tuple[int, int]]
"""Right pairs and all, by prompt."""


def train_and_score(
    start: Path, pairs: pl.DataFrame, tables: dict[str, pl.DataFrame], params: Params, seed: int
) -> pl.DataFrame:
    """candidate_id, prompt_id, score of the validation candidates, by a reward model trained on the pairs."""
    set_determinism(seed, 1)
    groups = build_groups(pairs, tables["prompts"], tables["candidates"])
    held_out = tables["assignments"].filter(pl.col("split") == "validation")
    rows = tables["candidates"].join(held_out, on="prompt_id", how="semi").join(tables["prompts"], on="prompt_id")
    items = list(zip(rows["messages"].to_list(), rows["completion"].to_list(), strict=True))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        train_reward_model(
            start, groups, params=params.reward_model, max_tokens=params.start.max_tokens, seed=seed, out=out,
            work=Path(folder) / "work",
        )  # fmt: skip
        scores = score_completions(out, items, batch_rows=64, max_tokens=params.start.max_tokens)
    return rows.select("candidate_id", "prompt_id").with_columns(score=pl.Series(scores))


def count_right(scored: pl.DataFrame, gold: dict[str, float]) -> Counts:
    """Right and all pairs that differ in gold, by prompt."""
    counts: Counts = {}
    for (prompt,), rows in scored.sort("candidate_id").group_by("prompt_id", maintain_order=True):
        right = n = 0
        for one, other in combinations(rows.to_dicts(), 2):
            ahead = gold[one["candidate_id"]] - gold[other["candidate_id"]]
            right += bool(ahead) and (one["score"] - other["score"]) * ahead > 0
            n += bool(ahead)
        counts[str(prompt)] = (right, n)
    return counts


def bound_difference(before: list[Counts], after: list[Counts]) -> tuple[float, float]:
    """95% interval of accuracy after less before; trainings of each and prompts are drawn with replacement."""
    names, draw = sorted(before[0]), np.random.default_rng(1)
    tallies = [np.array([[counts[name] for name in names] for counts in one], float) for one in (before, after)]
    differences = []
    for _ in range(DRAWS):
        prompts = draw.integers(len(names), size=len(names))
        rates = []
        for tally in tallies:
            right, n = tally[draw.integers(len(tally), size=len(tally))][:, prompts].sum(axis=(0, 1))
            rates.append(right / n)
        differences.append(rates[1] - rates[0])
    low, high = np.quantile(differences, (0.025, 0.975))
    return float(low), float(high)


def accuracy(trainings: list[Counts]) -> float:
    """Share of right pairs, of all trainings."""
    right, n = np.array([pair for counts in trainings for pair in counts.values()]).sum(axis=0)
    return float(right / n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--projects", type=Path, nargs="+", required=True)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--prompts", type=int, default=1000, help="train prompts, the first by id")
    parser.add_argument("--trainings", type=int, default=3, help="of each reward model, with seeds of their own")
    options = parser.parse_args()
    params = parse_params(read_yaml(options.params))
    print("| case | seed | uncurated | curated | difference | 95% interval |\n|---|---|---|---|---|---|")
    for folder in sorted(options.tables.glob("*/seed-*")):
        seed = int(folder.name.removeprefix("seed-"))
        project = options.projects[(seed - 1) % len(options.projects)]
        start = sorted((project / "models/sft").glob("checkpoint-*"))[-1]
        names = ("prompts", "candidates", "assignments", "uncurated", "curated")
        tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in names}
        texts = {row["prompt_id"]: join_contents(row["messages"]) for row in tables["prompts"].to_dicts()}
        graded = (
            (row["candidate_id"], gold_score(texts[row["prompt_id"]], join_contents(row["completion"])))
            for row in tables["candidates"].to_dicts()
        )
        gold = {name: score or 0.0 for name, score in graded}
        train = tables["assignments"].filter(pl.col("split") == "train")
        asked = tables["uncurated"].join(train, on="prompt_id", how="semi")["prompt_id"].unique().sort()
        wanted = asked.head(options.prompts).to_frame()
        counts: list[list[Counts]] = []
        for name in ("uncurated", "curated"):
            pairs = tables[name].join(wanted, on="prompt_id", how="semi")
            scored = (
                train_and_score(start, pairs, tables, params, params.seed + number)
                for number in range(options.trainings)
            )
            counts.append([count_right(scores, gold) for scores in scored])
        low, high = bound_difference(*counts)
        values = [accuracy(one) for one in counts]
        print(
            f"| {folder.parent.name} | {seed} | {values[0]:.3f} | {values[1]:.3f} | {values[1] - values[0]:+.3f}"
            f" | {low:+.3f} to {high:+.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
