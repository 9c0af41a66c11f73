"""Turns a turn's metrics into its headline: one sentence, and figures with their change since the parent turn."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.reporting.inputs import Inputs

Metrics = Mapping[str, Any]


@dataclass(frozen=True)
class Figure:
    """A headline figure: value, format, change since the parent turn where there is one, and a note."""

    label: str
    value: float | None
    form: str
    change: float | None = None
    note: str = ""
    good: bool | None = True
    """Whether more is better; None where neither is."""


FIGURES: tuple[tuple[str, str, str, bool | None], ...] = (
    ("gold after SFT", "gold_sft", "gold", True),
    ("gold of the policy", "gold_policy", "gold", True),
    ("gold of the policy, greedy", "gold_policy_greedy", "gold", True),
    ("pass rate after SFT", "pass_sft", "percent", True),
    ("pass rate of the policy", "pass_policy", "percent", True),
    ("pass rate of the policy, greedy", "pass_policy_greedy", "percent", True),
    ("win rate against the start policy", "win_rate", "percent", None),
    ("KL from the chosen SFT checkpoint", "kl", "nats", None),
    ("reward model on held-out pairs", "reward_accuracy", "percent", True),
    ("reward model against gold", "reward_accuracy_gold", "percent", True),
    ("agreement of the kept labelers", "labeler_agreement", "percent", True),
    ("rows kept", "rows_kept", "count", None),
    ("rows dropped", "rows_dropped", "count", None),
)
"""What is compared with the parent turn: label, key of metrics/turn.json, format, whether more is better (or neither).

A win rate is against the turn's own start, a better policy each turn: less of it is not worse."""


METHODS = {"best_of_n": "fine-tuning on the best of n answers", "rloo": "RLOO", "dpo": "DPO"}


def name_method(inputs: Inputs) -> str:
    """How the policy was improved, in words."""
    method = inputs.metric("policy", "method") or ""
    return METHODS.get(method, method.replace("_", " "))


def build_figures(inputs: Inputs) -> list[Figure]:
    """The figures at the top; those that the turn does not have are left out."""
    now, before = inputs.metrics.get("turn", {}), find_parent(inputs)
    evaluate = inputs.metrics.get("evaluate", {})
    sampled = (evaluate.get("win_rate") or {}).get("sampled") or {}
    judge = "" if now.get("win_rate_judge", "gold") == "gold" else " by reward"
    kl_error = (evaluate.get("kl") or {}).get("standard_error")
    notes = {
        "gold_policy": _note_error(
            list_sampled(inputs).get("policy", {}).get("gold_error"), f"start {_plain(now, 'gold_start')}"
        ),
        "pass_policy": f"start {_percent(now.get('pass_start'))}",
        "win_rate": f"{_percent(sampled.get('low'))} to {_percent(sampled.get('high'))}{judge}" if sampled else "",
        "kl": f"± {kl_error:.2f} nats an answer" if kl_error is not None else "nats an answer",
        "reward_accuracy": f"± {_percent(inputs.metric('reward_model', 'standard_error'))}, held-out pairs",
        "labeler_agreement": f"± {_percent(inputs.metric('agreement', 'labeler_agreement_error'))}, kept labelers",
        "rows_kept": f"{now.get('rows_dropped') or 0:,} dropped",
    }
    shown = {
        "gold_policy": "gold of the policy", "pass_policy": "answers that pass", "win_rate": "wins against its start",
        "kl": "KL from SFT", "reward_accuracy": "reward model is right",
        "labeler_agreement": "labelers agree", "rows_kept": "rows kept",
    }  # fmt: skip
    forms = {key: (form, good) for _, key, form, good in FIGURES}
    return [
        Figure(label, now[key], forms[key][0], subtract(now, before, key), notes[key], forms[key][1])
        for key, label in shown.items()
        if now.get(key) is not None
    ]


def compare_turns(inputs: Inputs) -> list[tuple[Figure, float | None]]:
    """Each figure of this turn beside the parent's; empty in a cold start."""
    now, before = inputs.metrics.get("turn", {}), find_parent(inputs)
    return [
        (Figure(label, now.get(key), form, subtract(now, before, key), good=good), before.get(key))
        for label, key, form, good in FIGURES
        if before and (now.get(key) is not None or before.get(key) is not None)
    ]


def find_parent(inputs: Inputs) -> Metrics:
    """Metrics of the parent turn; empty where there is none."""
    return inputs.history[-1].metrics if inputs.history else {}


def subtract(now: Metrics, before: Metrics, key: str) -> float | None:
    """Change of a figure, where both turns have it."""
    new, old = now.get(key), before.get(key)
    return None if new is None or old is None else new - old


def write_headline(inputs: Inputs) -> str:
    """What came out, in one sentence; a difference within two standard errors is called none."""
    now = inputs.metrics.get("turn", {})
    start, policy = now.get("gold_start"), now.get("gold_policy")
    if start is None or policy is None:
        return _headline_without_gold(now)
    errors = [list_sampled(inputs).get(name, {}).get("gold_error") or 0.0 for name in ("start", "policy")]
    span = f"from {start:.3f} to {policy:.3f}"
    if abs(policy - start) <= 2 * math.hypot(*errors):
        return f"Gold went {span}, no more than chance explains"
    return f"Gold {'rose' if policy > start else 'fell'} {span} on prompts nobody trained on"


def _headline_without_gold(now: Metrics) -> str:
    rate = now.get("win_rate")
    if rate is None:
        return "What this turn did"
    return f"The policy wins {rate:.0%} of answers against its start, by its own reward model"


def list_sampled(inputs: Inputs) -> dict[str, Metrics]:
    """Rows of metrics/evaluate.json for sampled answers, by policy."""
    rows = inputs.metric("evaluate", "policies") or []
    return {row["policy"]: row for row in rows if row["mode"] == "sampled"}


def _note_error(error: float | None, other: str) -> str:
    return f"± {error:.3f}, {other}" if error is not None else other


def _plain(metrics: Metrics, key: str) -> str:
    return f"{metrics[key]:.3f}" if metrics.get(key) is not None else "–"


def _percent(value: float | None) -> str:
    return f"{value:.1%}" if value is not None else "–"
