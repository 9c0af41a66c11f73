"""Ranks a finished turn's candidates anew by worlds of labelers, some of them bad, and counts whom curation finds.

    python benchmarks/labelers.py [PROJECT...] [--seeds 5] [--cases careless-25,...] [--tables FOLDER]

Labelers are simulated; each seed gives other labelers, other assignments and other noise, over the candidates of the
next of the projects. Accuracy is the share of right ones by gold, over what differs in gold. `votes`: single strict
verdicts, all of them before, those of kept labelers after. `preferences`: before, each pair goes to the majority of all
votes; after, curation decides. `both` counts only the pairs that are a preference before and after. With --tables the
prompts, candidates, splits and both tables of preferences, each with its weights, are written as Parquet, for a reward
model to be trained on either.
"""

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curation.preferences import CuratedPreferences, curate_preferences
from curation.views import read_view
from pipelines.labelers.sandbox import rank_prompts
from pipelines.sandbox.gold import gold_score
from pipelines.sandbox.labelers import make_labelers
from pipelines.stage import read_yaml
from pipelines.store import write_parquet
from schemas.ids import ranking_id, task_id
from schemas.messages import join_contents
from schemas.params import Params, parse_params
from schemas.tables import TABLES, conform_frame, empty_frame, union_rows

GOLD = "gold"


@dataclass(frozen=True)
class Case:
    """Shares of the labelers' traits, and the share of prompts that a gold labeler ranked too."""

    shares: dict[str, float]
    gold_share: float = 0.0


CASES = {
    "careless-25": Case({"skilled": 0.75, "careless": 0.25}),
    "careless-40": Case({"skilled": 0.6, "careless": 0.4}),
    "length-25": Case({"skilled": 0.75, "length_biased": 0.25}),
    "position-25": Case({"skilled": 0.75, "position_biased": 0.25}),
    "contrary-25": Case({"skilled": 0.75, "contrary": 0.25}),
    "careless-25-contrary-25": Case({"skilled": 0.5, "careless": 0.25, "contrary": 0.25}),
    "contrary-40-gold-5": Case({"skilled": 0.6, "contrary": 0.4}, 0.05),
    "contrary-60-gold-5": Case({"skilled": 0.4, "contrary": 0.6}, 0.05),
}


@dataclass(frozen=True)
class Turn:
    """The tables of a finished turn that labeling needs, and the gold of each candidate that has one."""

    prompts: pl.DataFrame
    candidates: pl.DataFrame
    samples: pl.DataFrame
    assignments: pl.DataFrame
    gold: dict[str, float]


def read_table(project: Path, name: str) -> pl.DataFrame:
    """All rows of a table, past ones included."""
    patterns = (f"data/past/{name}/*.parquet", f"data/{name}.parquet", f"data/{name}/*.parquet")
    files = [file for pattern in patterns for file in sorted(project.glob(pattern))]
    return union_rows(name, *(pl.read_parquet(file, hive_partitioning=False) for file in files))


def read_turn(project: Path) -> Turn:
    """A finished turn, without the candidates of benchmark prompts."""
    prompts, assignments = read_table(project, "prompts"), read_table(project, "assignments")
    asked = assignments.filter(pl.col("split") != "benchmark")
    candidates = read_table(project, "candidates").join(asked, on="prompt_id", how="semi")
    texts = {row["prompt_id"]: join_contents(row["messages"]) for row in prompts.to_dicts()}
    scores = (
        (row["candidate_id"], gold_score(texts[row["prompt_id"]], join_contents(row["completion"])))
        for row in candidates.to_dicts()
    )
    gold = {name: score for name, score in scores if score is not None}
    return Turn(prompts, candidates, read_table(project, "samples"), assignments, gold)


def rank_by_gold(turn: Turn, rankings: pl.DataFrame, share: float) -> pl.DataFrame:
    """Rankings of a gold labeler, without error, of a share of the prompts that were ranked; equal gold is a tie."""
    tasks = rankings.unique("task_id").sort("task_id").select("prompt_id", "task_id")
    chosen = [
        row
        for row in tasks.to_dicts()
        if int(hashlib.sha256(row["task_id"].encode()).hexdigest(), 16) % 1000 < 1000 * share
    ]
    by_prompt = dict(turn.candidates.group_by("prompt_id").agg("candidate_id").iter_rows())
    rows: list[dict[str, Any]] = []
    for row in chosen:
        ids = sorted(by_prompt[row["prompt_id"]])
        tiers: dict[float, list[str]] = {}
        for name in ids:
            tiers.setdefault(turn.gold.get(name, 0.5), []).append(name)
        task = task_id(row["prompt_id"], ids)
        rows.append(
            {column: None for column in TABLES["rankings"].columns}
            | {
                "ranking_id": ranking_id(task, GOLD, 1), "task_id": task, "labeler_id": GOLD, "round": 1,
                "prompt_id": row["prompt_id"], "turn": 1,
                "tiers": [{"candidate_ids": names, "tied": len(names) > 1} for _, names in sorted(tiers.items())[::-1]],
            }
        )  # fmt: skip
    return conform_frame("rankings", pl.DataFrame(rows, schema=dict(TABLES["rankings"].columns)))


def curate(
    turn: Turn, params: Params, rankings: pl.DataFrame, labelers: pl.DataFrame, *, seed: int
) -> CuratedPreferences:
    """Curation as the stage does it."""
    return curate_preferences(
        rankings, empty_frame("ratings"), turn.candidates, turn.samples, turn.prompts, turn.assignments,
        empty_frame("dropped"), labelers, params=params.curate_preferences, near=params.near_duplicates, turn=1,
        seed=seed,
    )  # fmt: skip


def take_majority(rankings: pl.DataFrame) -> pl.DataFrame:
    """Uncurated preferences: the side that more votes name, all labelers alike: pair_id, prompt_id, chosen_id, ..."""
    comparisons = read_view("comparisons", {"rankings": rankings}).filter(pl.col("first_id") < pl.col("second_id"))
    counted = comparisons.group_by("pair_id", "prompt_id", "first_id", "second_id").agg(
        (pl.col("verdict") == verdict).sum().alias(verdict) for verdict in ("first", "second", "tie")
    )
    first, second = pl.col("first"), pl.col("second")
    strict = counted.filter(first != second)
    return strict.select(
        "pair_id", "prompt_id", chosen_id=pl.when(first > second).then("first_id").otherwise("second_id"),
        rejected_id=pl.when(first > second).then("second_id").otherwise("first_id"),
        margin=(first - second).abs() / (first + second + pl.col("tie")), weight=pl.lit(1.0),
    ).sort("pair_id")  # fmt: skip


def list_votes(rankings: pl.DataFrame) -> pl.DataFrame:
    """Each strict verdict: pair_id, labeler_id, chosen_id, rejected_id."""
    comparisons = read_view("comparisons", {"rankings": rankings}).filter(pl.col("verdict") == "first")
    return comparisons.select("pair_id", "labeler_id", chosen_id="first_id", rejected_id="second_id")


def judge(preferences: pl.DataFrame, gold: dict[str, float]) -> pl.DataFrame:
    """pair_id, right: by gold, of the preferences whose sides differ in it."""
    scores = (
        pl.col(f"{side}_id").replace_strict(gold, default=None, return_dtype=pl.Float64)
        for side in ("chosen", "rejected")
    )
    ahead = preferences.select("pair_id", ahead=next(scores) - next(scores))
    return ahead.filter(pl.col("ahead") != 0).select("pair_id", right=pl.col("ahead") > 0)


def compare_accuracy(before: pl.DataFrame, after: pl.DataFrame, gold: dict[str, float]) -> list[float]:
    """Accuracy of preferences before and after over what each has, and over the pairs that both have."""
    judged = judge(before, gold), judge(after, gold)
    shared = judged[0].join(judged[1], on="pair_id")
    return [
        frame[column].mean()
        for frame, column in zip((*judged, shared, shared), ("right", "right", "right", "right_right"), strict=True)
    ]


def write_tables(
    folder: Path, turn: Turn, before: pl.DataFrame, curated: CuratedPreferences, rankings: pl.DataFrame
) -> None:
    """Both tables of preferences with margin and weight, and what a trainer needs beside them."""
    frames = {
        "rankings": rankings,
        "candidates": turn.candidates,
        "prompts": turn.prompts,
        "assignments": turn.assignments,
    }
    frames |= {"preferences": curated.preferences, "labeler_stats": curated.labeler_stats, "dropped": curated.dropped}
    frames |= {"pair_findings": curated.findings}
    pairs = read_view("preference_pairs", frames).select(
        "pair_id", "prompt_id", "chosen_id", "rejected_id", "margin", "weight"
    )
    written = {"uncurated": before, "curated": pairs, "prompts": turn.prompts, "candidates": turn.candidates}
    for name, frame in (written | {"assignments": turn.assignments}).items():
        write_parquet(frame, folder / f"{name}.parquet")


def run_case(
    case: Case, turn: Turn, params: Params, changed: dict[str, int], *, tables: Path | None
) -> tuple[list[int], list[float]]:
    """Bad labelers, found, honest ones, blamed; and accuracies before and after: of votes, preferences, both."""
    world = params.sandbox.model_copy(update={**changed, "labeler_shares": case.shares})
    seed = world.seed
    ranked = rank_prompts(world, turn.prompts, turn.candidates, turn=1, seed=seed)
    rankings = ranked["rankings"]
    before = take_majority(rankings)
    if case.gold_share:
        rankings = union_rows("rankings", rankings, rank_by_gold(turn, rankings, case.gold_share))
    section = params.curate_preferences.model_copy(update={"gold_labelers": [GOLD]})
    curated = curate(
        turn, params.model_copy(update={"curate_preferences": section}), rankings, ranked["labelers"], seed=seed
    )
    if tables:
        write_tables(tables, turn, before, curated, rankings)
    traits = {labeler.labeler_id: labeler.trait for labeler in make_labelers(world)}
    dropped = set(curated.metrics["dropped_labelers"])
    honest = {name for name, trait in traits.items() if trait == "skilled"}
    votes = list_votes(ranked["rankings"])
    kept = votes.filter(~pl.col("labeler_id").is_in(dropped))
    accuracy = [judge(some, turn.gold)["right"].mean() for some in (votes, kept)]
    accuracy += compare_accuracy(before, curated.preferences, turn.gold)
    return [len(traits) - len(honest), len(dropped - honest), len(honest), len(honest & dropped)], accuracy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("projects", type=Path, nargs="*", default=[Path()])
    parser.add_argument("--cases", default=",".join(CASES), help="of " + ", ".join(CASES))
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--labelers", type=int, default=20)
    parser.add_argument("--per-prompt", type=int, default=3, help="labelers who rank each prompt")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", type=Path, help="folder for the tables of preferences, by case and seed")
    options = parser.parse_args()
    params = parse_params(read_yaml(options.params))
    names = ["case", "seed", "bad", "found", "honest", "blamed"]
    for what in ("votes", "preferences", "both"):
        names += [f"{what} before", "after", "gain"]
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for seed in range(1, options.seeds + 1):
        turn = read_turn(options.projects[(seed - 1) % len(options.projects)])
        for name in options.cases.split(","):
            tables = options.tables / name / f"seed-{seed}" if options.tables else None
            changed = {"n_labelers": options.labelers, "labelers_per_prompt": options.per_prompt, "seed": seed}
            counts, accuracy = run_case(CASES[name], turn, params, changed, tables=tables)
            shown = [name, str(seed), *map(str, counts)]
            for before, after in zip(accuracy[::2], accuracy[1::2], strict=True):
                shown += [f"{before:.3f}", f"{after:.3f}", f"{after - before:+.3f}"]
            print("| " + " | ".join(shown) + " |", flush=True)


if __name__ == "__main__":
    main()
