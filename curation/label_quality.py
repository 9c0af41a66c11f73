"""Turns rankings and ratings into every measure of how far labels can be trusted: overall, by labeler, by two labelers.

A labeler's several rounds of one task are several items: the first rounds of all labelers are compared with each other,
the second rounds with each other, and a labeler's own rounds only for consistency.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.agreement import TIE, count_majorities, measure_agreement, pair_agreement
from curation.dawid_skene import believe_others
from curation.kappas import cohen_kappas, fleiss_kappa, wmt_kappa
from curation.krippendorff import Level, bootstrap_alpha, krippendorff_alpha
from curation.labeler_stats import measure_gold_accuracy, measure_length_pull, measure_repeat_consistency
from curation.rank_agreement import correlate_with_others, kendall_w
from curation.reliability import bound_bias, bound_reliability
from curation.views import read_view
from curation.votes import encode_votes
from schemas.curation_params import Bootstrap

_PLACES = {"second": -1, TIE: 0, "first": 1}


@dataclass(frozen=True)
class LabelQuality:
    """overall: counts and measures, null where unknown. labelers: a row a labeler. pairs: a row two labelers."""

    overall: dict[str, Any]
    labelers: pl.DataFrame
    pairs: pl.DataFrame


def measure_labels(
    rankings: pl.DataFrame,
    ratings: pl.DataFrame,
    lengths: pl.DataFrame,
    *,
    gold_labelers: Collection[str],
    bootstrap: Bootstrap,
    seed: int,
) -> LabelQuality:
    """Measure rankings and ratings (tables).

    Args:
        lengths: candidate_id, n_characters.
        gold_labelers: whose rankings are the truth, no votes.
        bootstrap: of items' prompts, for intervals; its confidence is also that of the bounds of each labeler.
    """
    comparisons = read_view("comparisons", {"rankings": rankings}).filter(pl.col("first_id") < pl.col("second_id"))
    overall = measure_agreement_overall(
        comparisons, rankings, gold_labelers=gold_labelers, bootstrap=bootstrap, seed=seed
    )
    by_gold = pl.col("labeler_id").is_in(list(gold_labelers))
    overall["ratings"] = _measure_ratings(ratings.filter(~by_gold), bootstrap, seed)
    votes = list_votes(comparisons.filter(~by_gold))
    pairs = cohen_kappas(votes)
    taus = correlate_with_others(_judged(rankings, gold_labelers))
    labelers = _measure_each(comparisons, votes, pairs, taus, lengths, gold_labelers, bootstrap.confidence)
    return LabelQuality(overall, labelers, pairs)


def measure_agreement_overall(
    comparisons: pl.DataFrame,
    rankings: pl.DataFrame,
    *,
    gold_labelers: Collection[str],
    bootstrap: Bootstrap,
    seed: int,
) -> dict[str, Any]:
    """Counts and every measure over all labelers but gold's, null where unknown; arguments as for `measure_labels`.

    comparisons: view of that name over the rankings, one direction of each pair.
    """
    by_gold = pl.col("labeler_id").is_in(list(gold_labelers))
    voted, ranked = comparisons.filter(~by_gold), _judged(rankings, gold_labelers)
    votes = list_votes(voted)
    concordance = kendall_w(ranked)
    gold = measure_gold_accuracy(encode_votes(comparisons, gold_labelers))
    return {
        "n_rankings": ranked.height,
        "n_skipped": rankings.filter(~by_gold).height - ranked.height,
        "n_labelers": ranked["labeler_id"].n_unique(),
        "n_votes": votes.height,
        "n_items": votes["item_id"].n_unique(),
        "tie_share": _share(votes["verdict"] == TIE),
        "majorities": count_majorities(votes),
        **_measure_agreement(votes, bootstrap, seed),
        "kendall_tau_b": correlate_with_others(ranked)["tau"].mean(),
        "kendall_w": concordance["w"].mean(),
        "n_concordant_tasks": concordance["w"].drop_nulls().len(),
        **_measure_repeats(voted),
        "gold_accuracy": _mean_by(gold["gold_accuracy"], gold["n_gold"]),
        "n_gold_votes": gold["n_gold"].sum(),
    }


def _judged(rankings: pl.DataFrame, gold_labelers: Collection[str]) -> pl.DataFrame:
    """Rankings that are no gold and were not skipped; each round of a task is a task of its own."""
    judged = rankings.filter(~pl.col("labeler_id").is_in(list(gold_labelers)) & pl.col("skip_reason").is_null())
    return judged.with_columns(task_id=pl.col("task_id") + ":" + pl.col("round").cast(pl.String))


def list_votes(comparisons: pl.DataFrame) -> pl.DataFrame:
    """Votes as agreement.py wants them: item_id (pair and round), prompt_id, labeler_id, verdict, place.

    Sides are named by the order in which most labelers were shown them, and where that is not known by id; place is the
    verdict as a number, 1 for the first side.
    """
    item = pl.col("pair_id") + ":" + pl.col("round").cast(pl.String)
    later = (pl.col("second_shown").cast(pl.Int64) - pl.col("first_shown").cast(pl.Int64)).sign()
    turned = later.mean().over("item_id").fill_null(0) < 0
    swapped = pl.col("verdict").replace({"first": "second", "second": "first"})
    named = comparisons.with_columns(item_id=item).with_columns(
        verdict=pl.when(turned).then(swapped).otherwise("verdict")
    )
    place = pl.col("verdict").replace_strict(_PLACES, return_dtype=pl.Int64)
    return named.select("item_id", "prompt_id", "labeler_id", "verdict", place=place)


def _measure_agreement(votes: pl.DataFrame, bootstrap: Bootstrap, seed: int) -> dict[str, Any]:
    """Pairwise agreement, alphas and kappas over all votes; errors and intervals by prompt."""
    pairs = cohen_kappas(votes)
    agreement = measure_agreement(votes, cluster="prompt_id")
    return {
        "agreement": agreement.agreement,
        "agreement_error": agreement.standard_error,
        "n_vote_pairs": agreement.n_pairs,
        **_measure_alpha(votes, "nominal", bootstrap, seed),
        **_measure_alpha(votes.with_columns(verdict="place"), "ordinal", bootstrap, seed),
        **_measure_alpha(votes.with_columns(verdict="place"), "interval", bootstrap, seed),
        "cohen_kappa": _mean_by(pairs["kappa"], pairs["n_items"]),
        "fleiss_kappa": fleiss_kappa(votes),
        "wmt_kappa": wmt_kappa(votes),
    }


def _measure_alpha(votes: pl.DataFrame, level: Level, bootstrap: Bootstrap, seed: int) -> dict[str, Any]:
    interval = bootstrap_alpha(
        votes, level, n_samples=bootstrap.n_samples, confidence=bootstrap.confidence, seed=seed, cluster="prompt_id"
    )
    name = f"alpha_{level}"
    return {name: krippendorff_alpha(votes, level), f"{name}_interval": list(interval) if interval else None}


def _measure_repeats(voted: pl.DataFrame) -> dict[str, Any]:
    """Agreement of labelers with themselves over all pairs of their own rounds."""
    owned = pl.col("labeler_id") + ":" + pl.col("pair_id")
    own = pair_agreement(voted.select(item_id=owned, labeler_id="ranking_id", verdict="verdict"))
    return {"repeat_agreement": own["agreed"].mean(), "n_repeats": own.height}


def _measure_each(
    comparisons: pl.DataFrame,
    votes: pl.DataFrame,
    pairs: pl.DataFrame,
    taus: pl.DataFrame,
    lengths: pl.DataFrame,
    gold_labelers: Collection[str],
    confidence: float,
) -> pl.DataFrame:
    """A row a labeler who judged something, from the most reliable to the least."""
    voted = comparisons.filter(~pl.col("labeler_id").is_in(list(gold_labelers)))
    encoded = encode_votes(comparisons, gold_labelers)
    belief = believe_others(encoded)
    position = bound_bias(encoded, belief, encoded.towards_earlier, confidence)
    length = bound_bias(encoded, belief, measure_length_pull(encoded, lengths), confidence)
    agreed = pair_agreement(votes)
    sides = [agreed.select("agreed", labeler_id=side) for side in ("labeler_id", "other_id")]
    kappas = [pairs.select("n_items", "kappa", labeler_id=side) for side in ("labeler_id", "other_id")]
    table = votes.group_by("labeler_id").agg(n_votes=pl.len(), tie_share=(pl.col("verdict") == TIE).mean())
    weight = pl.col("n_items").filter(pl.col("kappa").is_not_null())
    for part in (
        pl.concat(sides).group_by("labeler_id").agg(agreement=pl.col("agreed").mean()),
        pl.concat(kappas)
        .group_by("labeler_id")
        .agg(kappa=(pl.col("kappa") * pl.col("n_items")).sum() / pl.when(weight.sum() > 0).then(weight.sum())),
        taus.group_by("labeler_id").agg(n_rankings=pl.len(), tau_b=pl.col("tau").mean()),
        bound_reliability(encoded, belief, confidence).drop("n_strict"),
        position.select("labeler_id", position_bias=pl.col("slope").clip(-1, 1)),
        length.select("labeler_id", length_bias=pl.col("slope").clip(-1, 1)),
        measure_repeat_consistency(voted),
        measure_gold_accuracy(encoded),
    ):
        table = table.join(part, on="labeler_id", how="left")
    counts = pl.col("n_votes", "n_rankings", "n_gold").cast(pl.Int64)
    table = table.with_columns(counts)
    return table.sort("reliability", "labeler_id", descending=[True, False], nulls_last=True)


def _measure_ratings(ratings: pl.DataFrame, bootstrap: Bootstrap, seed: int) -> dict[str, Any]:
    """For each aspect that was rated: its ratings, and ordinal and interval alpha over candidates and rounds."""
    measured = {}
    for (aspect,), some in ratings.sort("aspect").group_by(["aspect"], maintain_order=True):
        item = pl.col("candidate_id") + ":" + pl.col("round").cast(pl.String)
        votes = some.select("labeler_id", item_id=item, prompt_id="candidate_id", verdict="value")
        alphas = [_measure_alpha(votes, level, bootstrap, seed) for level in ("ordinal", "interval")]
        measured[str(aspect)] = {"n_ratings": some.height, **alphas[0], **alphas[1]}
    return measured


def _mean_by(values: pl.Series, weights: pl.Series) -> float | None:
    """Mean of what is known, by weight."""
    known = pl.DataFrame({"value": values, "weight": weights.cast(pl.Float64)}).drop_nulls()
    return (
        known.select((pl.col("value") * pl.col("weight")).sum() / pl.col("weight").sum()).item()
        if known.height
        else None
    )


def _share(true: pl.Series) -> float | None:
    return float(true.mean()) if true.len() else None  # type: ignore[arg-type]
