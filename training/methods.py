"""Turns the name of a policy method into the function that runs it: a new method is one more entry here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.training_params import Policy
from training import Progress, ignore_progress
from training.improvement import PolicyInputs, PolicyResult

Method = Callable[..., PolicyResult]


def improve_policy(
    inputs: PolicyInputs,
    *,
    params: Policy,
    max_tokens: int,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> PolicyResult:
    """Improve `inputs.start` by `params.method`, with that method's own section of the params."""
    method = METHODS[params.method]
    settings = getattr(params, params.method)
    return method(inputs, params=settings, max_tokens=max_tokens, seed=seed, out=out, work=work, progress=progress)


def _run_best_of_n(inputs: PolicyInputs, **settings: Any) -> PolicyResult:
    from training.best_of_n import improve_by_best_of_n

    return improve_by_best_of_n(
        inputs.start, inputs.reference, inputs.reward_model, inputs.prompts, inputs.labelers_best, **settings
    )


def _run_rloo(inputs: PolicyInputs, **settings: Any) -> PolicyResult:
    from training.rloo import improve_by_rloo

    return improve_by_rloo(inputs.start, inputs.reference, inputs.reward_model, inputs.prompts, **settings)


def _run_dpo(inputs: PolicyInputs, **settings: Any) -> PolicyResult:
    from training.dpo import improve_by_dpo

    return improve_by_dpo(inputs.start, inputs.reference, inputs.groups, **settings)


METHODS: dict[str, Method] = {"best_of_n": _run_best_of_n, "rloo": _run_rloo, "dpo": _run_dpo}
