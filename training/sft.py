"""Turns a policy and demonstrations into checkpoints of a policy that answers as they do."""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from schemas.training_params import Sft
from training import Progress, ignore_progress
from training.batches import plan_batches
from training.examples import Example
from training.models import choose_device, load_policy, model_digest, save_model, write_lineage
from training.tokenizer import encode_example
from training.trl_runs import common_settings, pick_measures, run_trainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WARM_UP_SHARE = 0.05
MAX_GRADIENT_NORM = 1.0
RESUME_POINTS = 5
"""Into so many parts a run is cut by the states that a killed one goes on from."""

MASKED = -100
"""The label that torch's cross-entropy leaves out."""


@dataclass(frozen=True)
class SftResult:
    """What was kept and what was seen: `skipped_row_ids` were too long, or had no message to learn.

    `checkpoints` are directory names in `out`, oldest first; `steps` holds step and loss (nats a token) for a plot.
    """

    checkpoints: list[str]
    trained_row_ids: list[str]
    skipped_row_ids: list[str]
    steps: list[dict[str, float]]


@dataclass(frozen=True)
class _Row:
    row_id: str
    ids: list[int]
    labels: list[int]


def train_sft(
    start: Path | str,
    examples: Sequence[Example],
    *,
    params: Sft,
    max_tokens: int,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> SftResult:
    """Fine-tune the policy at `start` on completions alone, by TRL's SFTTrainer; writes out/checkpoint-1, -2, ...

    `params.kept_checkpoints` of them, evenly spaced, the last one after the last step, each with the lineage of the
    rows seen so far. Killed and called again with the same `work`, it goes on and ends with the same bytes.
    On an accelerator it runs in bfloat16 with gradient checkpointing; `accelerate launch` spreads it over many.

    Raises:
        UserError: no example, or none that fits into `max_tokens` with something to learn.
    """
    model, tokenizer = load_policy(start)
    rows, skipped = encode_examples(tokenizer, examples, max_tokens)
    if not examples:
        raise UserError(
            "sft: no demonstration is left to learn from: see demonstrations.teachers, and `flywheel dropped`"
        )
    if not rows:
        raise UserError(
            f"sft: none of {len(examples)} examples fits into {max_tokens} tokens with a message to learn:"
            " raise start.max_tokens or look at the demonstrations' train marks"
        )
    n_rows = max(1, round(params.epochs * len(rows)))
    batches = plan_batches([len(row.ids) for row in rows], batch_rows=params.batch_rows, n_rows=n_rows, seed=seed)
    kept_steps = space_checkpoints(len(batches), params.kept_checkpoints)
    trainer = _build_trainer(
        model, tokenizer, [rows[index] for batch in batches for index in batch], params, seed, len(batches), work
    )

    def keep(step: int) -> None:
        directory = work / "kept" / f"checkpoint-{kept_steps.index(step) + 1}"
        seen = {rows[index].row_id for batch in batches[:step] for index in batch}
        _keep_checkpoint(trainer, start, directory, seen, {**params.model_dump(), "max_tokens": max_tokens}, seed)

    trainer.add_callback(_make_keeper(frozenset(kept_steps), keep))
    log = run_trainer(trainer, work, progress)
    names = [f"checkpoint-{number}" for number in range(1, len(kept_steps) + 1)]
    for name in names:
        shutil.copytree(work / "kept" / name, out / name, dirs_exist_ok=True)
    trained = {rows[index].row_id for batch in batches for index in batch}
    return SftResult(names, sorted(trained), skipped, pick_measures(log, {"loss": "loss"}))


def encode_examples(
    tokenizer: "PreTrainedTokenizerBase", examples: Sequence[Example], max_tokens: int
) -> tuple[list[_Row], list[str]]:
    """Rows sorted by id with a label for each token to learn, and the sorted ids of examples left out.

    Left out are those longer than `max_tokens`, which would be cut in mid-answer, and those with nothing to learn.
    """
    rows, skipped = [], []
    for example in sorted(examples, key=lambda example: example.row_id):
        ids, mask = encode_example(tokenizer, example.messages, example.completion)
        if len(ids) > max_tokens or not any(mask):
            skipped.append(example.row_id)
        else:
            labels = [token if learn else MASKED for token, learn in zip(ids, mask, strict=True)]
            rows.append(_Row(example.row_id, ids, labels))
    return rows, skipped


def space_checkpoints(steps: int, kept: int) -> list[int]:
    """After which steps to keep a checkpoint: evenly spaced, the last one last, fewer where steps are fewer."""
    return sorted({math.ceil(steps * number / kept) for number in range(1, kept + 1)})


def _build_trainer(
    model: Any,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[_Row],
    params: Sft,
    seed: int,
    steps: int,
    work: Path,
) -> Any:
    """TRL's trainer over rows already encoded, in the order planned: its own tokenizing would cut long rows unasked."""
    from accelerate import PartialState
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    settings = common_settings(
        work,
        learning_rate=params.learning_rate,
        warmup_steps=math.ceil(WARM_UP_SHARE * steps),
        max_gradient_norm=MAX_GRADIENT_NORM,
        checkpoint_steps=math.ceil(steps / RESUME_POINTS),
        seed=seed,
    )
    device_rows = min(params.device_rows, params.batch_rows)
    accumulation = max(1, params.batch_rows // (device_rows * PartialState().num_processes))
    accelerated = choose_device().type != "cpu"
    config = SFTConfig(**{
        **settings, "bf16": accelerated, "gradient_checkpointing": accelerated, "num_train_epochs": 1,
        "per_device_train_batch_size": device_rows, "gradient_accumulation_steps": accumulation, "max_length": None,
        "dataset_kwargs": {"skip_prepare_dataset": True}, "weight_decay": 0.0,
    })  # fmt: skip
    dataset = Dataset.from_dict({"input_ids": [row.ids for row in rows], "labels": [row.labels for row in rows]})
    return SFTTrainer(model=model, args=config, train_dataset=dataset, processing_class=tokenizer)


def _keep_checkpoint(
    trainer: Any, start: Path | str, directory: Path, seen: set[str], params: dict[str, Any], seed: int
) -> None:
    """Write the policy as it is now to `directory`, whole or not at all, with the config of `start`.

    The trainer leaves marks on its own copy of the config.
    """
    import torch

    weights = trainer.accelerator.get_state_dict(trainer.model)
    if directory.exists() or not trainer.is_world_process_zero():
        return
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    policy, tokenizer = load_policy(start)
    policy.load_state_dict(weights)
    save_model(policy, tokenizer, unfinished)
    parent = model_digest(Path(start)) if Path(start).is_dir() else None
    write_lineage(
        unfinished, kind="sft", rows=seen, parent=parent, reference=None, params=params, seed=seed,
        threads=torch.get_num_threads(),
    )  # fmt: skip
    unfinished.rename(directory)


def _make_keeper(steps: frozenset[int], keep: Any) -> Any:
    """A callback that calls `keep` after each of `steps`; its base class needs transformers imported."""
    from transformers import TrainerCallback

    class Keeper(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if state.global_step in steps:
                keep(state.global_step)

    return Keeper()
