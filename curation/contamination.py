"""Turns training texts and benchmark prompts into findings: which row holds which benchmark prompt."""

import numpy as np
import polars as pl

from curation.ledger import make_findings
from curation.near_duplicates import match_exact_references, match_references
from curation.noise import FOUND
from curation.words import hash_ngrams, hash_words
from schemas.curation_params import Contamination, NearDuplicates, NgramOverlap


def find_contamination(
    rows: pl.DataFrame, benchmark: pl.DataFrame, *, params: Contamination, near: NearDuplicates, field: str = ""
) -> pl.DataFrame:
    """Findings (noise.FOUND) for rows that hold a benchmark prompt, matched_id its id.

    Args:
        rows, benchmark: row_id, text.
        field: what the texts are of a row (prompt, completion); the reasons end in "_in_<field>".
    """
    suffix = f"_in_{field}" if field else ""
    found = [pl.DataFrame(schema=FOUND)]
    if params.benchmark_exact.enabled:
        equal = match_exact_references(rows, benchmark).rename({"similarity": "value"})
        found.append(make_findings(equal, f"benchmark_exact{suffix}", threshold=1.0))
    if params.benchmark_near_duplicate.enabled:
        distinct = rows.with_row_index("at").with_columns(row_id=pl.col("at").cast(pl.String), id=pl.col("row_id"))
        matches = match_references(distinct, benchmark, near).join(distinct.select("row_id", "id"), on="row_id")
        matches = matches.select(row_id="id", matched_id="matched_id", value="similarity")
        found.append(make_findings(matches, f"benchmark_near_duplicate{suffix}", threshold=near.threshold))
    for reason in ("benchmark_long_overlap", "benchmark_short_overlap"):
        rule = getattr(params, reason)
        if rule.enabled:
            held = find_overlap(rows, benchmark, rule)
            found.append(make_findings(held, f"{reason}{suffix}", threshold=rule.min_ratio))
    return pl.concat(found).sort("row_id", "reason", "value", "matched_id")


def find_overlap(rows: pl.DataFrame, benchmark: pl.DataFrame, rule: NgramOverlap) -> pl.DataFrame:
    """Benchmark prompt whose word n-grams a row holds most of: (row_id, matched_id, value its share), from min_ratio.

    As GPT-3 (Brown et al. 2020, appendix C) does, n-grams that more than max_rows rows hold count for nothing:
    they are common phrases; shares are PaLM's (Chowdhery et al. 2022, section 8). Prompts shorter than an n-gram match
    nothing here.
    """
    wanted = _list_ngrams(benchmark, rule.n_words)
    held = _list_ngrams(rows, rule.n_words, among=wanted["ngram"].unique().sort().to_numpy())
    sizes = wanted.group_by("row_id").agg(pl.len().alias("n_ngrams"))
    shared = held.join(wanted.rename({"row_id": "matched_id"}), on="ngram")
    rare = shared.group_by("ngram").agg(pl.col("row_id").n_unique().alias("n_rows"))
    return (
        shared.join(rare.filter(pl.col("n_rows") <= rule.max_rows), on="ngram", how="semi")
        .group_by("row_id", "matched_id")
        .agg(pl.len().alias("n_shared"))
        .join(sizes, left_on="matched_id", right_on="row_id")
        .with_columns(value=pl.col("n_shared") / pl.col("n_ngrams"))
        .filter(pl.col("value") >= rule.min_ratio)
        .sort("row_id", "value", "matched_id", descending=[False, True, False])
        .unique("row_id", keep="first", maintain_order=True)
        .select("row_id", "matched_id", "value")
    )


def _list_ngrams(rows: pl.DataFrame, n_words: int, among: np.ndarray | None = None) -> pl.DataFrame:
    """Each different word n-gram of each row id: (row_id, ngram as 64-bit hash); of those in `among`, sorted, alone."""
    ngrams, starts = hash_ngrams(hash_words(rows["text"]), n_words)
    owners = np.repeat(np.arange(rows.height), np.diff(starts))
    if among is not None:
        # nearly all of a corpus' n-grams are in no benchmark: a frame of them all would take most of the time
        wanted = among.take(np.searchsorted(among, ngrams), mode="clip") == ngrams if len(among) else ngrams < 0
        ngrams, owners = ngrams[wanted], owners[wanted]
    return pl.DataFrame({"row_id": rows["row_id"].gather(owners), "ngram": ngrams}).unique()
