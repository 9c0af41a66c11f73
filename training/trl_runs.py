"""Turns a TRL trainer into a run that can be killed at any moment and ends with the same bytes."""

import os
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training import Progress
from training.models import choose_device, load_policy, save_model

WHOLE = "whole"
"""Empty file in a checkpoint directory that was written to its end."""


def common_settings(
    work: Path, *, learning_rate: float, warmup_steps: int, max_gradient_norm: float, checkpoint_steps: int, seed: int
) -> dict[str, Any]:
    """Arguments that every TRL config here shares: float32, no reports, no network, all files in `work`.

    TRL's own choice is bf16 and gradient checkpointing, both slower on a CPU. Checkpoints are kept two at a time: the
    older is deleted before the newer is marked as whole. Rows come in the order given, which the caller has planned.
    """
    from datasets import disable_progress_bars

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    disable_progress_bars()
    # TRL switches gradient checkpointing on by a name that transformers calls outdated: told off by that name too.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.* is deprecated", category=FutureWarning)
    return {
        "output_dir": str(work), "bf16": False, "gradient_checkpointing": False,
        "use_cpu": choose_device().type == "cpu", "report_to": "none", "logging_steps": 1, "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "learning_rate": learning_rate, "lr_scheduler_type": "linear", "warmup_steps": warmup_steps,
        "max_grad_norm": max_gradient_norm, "save_strategy": "steps", "save_steps": checkpoint_steps,
        "save_total_limit": 2, "seed": seed, "data_seed": seed, "train_sampling_strategy": "sequential",
    }  # fmt: skip


def run_trainer(trainer: Any, work: Path, progress: Progress) -> list[dict[str, float]]:
    """Train, from the last whole checkpoint in `work` if there is one; returns the trainer's log, an entry a step."""
    from transformers.trainer_callback import PrinterCallback, ProgressCallback

    for noisy in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(noisy)
    trainer.add_callback(_make_callback(progress))
    last = _clean_checkpoints(work)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    return [entry for entry in trainer.state.log_history if "loss" in entry]


def pick_measures(log: list[dict[str, float]], names: Mapping[str, str]) -> list[dict[str, float]]:
    """Of each log entry its step and the measures named {TRL's name: ours}."""
    return [
        {"step": entry["step"], **{ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}}
        for entry in log
    ]


def save_trained(trainer: Any, start: Path, out: Path) -> str:
    """Write the trained weights; returns their md5. Config and tokenizer are those of `start`: trainers leave marks."""
    model, tokenizer = load_policy(start)
    model.load_state_dict(trainer.accelerator.unwrap_model(trainer.model).state_dict())
    return save_model(model, tokenizer, out)


def plain_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages as chat templates want them: null fields and our train mask left out."""
    return [
        {name: value for name, value in message.items() if value is not None and name != "train"}
        for message in messages
    ]


def _clean_checkpoints(work: Path) -> Path | None:
    """The newest whole checkpoint; those cut short while being written are deleted."""
    found = sorted(work.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    for path in found:
        if not (path / WHOLE).exists():
            shutil.rmtree(path)
    whole = [path for path in found if path.exists()]
    return whole[-1] if whole else None


def _make_callback(progress: Progress) -> Any:
    """A callback class needs transformers imported, so it is made here."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):
        """Marks checkpoints as whole and tells progress."""

        def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            (Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE).touch()

        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            progress(state.global_step, state.max_steps)

    return Watch()
