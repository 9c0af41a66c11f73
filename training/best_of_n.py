"""Turns a policy's best samples by reward, with the labelers' best answers, into a better policy."""

import math
import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from schemas.errors import UserError
from schemas.ids import candidate_id
from schemas.messages import assistant_completion
from schemas.training_params import BestOfN
from training import Progress, ignore_progress
from training.examples import Example, Sample
from training.improvement import PolicyResult, Prompt, ScoredSample
from training.models import model_digest, write_lineage
from training.reward_model import score_completions
from training.sampling import sample_completions
from training.sft import train_sft


def improve_by_best_of_n(
    start: Path,
    reference: Path,
    reward_model: Path,
    prompts: Sequence[Prompt],
    labelers_best: Sequence[Example],
    *,
    params: BestOfN,
    max_tokens: int,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> PolicyResult:
    """Sample n completions a prompt from `start`, keep the one of highest reward, fine-tune `start` on what was kept.

    Of those bests only the share `params.kept_share` of highest reward is learnt; with 0 nothing is sampled, and only
    the labelers' answers are.

    Where `params.labelers_best`, the labelers' top-ranked answers are learnt too; an answer that is both counts once.
    The result's `best_samples` name the policy's own completions among the trained rows, with their rewards.
    `reference` is only recorded: nothing but the few epochs keeps the policy near it.

    Raises:
        UserError: there is nothing to train on.
    """
    best: list[ScoredSample] = []
    if params.kept_share:
        scored = sample_scored(start, reward_model, prompts, params=params, max_tokens=max_tokens, seed=seed, work=work)
        best = keep_highest(pick_best(scored), params.kept_share)
    examples = _list_examples(prompts, best, labelers_best if params.labelers_best else [])
    if not examples:
        raise UserError(
            f"best_of_n: no answer to learn, neither a sample of {len(prompts)} prompts that came to an end nor one of"
            " the labelers' best: see policy.best_of_n.kept_share, its sampling.max_new_tokens, rankings.labelers"
        )
    fine_tuned = work / "fine_tuned"
    tuned = train_sft(
        start, examples, params=params.fine_tune, max_tokens=max_tokens, seed=seed, out=fine_tuned,
        work=work / "fine_tune", progress=progress,
    )  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(fine_tuned / tuned.checkpoints[-1], out, dirs_exist_ok=True)
    settings = {**params.model_dump(), "max_tokens": max_tokens, "reward_model": model_digest(reward_model)}
    _note_lineage(out, tuned.trained_row_ids, start=start, reference=reference, settings=settings, seed=seed)
    trained = set(tuned.trained_row_ids)
    return PolicyResult(
        model_digest(out), "candidates", sorted(trained), sorted(tuned.skipped_row_ids),
        best_samples=[scored for scored in best if scored.candidate_id in trained],
    )  # fmt: skip


def _list_examples(
    prompts: Sequence[Prompt], best: Sequence[ScoredSample], labelers_best: Sequence[Example]
) -> list[Example]:
    """What is learnt, sorted by candidate id: the policy's own bests and the labelers'."""
    messages = dict(prompts)
    examples = {
        scored.candidate_id: Example(
            scored.candidate_id, messages[scored.sample.prompt_id], assistant_completion(scored.sample.text)
        )
        for scored in best
    }
    examples |= {example.row_id: example for example in labelers_best}
    return [examples[row_id] for row_id in sorted(examples)]


def _note_lineage(
    out: Path, rows: Sequence[str], *, start: Path, reference: Path, settings: dict[str, Any], seed: int
) -> None:
    import torch

    write_lineage(
        out, kind="best_of_n", rows=rows, parent=model_digest(start), reference=model_digest(reference),
        params=settings, seed=seed, threads=torch.get_num_threads(),
    )  # fmt: skip


def sample_scored(
    policy: Path,
    reward_model: Path,
    prompts: Sequence[Prompt],
    *,
    params: BestOfN,
    max_tokens: int,
    seed: int,
    work: Path,
) -> list[ScoredSample]:
    """n samples of each prompt with their rewards, sorted by (prompt_id, sample_index)."""
    sampling = params.sampling
    samples = sample_completions(
        policy, list(prompts), n=params.n, temperature=sampling.temperature, top_p=sampling.top_p,
        max_new_tokens=sampling.max_new_tokens, batch_rows=sampling.batch_rows, max_tokens=max_tokens, seed=seed,
        work=work / "samples",
    )  # fmt: skip
    return score_samples(reward_model, prompts, samples, batch_rows=sampling.batch_rows, max_tokens=max_tokens)


def score_samples(
    reward_model: Path, prompts: Sequence[Prompt], samples: Sequence[Sample], *, batch_rows: int, max_tokens: int
) -> list[ScoredSample]:
    """Samples with their candidate ids and rewards, in the order given; equal ones are scored once."""
    messages = dict(prompts)
    completions = {(sample.prompt_id, sample.text): assistant_completion(sample.text) for sample in samples}
    distinct = sorted(completions)
    items = [(messages[prompt_id], completions[prompt_id, text]) for prompt_id, text in distinct]
    rewards = score_completions(reward_model, items, batch_rows=batch_rows, max_tokens=max_tokens)
    by_text = dict(zip(distinct, rewards, strict=True))
    return [
        ScoredSample(
            candidate_id(sample.prompt_id, completions[sample.prompt_id, sample.text]),
            sample,
            by_text[sample.prompt_id, sample.text],
        )
        for sample in samples
    ]


def pick_best(scored: Sequence[ScoredSample]) -> list[ScoredSample]:
    """Of each prompt the finished, non-empty sample of highest reward, the earliest of equals; sorted by prompt id.

    Samples cut at their length are no candidates: learning them would teach to stop in mid-sentence. Prompts without a
    finished sample are left out.
    """
    finished = sorted(
        (one for one in scored if one.sample.finish_reason == "stop" and one.sample.text),
        key=lambda one: (one.sample.prompt_id, -one.reward, one.sample.sample_index),
    )
    return [next(group) for _, group in groupby(finished, key=lambda one: one.sample.prompt_id)]


def keep_highest(best: Sequence[ScoredSample], share: float) -> list[ScoredSample]:
    """The share of samples of highest reward, rounded up, in the order given: where the reward model is surest."""
    ranked = sorted(best, key=lambda one: (-one.reward, one.candidate_id))
    kept = {one.candidate_id for one in ranked[: math.ceil(share * len(ranked))]}
    return [one for one in best if one.candidate_id in kept]
