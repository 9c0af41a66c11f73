"""Turns prompts into candidates: K completions a prompt from several checkpoints, scored by the reward model before."""

from pathlib import Path
from typing import Any

import polars as pl

from pipelines.groups import kept_prompts, list_checkpoints, list_prompts
from pipelines.samples import candidate_rows, sample_rows, score_by_parent
from pipelines.stage import Stage
from schemas.tables import empty_frame, union_rows
from training.models import set_determinism
from training.sampling import sample_completions


def run(stage: Stage) -> None:
    """Draw completions for this turn's prompts and for the validation prompts; take imported ones in."""
    params = stage.params
    set_determinism(stage.seed, params.threads)
    prompts = pick_prompts(stage)
    candidates, samples, origins = (empty_frame(name) for name in ("candidates", "samples", "origins"))
    for number, (checkpoint, source, share) in enumerate(share_policies(stage)):
        with stage.progress(f"sampling from {checkpoint}") as progress:
            drawn = sample_completions(
                source, prompts, n=share, **params.candidates.sampling.model_dump(), seed=stage.seed + number,
                max_tokens=params.start.max_tokens, work=stage.resume(checkpoint), progress=progress,
            )  # fmt: skip
        candidates = union_rows("candidates", candidates, candidate_rows(drawn))
        samples = union_rows(
            "samples", samples, sample_rows(drawn, source, checkpoint, stage.turn, params.candidates.sampling)
        )
    if "imports" in params.prompts.sources:
        candidates = union_rows("candidates", candidates, stage.imported("candidates"))
        samples = union_rows("samples", samples, stage.imported("samples"))
        origins = stage.imported("origins", of=("candidates",))
    new = candidates.join(stage.past_rows("candidates"), on="candidate_id", how="anti")
    stage.write_table("candidates", new)
    scores = score_by_parent(stage, new, stage.rows("prompts"), params.candidates.score_batch_rows)
    stage.write_table("scores", scores)
    stage.write_table("samples", samples)
    stage.write_table("origins", origins)


def pick_prompts(stage: Stage) -> list[tuple[str, list[dict[str, Any]]]]:
    """Kept new train prompts, as many as `candidates.n_prompts` says, and every validation prompt."""
    split = kept_prompts(stage)
    new = split.join(stage.new_rows("prompts"), on="prompt_id", how="semi").filter(pl.col("split") == "train")
    limit = stage.params.candidates.n_prompts
    chosen = pl.concat([new if limit is None else new.head(limit), split.filter(pl.col("split") == "validation")])
    return list_prompts(chosen)


def share_policies(stage: Stage) -> list[tuple[str, Path, int]]:
    """Name, directory and number of completions a prompt of each policy that `candidates.policies` names.

    K is spread evenly over the names, then over checkpoints. The start policy writes from the second turn on:
    in a cold start nothing has taught it to answer.
    """
    named: list[list[tuple[str, Path]]] = []
    for name in stage.params.candidates.policies:
        if name == "sft":
            named.append([(path.name, path) for path in list_checkpoints(stage)])
        elif stage.params.turn.parent is not None:
            named.append([(name, stage.dep("models/start/policy"))])
    shares = spread_evenly(stage.params.candidates.k, len(named))
    return [
        (name, path, share)
        for policies, total in zip(named, shares, strict=True)
        for (name, path), share in zip(policies, spread_evenly(total, len(policies)), strict=True)
        if share
    ]


def spread_evenly(k: int, policies: int) -> list[int]:
    """How many of k completions each policy writes; the later, better trained ones write the odd ones."""
    return [(k + number) // policies for number in range(policies)]
