"""The audit as committed judges the sandbox's texts rightly: it drops and weighs down nothing of them."""

from pathlib import Path

import polars as pl

from curation.preferences import curate_preferences
from curation.prompts import curate_prompts
from pipelines.labelers.sandbox import rank_prompts
from pipelines.sources.sandbox import sandbox_prompts
from pipelines.stage import read_yaml
from pipelines.teachers.sandbox import teach_prompts
from schemas.ids import candidate_id
from schemas.params import Params, parse_params
from schemas.tables import conform_frame, empty_frame, union_rows

ROOT = Path(__file__).parents[3]


def write_candidates(params: Params, prompts: pl.DataFrame) -> pl.DataFrame:
    """The flawed teacher's answers of several seeds, as candidates: half of them wrong in form."""
    tables = []
    for seed in range(3):
        answers, _ = teach_prompts(params.sandbox, prompts, turn=1, seed=seed)
        rows = [
            {
                "prompt_id": row["prompt_id"],
                "completion": [{k: v for k, v in message.items() if k != "train"} for message in row["completion"]],
            }
            for row in answers.iter_rows(named=True)
        ]
        named = [row | {"candidate_id": candidate_id(row["prompt_id"], row["completion"])} for row in rows]
        tables.append(conform_frame("candidates", pl.DataFrame(named).unique("candidate_id")))
    return union_rows("candidates", *tables)


def test_nothing_of_the_sandbox_is_dropped_or_weighed_down() -> None:
    params = parse_params(read_yaml(ROOT / "params.yaml"))
    sizes = {"n_train_prompts": 300, "n_validation_prompts": 40, "n_benchmark_prompts": 200}
    world = params.sandbox.model_copy(update=sizes)
    prompts, _, splits = sandbox_prompts(world, empty_frame("prompts"), turn=1, seed=1)
    judged = curate_prompts(
        prompts, empty_frame("assignments"), splits,
        past_ids=(), params=params.prompts, near=params.near_duplicates, turn=1, seed=1,
    )  # fmt: skip
    asked = judged.assignments.filter(pl.col("split") != "benchmark")
    candidates = write_candidates(params, prompts.join(asked, on="prompt_id", how="semi"))
    ranked = rank_prompts(world, prompts, candidates, turn=1, seed=1)
    result = curate_preferences(
        ranked["rankings"], empty_frame("ratings"), candidates, empty_frame("samples"), prompts, judged.assignments,
        judged.dropped, ranked["labelers"], params=params.curate_preferences, near=params.near_duplicates, turn=1,
        seed=1,
    )  # fmt: skip
    assert result.preferences.height > 200
    assert set(result.audited) <= {"pairs_found", "warn"}
    # votes do divide, some of the teacher's answers do repeat their prompt, and some differ in case alone
    assert set(result.audited["warn"]) <= {"low_agreement", "prompt_echoed", "duplicate_pair"}
