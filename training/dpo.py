"""Turns a policy and preferences into a better policy by direct preference optimisation (Rafailov et al. 2023)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from schemas.ids import candidate_id, pair_id
from schemas.training_params import Dpo
from training import Progress, ignore_progress
from training.batches import plan_batches
from training.examples import Group
from training.improvement import PolicyResult
from training.models import load_policy, model_digest, write_lineage
from training.pairwise import explain_no_pair
from training.tokenizer import encode_example
from training.trl_runs import common_settings, pick_measures, plain_messages, run_trainer, save_trained

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

MEASURES = {"loss": "loss", "rewards/accuracies": "accuracy", "rewards/margins": "margin"}


def improve_by_dpo(
    start: Path,
    reference: Path,
    groups: Sequence[Group],
    *,
    params: Dpo,
    max_tokens: int,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> PolicyResult:
    """Train `start` on preferences by TRL's DPOTrainer against `reference`.

    Of each prompt the `pairs_per_prompt` pairs of widest margin, then greatest weight, are used; their weights go no
    further, since TRL's loss takes none. Pairs longer than `max_tokens` are skipped, by id. Each entry of `steps` has
    `loss`, `accuracy` and `margin` of the implicit rewards.

    Raises:
        UserError: no pair fits.
    """
    import torch

    model, tokenizer = load_policy(start)
    rows, skipped = _select_pairs(tokenizer, groups, params, max_tokens)
    if not rows:
        raise UserError(f"dpo: {explain_no_pair(groups, max_tokens)}")
    n_rows = max(1, round(params.epochs * len(rows)))
    plan = plan_batches([row["length"] for row in rows], batch_rows=params.batch_pairs, n_rows=n_rows, seed=seed)
    ordered = [rows[index] for batch in plan for index in batch]
    trainer = _make_trainer(model, load_policy(reference)[0], tokenizer, ordered, params, seed, work)
    log = pick_measures(run_trainer(trainer, work, progress), MEASURES)
    md5 = save_trained(trainer, start, out)
    seen = sorted({row["pair_id"] for row in ordered})
    write_lineage(
        out, kind="dpo", rows=seen, parent=model_digest(start), reference=model_digest(reference),
        params={**params.model_dump(), "max_tokens": max_tokens}, seed=seed, threads=torch.get_num_threads(),
    )  # fmt: skip
    return PolicyResult(md5, "preferences", seen, skipped, log)


def _select_pairs(
    tokenizer: "PreTrainedTokenizerBase", groups: Sequence[Group], params: Dpo, max_tokens: int
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows for TRL with `pair_id` and `length`, sorted by pair id, and the ids of chosen pairs that are too long."""
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    for group in groups:
        best = sorted(group.pairs, key=lambda pair: (-pair.margin, -pair.weight, pair.chosen, pair.rejected))
        for pair in best[: params.pairs_per_prompt]:
            chosen, rejected = group.completions[pair.chosen], group.completions[pair.rejected]
            ids = [candidate_id(group.prompt_id, completion) for completion in (chosen, rejected)]
            row: dict[str, Any] = {
                "pair_id": pair_id(group.prompt_id, *ids),
                "length": max(len(encode_example(tokenizer, group.messages, text)[0]) for text in (chosen, rejected)),
                "prompt": plain_messages(group.messages),
                "chosen": plain_messages(chosen),
                "rejected": plain_messages(rejected),
            }
            if row["length"] <= max_tokens:
                rows.append(row)
            else:
                skipped.append(row["pair_id"])
    return sorted(rows, key=lambda row: row["pair_id"]), sorted(skipped)


def _make_trainer(
    model: "PreTrainedModel",
    reference: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: list[dict[str, Any]],
    params: Dpo,
    seed: int,
    work: Path,
) -> Any:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    steps = math.ceil(len(rows) / params.batch_pairs)
    settings = common_settings(
        work, learning_rate=params.learning_rate, warmup_steps=round(steps * params.warmup_share),
        max_gradient_norm=params.max_gradient_norm, checkpoint_steps=params.checkpoint_steps, seed=seed,
    )  # fmt: skip
    config = DPOConfig(
        **settings, num_train_epochs=1, per_device_train_batch_size=params.batch_pairs, beta=params.kl_beta,
        max_length=None, loss_type=["sigmoid"],
    )  # fmt: skip
    dataset = Dataset.from_list([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    return DPOTrainer(model, reference, config, train_dataset=dataset, processing_class=tokenizer)
