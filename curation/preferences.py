"""Turns rankings of all turns into preferences, labeler statistics and a ledger of what was dropped on the way."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.audit import count_findings, list_drops
from curation.consensus import decide_consensus, make_preferences, model_pairs
from curation.label_quality import measure_agreement_overall
from curation.labeler_stats import judge_labelers
from curation.ledger import combine_drops, make_findings, record_drops, take_drops
from curation.near_duplicates import normalise_text
from curation.noise import FOUND, CountTokens, find_noise
from curation.preference_audit import NOTHING_READ, Readings, Tables, audit_preferences
from curation.texts import prompt_text, said_text
from curation.views import read_view
from schemas.curation_params import CuratePreferences, NearDuplicates, PreferenceRules
from schemas.tables import empty_frame

STAGE = "curate_preferences"
# A prompt dropped for these is as good as another one: labels for it stay valid
_LABELS_STAY = ("exact_duplicate", "near_duplicate")
# name in the metrics: name in label_quality.py
_AGREEMENT = {
    "labeler_agreement": "agreement",
    "labeler_agreement_error": "agreement_error",
    "krippendorff_alpha": "alpha_nominal",
    "krippendorff_alpha_interval": "alpha_nominal_interval",
    "krippendorff_alpha_ordinal": "alpha_ordinal",
    "krippendorff_alpha_ordinal_interval": "alpha_ordinal_interval",
    "krippendorff_alpha_interval_level": "alpha_interval",
    "krippendorff_alpha_interval_level_interval": "alpha_interval_interval",
    "cohen_kappa": "cohen_kappa",
    "fleiss_kappa": "fleiss_kappa",
    "wmt_kappa": "wmt_kappa",
    "kendall_tau_b": "kendall_tau_b",
    "kendall_w": "kendall_w",
    "repeat_agreement": "repeat_agreement",
    "gold_accuracy": "gold_accuracy",
}


@dataclass(frozen=True)
class CuratedPreferences:
    """preferences, labeler_stats, dropped, findings (of the audit, on preferences that stay) as their tables say.

    metrics: counts and agreement for metrics/agreement.json; audited: findings by action and reason; votes: the view
    pair_votes over the rest.

    In dropped, rows of `rankings`, `comparisons` (row_id "ranking_id:pair_id") and `candidates` are raw rows; rows of
    `preferences` (row_id pair_id) say why a judged pair became no preference.
    """

    preferences: pl.DataFrame
    labeler_stats: pl.DataFrame
    dropped: pl.DataFrame
    findings: pl.DataFrame
    metrics: dict[str, Any]
    audited: dict[str, Any]
    votes: pl.DataFrame


def curate_preferences(
    rankings: pl.DataFrame,
    ratings: pl.DataFrame,
    candidates: pl.DataFrame,
    samples: pl.DataFrame,
    prompts: pl.DataFrame,
    assignments: pl.DataFrame,
    prompt_drops: pl.DataFrame,
    labelers: pl.DataFrame,
    *,
    params: CuratePreferences,
    near: NearDuplicates,
    turn: int,
    seed: int,
    demonstrations: pl.DataFrame | None = None,
    references: pl.DataFrame | None = None,
    count_tokens: CountTokens | None = None,
    readings: Readings = NOTHING_READ,
    measured: bool = True,
) -> CuratedPreferences:
    """Judge candidates, labelers, comparisons and pairs; frames are tables with the rows of all turns.

    references (as `list_references` gives them) and count_tokens are for `find_noise`, readings for
    `audit_preferences`, and so are demonstrations: those that stay. With measured false the metrics lack the agreement
    of labelers, on which no row hangs.
    """
    rules = params.rules
    texts = _describe_candidates(candidates, samples, prompts)
    if references is not None:
        texts = texts.join(references, on="prompt_id", how="left", maintain_order="left")
    comparisons = read_view("comparisons", {"rankings": rankings})
    one_way = comparisons.filter(pl.col("first_id") < pl.col("second_id"))
    lengths = texts.select(candidate_id="row_id", n_characters=pl.col("text").str.len_chars())
    judged = judge_labelers(one_way, rankings, labelers, lengths, rules, gold_labelers=params.gold_labelers)
    found = {
        "candidates": [find_noise(texts, params.candidate_rules, count_tokens=count_tokens)],
        "rankings": _find_bad_rankings(rankings, judged.blamed, assignments, prompt_drops, rules),
        "comparisons": _find_bad_comparisons(one_way, texts, rules),
    }
    dropped = combine_drops(record_drops(f, table=table, stage=STAGE, turn=turn) for table, f in found.items())
    frames = {"rankings": rankings, "candidates": candidates, "dropped": dropped, "labeler_stats": judged.stats}
    votes = read_view("pair_votes", frames | {"comparisons": comparisons})
    pairs = model_pairs(votes, lambda: read_view("ranked_candidates", frames), params.consensus)
    decided = decide_consensus(pairs, rules.tied_consensus)
    preferences = make_preferences(decided)
    faults = _find_bad_pairs(one_way, decided, preferences, texts, rules)
    preferences = preferences.join(faults, left_on="pair_id", right_on="row_id", how="anti")
    taught = empty_frame("demonstrations") if demonstrations is None else demonstrations
    tables = Tables(rankings, candidates, prompts, taught, assignments, labelers, judged.stats, dropped)
    findings = audit_preferences(
        preferences, decided, one_way, tables, audit=params.audit, near=near, readings=readings
    )
    faults = pl.concat([faults, list_drops(findings)])
    preferences = preferences.join(faults, left_on="pair_id", right_on="row_id", how="anti").sort("pair_id")
    dropped = combine_drops([dropped, record_drops([faults], table="preferences", stage=STAGE, turn=turn)])
    metrics = _count_preferences(rankings, one_way, judged.blamed, preferences, dropped, assignments)
    if measured:
        metrics |= _measure_labelers(one_way, rankings, judged.blamed, params, seed)
    kept = findings.join(preferences, on="pair_id", how="semi")
    return CuratedPreferences(preferences, judged.stats, dropped, kept, metrics, count_findings(findings), votes)


def _describe_candidates(candidates: pl.DataFrame, samples: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """One row a candidate: row_id, prompt_id, text, prompt, finish_reason (`length` when every sample ran out)."""
    finished = (
        samples.filter(pl.col("finish_reason").is_not_null())
        .group_by("candidate_id")
        .agg(
            finish_reason=pl.when((pl.col("finish_reason") == "length").all())
            .then(pl.lit("length"))
            .otherwise(pl.lit("stop"))
        )
    )
    return (
        candidates.select("prompt_id", "candidate_id", text=said_text())
        .join(prompts.select("prompt_id", prompt=prompt_text()), on="prompt_id", how="left")
        .join(finished, on="candidate_id", how="left")
        .rename({"candidate_id": "row_id"})
        .sort("row_id")
    )


def _find_bad_rankings(
    rankings: pl.DataFrame,
    blamed: pl.DataFrame,
    assignments: pl.DataFrame,
    prompt_drops: pl.DataFrame,
    rules: PreferenceRules,
) -> list[pl.DataFrame]:
    """Findings for rankings that an earlier stage drops, of blamed labelers, and of prompts not to be trained on."""
    found = [take_drops("rankings", prompt_drops).join(rankings, left_on="row_id", right_on="ranking_id", how="semi")]
    for (reason,), some in blamed.group_by(["reason"], maintain_order=True):
        theirs = rankings.join(some, on="labeler_id").select(
            "value", "threshold", row_id="ranking_id", matched_id="labeler_id"
        )
        found.append(make_findings(theirs, str(reason)))
    asked = rankings.select("prompt_id", row_id="ranking_id", matched_id="prompt_id")
    if rules.prompt_dropped.enabled:
        gone = prompt_drops.filter((pl.col("table_name") == "prompts") & ~pl.col("reason").is_in(_LABELS_STAY))
        found.append(
            make_findings(asked.join(gone, left_on="prompt_id", right_on="row_id", how="semi"), "prompt_dropped")
        )
    if rules.benchmark_prompt.enabled:
        benchmark = assignments.filter(pl.col("split") == "benchmark")
        found.append(make_findings(asked.join(benchmark, on="prompt_id", how="semi"), "benchmark_prompt"))
    return found


def _find_bad_comparisons(one_way: pl.DataFrame, texts: pl.DataFrame, rules: PreferenceRules) -> list[pl.DataFrame]:
    """Findings for comparisons of sides that are the same text, or of which one is empty."""
    normal = texts.select(candidate_id="row_id", normal=normalise_text(pl.col("text")))
    sides = (
        one_way.select("first_id", "second_id", row_id="comparison_id")
        .join(normal.select(first_id="candidate_id", first="normal"), on="first_id")
        .join(normal.select(second_id="candidate_id", second="normal"), on="second_id")
    )
    found = []
    if rules.identical_sides.enabled:
        same = sides.filter(pl.col("first") == pl.col("second"))
        found.append(make_findings(same, "identical_sides", value=1.0, threshold=1.0))
    if rules.empty_side.enabled:
        empty = sides.filter((pl.col("first") == "") | (pl.col("second") == ""))
        found.append(make_findings(empty, "empty_side", value=0.0, threshold=1.0))
    return found


def _find_bad_pairs(
    one_way: pl.DataFrame,
    decided: pl.DataFrame,
    preferences: pl.DataFrame,
    texts: pl.DataFrame,
    rules: PreferenceRules,
) -> pl.DataFrame:
    """Why judged pairs became no preference: no vote left, a tie, or a contradiction of another pair."""
    pairs = one_way.select(row_id=pl.col("pair_id").unique())
    left = pairs.join(decided, left_on="row_id", right_on="pair_id", how="anti")
    tied = decided.filter(pl.col("consensus") == "tie").select(row_id="pair_id", value=pl.col("margin").abs())
    found = [
        make_findings(left, "no_votes_left", value=0.0, threshold=1.0),
        make_findings(tied, "tied_consensus", threshold=rules.tied_consensus.min_margin),
    ]
    if rules.contradictory_pair.enabled:
        found.append(_find_contradictions(preferences, decided, texts))
    return pl.concat([pl.DataFrame(schema=FOUND), *found])


def _find_contradictions(preferences: pl.DataFrame, decided: pl.DataFrame, texts: pl.DataFrame) -> pl.DataFrame:
    """Preferences that another of at least their margin contradicts: same texts of prompt and sides, turned round."""
    normal = texts.select("row_id", normal=normalise_text(pl.col("text")), asked=normalise_text(pl.col("prompt")))
    rows = (
        preferences.select("pair_id", "chosen_id", "rejected_id")
        .join(normal.rename({"row_id": "chosen_id", "normal": "chosen"}), on="chosen_id")
        .join(normal.select(rejected_id="row_id", rejected="normal"), on="rejected_id")
        .join(decided.select("pair_id", margin=pl.col("margin").abs()), on="pair_id")
    )
    turned = rows.select("asked", matched_id="pair_id", rejected="chosen", chosen="rejected", value="margin")
    met = rows.join(turned, on=["asked", "chosen", "rejected"]).filter(pl.col("pair_id") != pl.col("matched_id"))
    weaker = met.filter(pl.col("value") >= pl.col("margin")).select(
        "value", "matched_id", row_id="pair_id", threshold="margin"
    )
    return make_findings(
        weaker.sort("row_id", "value", "matched_id", descending=[False, True, False]).unique("row_id", keep="first"),
        "contradictory_pair",
    )


def _count_preferences(
    rankings: pl.DataFrame,
    one_way: pl.DataFrame,
    blamed: pl.DataFrame,
    preferences: pl.DataFrame,
    dropped: pl.DataFrame,
    assignments: pl.DataFrame,
) -> dict[str, Any]:
    by_split = preferences.join(assignments, on="prompt_id").group_by("split").len().sort("split")
    return {
        "n_rankings": rankings.height,
        "n_comparisons": one_way.height,
        "n_pairs": one_way["pair_id"].n_unique(),
        "n_preferences": preferences.height,
        "preferences_by_split": dict(by_split.iter_rows()),
        "n_labelers": rankings["labeler_id"].n_unique(),
        "dropped_labelers": blamed["labeler_id"].unique().sort().to_list(),
        "dropped_by_reason": {
            f"{table}.{reason}": n
            for table, reason, n in dropped.group_by("table_name", "reason")
            .len()
            .sort("table_name", "reason")
            .iter_rows()
        },
    }


def _measure_labelers(
    one_way: pl.DataFrame, rankings: pl.DataFrame, blamed: pl.DataFrame, params: CuratePreferences, seed: int
) -> dict[str, Any]:
    """Agreement of the kept labelers, and of all (`_raw`), in every way that is known."""
    measured: dict[str, Any] = {}
    for suffix, gone in (("", blamed), ("_raw", blamed.clear())):
        found = measure_agreement_overall(
            one_way.join(gone, on="labeler_id", how="anti"), rankings.join(gone, on="labeler_id", how="anti"),
            gold_labelers=params.gold_labelers, bootstrap=params.bootstrap, seed=seed,
        )  # fmt: skip
        measured |= {f"{name}{suffix}": found[key] for name, key in _AGREEMENT.items()}
    return measured
