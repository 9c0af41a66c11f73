"""Turns several checkpoints into the one whose answers to validation prompts have the highest mean reward."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from schemas.errors import UserError
from schemas.training_params import SelectCheckpoint
from training import Progress, ignore_progress
from training.best_of_n import score_samples
from training.improvement import Prompt
from training.sampling import sample_completions


def pick_checkpoint(
    checkpoints: Mapping[str, Path],
    reward_model: Path,
    prompts: Sequence[Prompt],
    *,
    params: SelectCheckpoint,
    max_tokens: int,
    seed: int,
    work: Path,
    progress: Progress = ignore_progress,
) -> tuple[str, dict[str, float]]:
    """The best checkpoint's name, the first named of equals, and the mean reward of each.

    All answer the same prompts from the same seed. Ask validation prompts: choosing on those that the result is
    reported on would flatter it.

    Raises:
        UserError: no checkpoint, or no prompt.
    """
    if not checkpoints or not prompts:
        raise UserError(
            f"choosing a checkpoint needs both: {len(checkpoints)} checkpoints, {len(prompts)} prompts of validation;"
            " see sft.kept_checkpoints, sandbox.n_validation_prompts, prompts.splits"
        )
    sampling = params.sampling
    means: dict[str, float] = {}
    for done, (name, policy) in enumerate(checkpoints.items(), start=1):
        samples = sample_completions(
            policy, list(prompts), n=params.n_samples, temperature=sampling.temperature, top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens, batch_rows=sampling.batch_rows, max_tokens=max_tokens, seed=seed,
            work=work / name,
        )  # fmt: skip
        scored = score_samples(reward_model, prompts, samples, batch_rows=sampling.batch_rows, max_tokens=max_tokens)
        means[name] = math.fsum(one.reward for one in scored) / len(scored)
        progress(done, len(checkpoints))
    return max(means, key=lambda name: means[name]), means
