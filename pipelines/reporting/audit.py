"""Turns the audit's findings into what the page says of preferences that stay: checks, counts, some pairs each."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.reporting.examples import FINDINGS, show_dropped
from pipelines.reporting.funnel import Reason
from pipelines.reporting.inputs import Inputs
from pipelines.reporting.reasons import describe_reason
from pipelines.reporting.texts import Texts


@dataclass(frozen=True)
class Audited:
    """Preferences that stay and have findings, by action: (down_weight or warn, its checks, most pairs first)."""

    preferences: int
    found: int
    actions: list[tuple[str, list[Reason]]]


def build_audit(inputs: Inputs, texts: Texts) -> Audited:
    """Down-weights first; of each check the pair nearest its threshold, the rest by id."""
    findings, preferences = inputs.tables[FINDINGS], inputs.tables["preferences"]
    picked = {key: _pick_findings(rows, inputs.params.n_dropped) for key, rows in _group_findings(findings)}
    named = {name for rows in picked.values() for row in rows for name in (row["row_id"], row["matched_id"])}
    wanted = preferences.filter(pl.col("pair_id").is_in(named - {None}))
    pairs = {row[0]: row[1:] for row in wanted.select("pair_id", "prompt_id", "chosen_id", "rejected_id").iter_rows()}
    actions: dict[str, list[Reason]] = {}
    for (action, reason), rows in _group_findings(findings):
        examples = [show_dropped(row, texts, pairs) for row in picked[action, reason]]
        actions.setdefault(action, []).append(Reason(reason, describe_reason(reason), rows.height, examples))
    ordered = [(action, sorted(reasons, key=lambda r: (-r.n, r.name))) for action, reasons in sorted(actions.items())]
    return Audited(preferences.height, findings["pair_id"].n_unique(), ordered)


def _group_findings(findings: pl.DataFrame) -> list[tuple[tuple[str, str], pl.DataFrame]]:
    groups = findings.sort("pair_id").group_by("action", "reason", maintain_order=True)
    return [((str(action), str(reason)), rows) for (action, reason), rows in groups]


def _pick_findings(rows: pl.DataFrame, n: int) -> list[dict[str, Any]]:
    distance = (pl.col("value") - pl.col("threshold")).abs()
    nearest = rows.sort(distance, "pair_id", nulls_last=True).head(1)
    rest = rows.join(nearest, on="pair_id", how="anti").sort("pair_id")
    picked = pl.concat([nearest, rest]).head(n).rename({"pair_id": "row_id"})
    return picked.with_columns(table_name=pl.lit(FINDINGS)).to_dicts()
