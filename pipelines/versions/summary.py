"""Gathers the short table that ends a turn: its metrics, seconds by stage, and where the report is."""

import json
from pathlib import Path
from typing import Any

from schemas.errors import UserError

TURN_METRICS = Path("metrics") / "turn.json"
ROWS = (
    ("gold of the start", "gold_start", ".3f"),
    ("gold after SFT", "gold_sft", ".3f"),
    ("gold of the policy", "gold_policy", ".3f"),
    ("gold of the policy, greedy", "gold_policy_greedy", ".3f"),
    ("pass rate of the start", "pass_start", ".1%"),
    ("pass rate after SFT", "pass_sft", ".1%"),
    ("pass rate of the policy", "pass_policy", ".1%"),
    ("win rate against the start", "win_rate", ".1%"),
    ("KL from the checkpoint, nats", "kl", ".2f"),
    ("reward model's accuracy", "reward_accuracy", ".1%"),
    ("labelers' agreement", "labeler_agreement", ".1%"),
    ("rows kept", "rows_kept", ",.0f"),
    ("rows dropped", "rows_dropped", ",.0f"),
    ("bad labelers found", "bad_labelers_found", ",.0f"),
    ("honest labelers blamed", "honest_labelers_blamed", ",.0f"),
)
"""What the table shows of metrics/turn.json: label, key, format."""


class SummaryError(UserError):
    """There is nothing to sum up yet."""


def read_json_file(path: Path) -> dict[str, Any]:
    """A JSON object from a file; empty when there is none, or something else."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def read_summary(root: Path) -> dict[str, Any]:
    """{turn metrics, seconds by stage, the most memory that a stage took or null, report path or null}.

    Raises:
        SummaryError: no turn was run to the end.
    """
    metrics = read_json_file(root / TURN_METRICS)
    if not metrics:
        raise SummaryError("there is no metrics/turn.json yet: `dvc repro` runs the turn")
    noted = {
        stage: value
        for stage, value in read_json_file(root / ".flywheel" / "seconds.json").items()
        if isinstance(value, dict)
    }
    seconds = {stage: value["seconds"] for stage, value in noted.items()}
    peak = max((value.get("peak_megabytes", 0) for value in noted.values()), default=0) or None
    report = root / "report" / "index.html"
    where = str(report) if report.exists() else None
    return {"metrics": metrics, "seconds": seconds, "peak_megabytes": peak, "report": where}


def describe_summary(summary: dict[str, Any]) -> list[str]:
    """The summary as lines to read; metrics that a turn does not have are left out."""
    metrics, seconds = summary["metrics"], summary["seconds"]
    rows = [
        (label, format(metrics[key], form)) for label, key, form in ROWS if isinstance(metrics.get(key), int | float)
    ]
    width = max((len(label) for label, _ in rows), default=0)
    lines = [f"turn {metrics.get('turn', '?')}"]
    lines += [f"  {label:<{width}}  {value:>9}" for label, value in rows]
    if seconds:
        stages = ", ".join(f"{stage} {value:.0f}" for stage, value in seconds.items())
        memory = f", at most {peak:,} MB" if (peak := summary["peak_megabytes"]) else ""
        lines.append(f"seconds: {stages}; {sum(seconds.values()):.0f} in all{memory}")
    if summary["report"]:
        lines.append(f"report: {summary['report']}")
    return lines
