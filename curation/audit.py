"""Turns preference pairs into findings: which pair fails which check, by what value, and what is done about it.

Every check looks at all pairs and none short-circuits another. A check's name is its field's in
`schemas.audit.AuditChecks`, where its switch, action and thresholds are.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from curation import audit_order, audit_texts, audit_votes
from curation.ledger import make_findings, record_drops
from curation.noise import FOUND
from curation.pairs import TAUGHT, Evidence, complete_pairs, complete_votes
from schemas.curation_params import Audit, NearDuplicates
from schemas.tables import conform_frame


def _find_benchmark(column: str, evidence: Evidence, check: Any) -> pl.DataFrame:
    return audit_texts.find_benchmark_prompts(evidence, column)


# Reason: (check, version). A change of what a check finds raises its version.
CHECKS: dict[str, tuple[Callable[[Evidence, Any], pl.DataFrame], int]] = {
    "unknown_candidate": (audit_texts.find_unknown_candidates, 1),
    "unknown_prompt": (audit_texts.find_unknown_prompts, 1),
    "no_shared_prompt": (audit_texts.find_unshared_prompts, 1),
    "empty_side": (audit_texts.find_empty_sides, 1),
    "empty_turn": (audit_texts.find_empty_turns, 1),
    "identical_sides": (audit_texts.find_identical_sides, 1),
    "identical_after_truncation": (audit_texts.find_identical_after_truncation, 1),
    "over_long": (audit_texts.find_over_long, 1),
    "near_identical_sides": (audit_texts.find_near_identical_sides, 1),
    "formatting_only": (audit_texts.find_formatting_only, 1),
    "prompt_echoed": (audit_texts.find_echoed_prompts, 1),
    "refusal_preferred": (audit_texts.find_preferred_refusals, 1),
    "contradictory_pair": (audit_order.find_contradictory_pairs, 1),
    "preference_cycle": (audit_order.find_preference_cycles, 1),
    "duplicate_pair": (audit_order.find_duplicate_pairs, 1),
    "repeated_prompt": (audit_order.find_repeated_prompts, 1),
    "repeated_demonstration": (audit_texts.find_repeated_demonstrations, 1),
    "tied_votes": (audit_votes.find_ties, 1),
    "low_agreement": (audit_votes.find_low_agreement, 1),
    "unreliable_labeler": (audit_votes.find_unreliable, 1),
    "position_bias": (audit_votes.find_position_bias, 1),
    "length_bias": (audit_votes.find_length_bias, 1),
    "too_fast": (audit_votes.find_too_fast, 1),
    "reward_outlier": (audit_votes.find_reward_outliers, 1),
    "reward_opposed": (audit_votes.find_opposed_rewards, 1),
    "benchmark_in_prompt": (partial(_find_benchmark, "prompt"), 1),
    "benchmark_in_chosen": (partial(_find_benchmark, "chosen"), 1),
    "benchmark_in_rejected": (partial(_find_benchmark, "rejected"), 1),
}


def audit_pairs(
    pairs: pl.DataFrame,
    audit: Audit,
    near: NearDuplicates,
    *,
    votes: pl.DataFrame | None = None,
    benchmark: pl.DataFrame | None = None,
    demonstrations: pl.DataFrame | None = None,
    max_tokens: int | None = None,
) -> pl.DataFrame:
    """Table `pair_findings` of any frame of pairs: one row a pair and enabled check that finds it.

    A check whose columns are absent or null finds nothing. A finding weighs 1 (warn), audit.weight (down_weight) or
    0 (drop): a pair's weight is multiplied by those of all its findings.

    Args:
        pairs: columns of curation.pairs.PAIRS; whole conversations go through
            curation.conversations.read_conversations first.
        votes: columns of curation.pairs.VOTES.
        benchmark: row_id, text of the prompts that nothing may train on.
        demonstrations: columns of curation.pairs.TAUGHT.
        max_tokens: tokens of a conversation that a trainer reads.

    Raises:
        PairsError: a column is missing or of another type, or an id is repeated.
    """
    held = pl.DataFrame(schema={"row_id": pl.String, "text": pl.String}) if benchmark is None else benchmark
    taught = pl.DataFrame(schema=TAUGHT) if demonstrations is None else demonstrations
    evidence = Evidence(complete_pairs(pairs), complete_votes(votes), held, taught, max_tokens, audit, near)
    checks = {name: getattr(audit.checks, name) for name in CHECKS}
    found = [_apply_check(evidence, name, check) for name, check in checks.items() if check.enabled]
    actions = {name: check.action for name, check in checks.items()}
    return _keep_one(pl.concat([pl.DataFrame(schema=FOUND), *found]), actions, audit.weight)


def list_drops(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings that drop their pair, as the ledger takes them (noise.FOUND)."""
    return findings.filter(pl.col("action") == "drop").select(
        pl.col("pair_id").alias("row_id"), *(pl.col(c) for c in FOUND if c != "row_id")
    )


def count_findings(findings: pl.DataFrame) -> dict[str, Any]:
    """{action: {reason: pairs}}, and how many pairs have a finding."""
    counts = findings.group_by("action", "reason").len().sort("action", "reason")
    by_action: dict[str, dict[str, int]] = {}
    for action, reason, n in counts.iter_rows():
        by_action.setdefault(action, {})[reason] = n
    return {"pairs_found": findings["pair_id"].n_unique(), **by_action}


def _apply_check(evidence: Evidence, name: str, check: Any) -> pl.DataFrame:
    find_pairs, version = CHECKS[name]
    return make_findings(find_pairs(evidence, check), name, version=version)


def _keep_one(found: pl.DataFrame, actions: dict[str, str], weight: float) -> pl.DataFrame:
    """One finding a pair and check, chosen as the ledger does."""
    once = record_drops([found], table="preferences", stage="audit", turn=0).drop("table_name", "stage", "turn")
    weights = {"warn": 1.0, "down_weight": weight, "drop": 0.0}
    action = pl.col("reason").replace_strict(actions, return_dtype=pl.String)
    return conform_frame(
        "pair_findings",
        once.rename({"row_id": "pair_id"}).with_columns(
            action=action, weight=action.replace_strict(weights, return_dtype=pl.Float64)
        ),
    )
