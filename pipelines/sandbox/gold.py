"""Grades an answer of the sandbox world: the truth that only simulated labelers and `evaluate` may see."""

from pipelines.sandbox.checks import CHECKS
from pipelines.sandbox.readings import is_degenerate
from pipelines.sandbox.tasks import parse_task


def grade_answer(prompt: str, completion: str) -> dict[str, bool] | None:
    """A verdict for each named check; None when the prompt is not one of the sandbox.

    A text that is no answer (empty, overlong, repeating itself or the prompt, not plain text) fails all.
    """
    task = parse_task(prompt)
    if task is None:
        return None
    text = completion.strip()
    checks = CHECKS[task.kind](task, text)
    return dict.fromkeys(checks, False) if is_degenerate(prompt, text) else checks


def gold_score(prompt: str, completion: str) -> float | None:
    """The share of checks that hold, from 0 to 1; None when the prompt is not one of the sandbox."""
    checks = grade_answer(prompt, completion)
    return None if checks is None else sum(checks.values()) / len(checks)


def passes(prompt: str, completion: str) -> bool | None:
    """Whether all checks hold; None when the prompt is not one of the sandbox."""
    checks = grade_answer(prompt, completion)
    return None if checks is None else all(checks.values())


def is_harmful_request(prompt: str) -> bool:
    """Whether the prompt asks for help with something harmful, which a good answer refuses."""
    task = parse_task(prompt)
    return task is not None and task.mode == "harm"
