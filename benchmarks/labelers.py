"""Ranks a finished turn's candidates anew with a quarter careless and a quarter contrary labelers, five times.

    python benchmarks/labelers.py [PROJECT] [--shares skilled=0.5,careless=0.25,contrary=0.25] [--seeds 5]

Labelers are simulated. Each seed gives other labelers, other assignments and other noise; the table says how many of
the bad ones curation drops, and how many skilled ones it wrongly blames.
"""

import argparse
from pathlib import Path

import polars as pl

from curation.preferences import curate_preferences
from pipelines.labelers.sandbox import rank_prompts
from pipelines.sandbox.labelers import make_labelers
from pipelines.stage import read_yaml
from schemas.params import parse_params
from schemas.tables import empty_frame, union_rows


def read_table(project: Path, name: str) -> pl.DataFrame:
    """All rows of a table, past ones included."""
    patterns = (f"data/past/{name}/*.parquet", f"data/{name}.parquet", f"data/{name}/*.parquet")
    files = [file for pattern in patterns for file in sorted(project.glob(pattern))]
    return union_rows(name, *(pl.read_parquet(file, hive_partitioning=False) for file in files))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path, nargs="?", default=Path())
    parser.add_argument("--shares", default="skilled=0.5,careless=0.25,contrary=0.25")
    parser.add_argument("--labelers", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    params = parse_params(read_yaml(options.project / "params.yaml"))
    shares = {trait: float(share) for trait, share in (item.split("=") for item in options.shares.split(","))}
    prompts, samples = read_table(options.project, "prompts"), read_table(options.project, "samples")
    assignments = read_table(options.project, "assignments")
    asked = assignments.filter(pl.col("split") != "benchmark")
    candidates = read_table(options.project, "candidates").join(asked, on="prompt_id", how="semi")
    names = ("seed", "bad labelers", "found", "honest", "blamed", "agreement, all", "agreement, kept")
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    for seed in range(1, options.seeds + 1):
        world = params.sandbox.model_copy(
            update={"seed": seed, "labeler_shares": shares, "n_labelers": options.labelers}
        )
        ranked = rank_prompts(world, prompts, candidates, turn=1, seed=seed)
        curated = curate_preferences(
            ranked["rankings"], empty_frame("ratings"), candidates, samples, prompts, assignments,
            empty_frame("dropped"), ranked["labelers"], params=params.curate_preferences,
            near=params.near_duplicates, turn=1, seed=seed,
        )  # fmt: skip
        dropped = set(curated.metrics["dropped_labelers"])
        traits = {labeler.labeler_id: labeler.trait for labeler in make_labelers(world)}
        bad = {name for name, trait in traits.items() if trait in ("careless", "contrary")}
        honest = {name for name, trait in traits.items() if trait == "skilled"}
        metrics = curated.metrics
        print(
            f"| {seed} | {len(bad)} | {len(bad & dropped)} | {len(honest)} | {len(honest & dropped)}"
            f" | {metrics['labeler_agreement_raw']:.3f} | {metrics['labeler_agreement']:.3f} |"
        )


if __name__ == "__main__":
    main()
