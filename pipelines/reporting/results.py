"""Turns metrics and plots of evaluation into tables and charts: gold, pass, reward, kinds, win rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.reporting.answers import POLICIES
from pipelines.reporting.charts import Chart, Series, draw_chart
from pipelines.reporting.inputs import Inputs

NAMES = {"start": "start", "sft": "after SFT", "policy": "policy"}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class KindRow:
    """One kind of prompt: its number, and gold (or reward) with its place from 0 to 1 by policy."""

    kind: str
    n: int
    rows: dict[str, Row]
    places: dict[str, float]


@dataclass(frozen=True)
class Results:
    """What evaluation found; lists are empty and charts None where it has no such figures."""

    policies: list[Row]
    harmful: list[Row]
    kinds: list[KindRow]
    kinds_measure: str
    charts: list[Chart]
    training: list[Chart]
    has_gold: bool


def build_results(inputs: Inputs) -> Results:
    """Rows of metrics/evaluate.json in the order start, sft, policy; sampled before greedy."""
    policies = order_rows(inputs.metric("evaluate", "policies") or [])
    has_gold = any(row.get("gold") is not None for row in policies)
    measure = "gold" if has_gold else "reward"
    kinds = group_kinds(inputs.metric("evaluate", "kinds") or [], measure)
    charts = [draw_proxy(inputs), draw_best_of(inputs, "gold", "Gold"), draw_best_of(inputs, "reward", "Reward")]
    return Results(
        policies, order_rows(inputs.metric("evaluate", "harmful_requests") or []), kinds, measure,
        [chart for chart in charts if chart], draw_training(inputs), has_gold,
    )  # fmt: skip


def order_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the three policies in the order in which they came to be."""
    rows = [row for row in rows if row["policy"] in NAMES]
    return sorted(rows, key=lambda row: (row["mode"] != "sampled", list(NAMES).index(row["policy"])))


def group_kinds(rows: Sequence[Row], measure: str) -> list[KindRow]:
    """Sampled answers by kind of prompt: the greatest gain of the policy over its start first."""
    by_kind: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["mode"] == "sampled" and row.get(measure) is not None:
            by_kind.setdefault(row["kind"], {})[row["policy"]] = row
    values = [row[measure] for found in by_kind.values() for row in found.values()]
    low, high = (0.0, 1.0) if measure == "gold" else (min(values, default=0.0), max(values, default=1.0))
    kinds = [
        KindRow(
            kind, max(row["n"] for row in found.values()), found,
            {policy: (found[policy][measure] - low) / ((high - low) or 1.0) for policy in POLICIES if policy in found},
        )
        for kind, found in by_kind.items()
    ]  # fmt: skip
    return sorted(kinds, key=lambda kind: (-_gain(kind, measure), kind.kind))


def _gain(kind: KindRow, measure: str) -> float:
    if not {"start", "policy"} <= set(kind.rows):
        return 0.0
    return kind.rows["policy"][measure] - kind.rows["start"][measure]


def draw_proxy(inputs: Inputs) -> Chart | None:
    """Gold of answers by their reward: rises where the reward model can be trusted."""
    points = list_points(inputs.plots.get("reward_against_gold", []), "reward", "gold")
    return draw_chart("Gold against reward", "reward, in bins of equal size", "gold", [Series("", "policy", points)])


def draw_best_of(inputs: Inputs, measure: str, title: str) -> Chart | None:
    """Gold or reward of the reward model's choice among n."""
    points = list_points(inputs.plots.get("best_of_n", []), "n", measure)
    series = [Series("", "policy" if measure == "gold" else "sft", points)]
    title, label = f"{title} of the best of n", "n answers to choose from"
    return draw_chart(title, label, measure, series, log_x=True, at_points=True)


def draw_training(inputs: Inputs) -> list[Chart]:
    """Each measure that policy training noted at its steps."""
    rows = inputs.plots.get("policy", [])
    columns = [column for column in (rows[0] if rows else {}) if column != "step"]
    charts = [
        draw_chart(column.replace("_", " "), "step", "", [Series("", "policy", list_points(rows, "step", column))])
        for column in columns
    ]
    return [chart for chart in charts if chart]


def draw_history(inputs: Inputs) -> Chart | None:
    """Gold of sampled answers over the turns, after SFT and of the policy."""
    turns = [(past.turn, past.metrics) for past in inputs.history]
    turns.append((inputs.turn, inputs.metrics.get("turn", {})))
    if len(turns) < 2:
        return None
    series = [Series(NAMES[policy], policy, _list_gold(turns, policy)) for policy in ("sft", "policy")]
    return draw_chart("Gold over the turns", "turn", "gold, sampled", series, at_points=True)


def list_points(rows: Sequence[Mapping[str, str]], x: str, y: str) -> list[tuple[float, float]]:
    """Points of a plot; rows without a number are left out."""
    return [(float(row[x]), float(row[y])) for row in rows if row.get(x) and row.get(y)]


def _list_gold(turns: Sequence[tuple[int, Row]], policy: str) -> list[tuple[float, float]]:
    """(turn, gold) where the turn has one."""
    return [(turn, found) for turn, metrics in turns if (found := metrics.get(f"gold_{policy}")) is not None]
