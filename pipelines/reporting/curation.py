"""Turns what curation counted into metrics/curation.json: funnel, agreement of the labelers, and audit, in short."""

from typing import Any

from pipelines.reporting.funnel import count_tables
from pipelines.reporting.inputs import Inputs

AGREEMENT = (
    "n_labelers", "dropped_labelers", "labeler_agreement", "labeler_agreement_error", "labeler_agreement_raw",
    "krippendorff_alpha", "krippendorff_alpha_interval", "krippendorff_alpha_ordinal",
    "krippendorff_alpha_ordinal_interval", "krippendorff_alpha_interval_level",
    "krippendorff_alpha_interval_level_interval", "cohen_kappa", "fleiss_kappa", "wmt_kappa", "kendall_tau_b",
    "kendall_w", "repeat_agreement", "gold_accuracy",
)  # fmt: skip
"""Keys of metrics/agreement.json; where that also has a figure over all labelers, these are over the kept ones."""


def summarise_curation(inputs: Inputs) -> dict[str, Any]:
    """Rows kept and dropped of each table, in all turns, by reason; agreement; the audit's findings by action."""
    return {
        "turn": inputs.turn,
        "funnel": count_tables(inputs),
        "agreement": {key: inputs.metric("agreement", key) for key in AGREEMENT},
        "audit": dict(inputs.metrics.get("audit", {})),
    }
