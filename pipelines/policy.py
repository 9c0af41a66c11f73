"""Turns the best SFT checkpoint by reward into a better policy, by the method that params choose."""

from pathlib import Path
from typing import Any

import polars as pl

from curation.top_ranked import pick_top_ranked
from pipelines.groups import build_groups, kept_prompts, list_checkpoints, list_prompts, read_messages, read_pairs
from pipelines.models import name_training_rows
from pipelines.samples import candidate_rows, sample_rows
from pipelines.stage import Stage
from schemas.tables import empty_frame
from training.checkpoints import pick_checkpoint
from training.examples import Example
from training.improvement import PolicyInputs, PolicyResult
from training.methods import improve_policy
from training.models import set_determinism

FIRST_INDEX = 1_000
"""Sample indices of this stage start here; those of the stage `candidates` are smaller."""


def run(stage: Stage) -> None:
    """Pick the checkpoint, improve it, and record every row that it learnt from."""
    params = stage.params
    set_determinism(stage.seed, params.threads)
    prompts = kept_prompts(stage)
    name, source, rewards = choose_start(stage, prompts.filter(pl.col("split") == "validation"))
    with stage.progress(params.policy.method) as progress:
        result = improve_policy(
            gather_inputs(stage, prompts, source), params=params.policy, max_tokens=params.start.max_tokens,
            seed=stage.seed, out=stage.out("models/policy"), work=stage.resume("improve"), progress=progress,
        )  # fmt: skip
    write_rows(stage, result, source, name)
    stage.write_plot("policy", result.steps, list(result.steps[0]) if result.steps else ["step"])
    stage.write_metrics(
        "policy",
        {
            "method": params.policy.method, "checkpoint": name, "mean_reward": rewards,
            "rows_trained": len(result.trained_row_ids), "rows_too_long": len(result.skipped_row_ids),
        },
    )  # fmt: skip


def choose_start(stage: Stage, validation: pl.DataFrame) -> tuple[str, Path, dict[str, float]]:
    """The best by reward of this turn's SFT checkpoints; from the second turn on the start policy competes too."""
    choices = {path.name: path for path in list_checkpoints(stage)}
    if stage.params.turn.parent is not None:
        choices["start"] = stage.dep("models/start/policy")
    with stage.progress("choosing a checkpoint") as progress:
        name, rewards = pick_checkpoint(
            choices, stage.dep("models/reward_model"), list_prompts(validation),
            params=stage.params.policy.select_checkpoint, max_tokens=stage.params.start.max_tokens, seed=stage.seed,
            work=stage.resume("choose"), progress=progress,
        )  # fmt: skip
    return name, choices[name], rewards


def gather_inputs(stage: Stage, prompts: pl.DataFrame, source: Path) -> PolicyInputs:
    """Train prompts of this turn, preferences of all turns, and the labelers' top-ranked answers to what they ranked in
    this turn: those of earlier turns were learnt then. Prompts dropped as duplicates keep their labels, so preferences
    look their prompts up among all."""
    train = prompts.filter(pl.col("split") == "train")
    pairs = read_pairs(stage).filter(pl.col("split") == "train")
    ranked = pairs.join(stage.new_rows("rankings"), on="prompt_id", how="semi")
    known, candidates = stage.rows("prompts"), stage.rows("candidates")
    return PolicyInputs(
        start=source, reference=source, reward_model=stage.dep("models/reward_model"),
        prompts=list_prompts(train.join(stage.new_rows("prompts"), on="prompt_id", how="semi")),
        groups=build_groups(pairs, known, candidates), labelers_best=list_best(ranked, known, candidates),
    )  # fmt: skip


def list_best(pairs: pl.DataFrame, prompts: pl.DataFrame, candidates: pl.DataFrame) -> list[Example]:
    """Top-ranked answers as examples to imitate."""
    messages: dict[str, Any] = read_messages(prompts, "prompt_id", "messages")
    completions = read_messages(candidates, "candidate_id", "completion")
    best = pick_top_ranked(pairs).iter_rows()
    return [Example(candidate, messages[prompt], completions[candidate]) for prompt, candidate in best]


def write_rows(stage: Stage, result: PolicyResult, source: Path, checkpoint: str) -> None:
    """The policy's own answers that it was trained on become candidates; what it saw becomes training rows."""
    method = stage.params.policy
    drawn = [scored.sample for scored in result.best_samples]
    candidates, samples = empty_frame("candidates"), empty_frame("samples")
    if drawn:
        known = stage.rows("candidates")
        candidates = candidate_rows(drawn).join(known, on="candidate_id", how="anti")
        samples = sample_rows(drawn, source, checkpoint, stage.turn, method.best_of_n.sampling, first_index=FIRST_INDEX)
    stage.write_table("candidates", candidates)
    stage.write_table("samples", samples)
    stage.write_table(
        "training_rows", name_training_rows(result.model_md5, result.trained_row_ids, result.trained_table)
    )
