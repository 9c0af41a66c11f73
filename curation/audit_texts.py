"""Checks of the audit that read texts: each turns `Evidence` into rows of (row_id, value, threshold, matched_id)."""

from collections.abc import Callable

import polars as pl

from curation.completion_rules import measure_refusal
from curation.contamination import find_contamination
from curation.measures import Measure, Texts
from curation.near_duplicates import match_references
from curation.pairs import Evidence
from curation.text_rules import measure_empty
from curation.words import hash_ngrams, hash_words
from schemas.audit import Check, EchoedPrompt, NearIdentical, RefusalPreferred, RepeatedDemonstration
from schemas.noise_rules import Rule

SIDES = ("chosen", "rejected")
_ON = Rule(enabled=True)
# What only Markdown says: marks of emphasis, headings, quotes, tables and lists, and how lines are broken
_MARKS = r"(?m)^[ \t]*(?:[-+*•]|\d{1,3}[.)])[ \t]+|^[ \t]*(?:#{1,6}|>)[ \t]*|[*_`~|]+|^[ \t]*[-=]{3,}[ \t]*$"


def find_unknown_candidates(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Sides whose text nobody knows: a candidate that is in no table. Value: how many of the two."""
    unknown = pl.sum_horizontal(pl.col(side).is_null().cast(pl.Float64) for side in SIDES)
    return _find(evidence, unknown, unknown > 0, 0.0)


def find_unknown_prompts(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Pairs whose prompt is in no table."""
    return _find(evidence, pl.lit(1.0), pl.col("prompt").is_null(), 0.0)


def find_unshared_prompts(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Sides that answer different dialogues: what is compared is not the last replies alone."""
    return _find(evidence, pl.lit(1.0), pl.col("chosen_prompt") != pl.col("rejected_prompt"), 0.0)


def find_empty_sides(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Sides without any visible character. Value: how many of the two."""
    n_empty = pl.sum_horizontal(_broken(evidence.pairs, side, measure_empty).cast(pl.Float64) for side in SIDES)
    return _find(evidence, n_empty, n_empty > 0, 0.0)


def find_empty_turns(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Assistant's turns before the last that say nothing. Value: how many."""
    return _find(evidence, pl.col("n_empty_turns"), pl.col("n_empty_turns") > 0, 0.0)


def find_identical_sides(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Sides of the same text, but for case, blanks and Unicode form."""
    return _find(evidence, pl.lit(1.0), _identical(), 1.0)


def find_identical_after_truncation(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Different sides that are the same tokens once a trainer has cut the conversation. Value: tokens of the longer."""
    if evidence.max_tokens is None:
        return _nothing()
    cut = [pl.col(f"{side}_tokens").list.head(evidence.max_tokens) for side in SIDES]
    longest = pl.max_horizontal(pl.col(f"{side}_tokens").list.len() for side in SIDES)
    whole = pl.col("chosen_tokens") == pl.col("rejected_tokens")
    return _find(evidence, longest, (cut[0] == cut[1]) & ~whole, float(evidence.max_tokens))


def find_over_long(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Conversations of more tokens than a trainer reads. Value: tokens of the longer."""
    if evidence.max_tokens is None:
        return _nothing()
    longest = pl.max_horizontal(pl.col(f"{side}_tokens").list.len() for side in SIDES)
    return _find(evidence, longest, longest > evidence.max_tokens, float(evidence.max_tokens))


def find_near_identical_sides(evidence: Evidence, check: NearIdentical) -> pl.DataFrame:
    """Sides alike in nearly all of their word n-grams (Jaccard), but not the same text."""
    words = [pl.col(f"normal_{side}").str.count_matches(r"\S+") for side in SIDES]
    judged = evidence.pairs.filter(~_identical() & (pl.min_horizontal(words) >= check.min_words))
    judged = judged.with_columns(
        _list_shingles(judged[side], check.n_words).alias(f"{side}_shingles") for side in SIDES
    )
    sizes = [pl.col(f"{side}_shingles").list.len() for side in SIDES]
    # Jaccard of at least t leaves sets of sizes within t of each other: most pairs need no comparing
    near = judged.filter(pl.min_horizontal(sizes) >= check.min_similarity * pl.max_horizontal(sizes))
    common = pl.col("chosen_shingles").list.set_intersection("rejected_shingles").list.len()
    alike = near.select(
        row_id="pair_id", value=common / (sizes[0] + sizes[1] - common), threshold=pl.lit(check.min_similarity)
    )
    return alike.filter(pl.col("value") >= check.min_similarity)


def find_formatting_only(evidence: Evidence, check: Check) -> pl.DataFrame:
    """Sides that say the same and differ in Markdown alone."""
    plain = [
        pl.col(side).str.normalize("NFC").str.to_lowercase().str.replace_all(_MARKS, "").str.replace_all(r"\s+", "")
        for side in SIDES
    ]
    return _find(evidence, pl.lit(1.0), (plain[0] == plain[1]) & (plain[0] != "") & ~_identical(), 1.0)


def find_echoed_prompts(evidence: Evidence, check: EchoedPrompt) -> pl.DataFrame:
    """Sides that are largely their prompt's last message, said again. Value: the greater share of a side."""
    asked = pl.col("normal_asked")
    long = asked.str.count_matches(r"\S+") >= check.min_words
    shares = [
        pl.when(long & pl.col(f"normal_{side}").str.contains(asked, literal=True))
        .then(asked.str.len_chars() / pl.col(f"normal_{side}").str.len_chars())
        .otherwise(0.0)
        for side in check.sides
    ]
    share = pl.max_horizontal(shares)
    return _find(evidence, share, (share >= check.min_ratio) & (share > 0), check.min_ratio)


def find_preferred_refusals(evidence: Evidence, check: RefusalPreferred) -> pl.DataFrame:
    """A refusal chosen over an answer, where nothing harmful was asked."""
    judged = evidence.pairs.filter(pl.col("kind").is_in(check.kinds, nulls_equal=True))
    chosen, rejected = (_broken(judged, side, measure_refusal) for side in SIDES)
    return judged.filter(chosen & ~rejected).select(row_id="pair_id", value=pl.lit(1.0), threshold=pl.lit(0.0))


def find_benchmark_prompts(evidence: Evidence, column: str) -> pl.DataFrame:
    """Texts that hold a benchmark prompt, matched_id its id: exact, near-duplicate, or long n-grams of it.

    Equal texts are judged once. Replies are held only against prompts long enough for an n-gram: "yes" is no leak.
    """
    rule = evidence.audit.contamination.benchmark_short_overlap
    benchmark = evidence.benchmark
    if column != "prompt":
        benchmark = benchmark.filter(pl.col("text").str.count_matches(r"\S+") >= rule.n_words)
    texts = evidence.pairs.select(text=pl.col(column)).drop_nulls().unique().sort("text").with_row_index("row_id")
    texts = texts.with_columns(pl.col("row_id").cast(pl.String))
    if not benchmark.height or not texts.height:
        return _nothing()
    found = find_contamination(texts, benchmark, params=evidence.audit.contamination, near=evidence.near)
    named = found.join(texts, on="row_id").select("text", "value", "threshold", "matched_id")
    pairs = evidence.pairs.select(row_id="pair_id", text=column)
    return pairs.join(named, on="text").drop("text")


def find_repeated_demonstrations(evidence: Evidence, check: RepeatedDemonstration) -> pl.DataFrame:
    """Sides that with their prompt are near-duplicates of a demonstration, matched_id its id. Value: their Jaccard.

    Prompt and reply are compared as demonstrations are with each other; so are only those of one system message.
    """
    said = ["system", "prompt", "text"]
    sides = pl.concat(evidence.pairs.select("pair_id", *said[:2], text=side) for side in check.sides)
    sides = sides.with_columns(pl.col("system").fill_null("")).drop_nulls(said)
    texts = sides.select(said).unique().sort(said).with_row_index("row_id").cast({"row_id": pl.String})
    if not evidence.demonstrations.height or not texts.height:
        return _nothing()
    matches = match_references(texts, evidence.demonstrations, evidence.near, columns=said[1:], within="system")
    found = matches.join(texts, on="row_id").drop("row_id").rename({"similarity": "value"})
    return sides.join(found, on=said).select(
        "value", "matched_id", row_id="pair_id", threshold=pl.lit(evidence.near.threshold)
    )


def _find(evidence: Evidence, value: pl.Expr, faulty: pl.Expr, threshold: float) -> pl.DataFrame:
    """Rows of a check: pairs where `faulty` holds; null is no fault."""
    judged = evidence.pairs.select(
        row_id="pair_id", value=value.cast(pl.Float64), threshold=pl.lit(threshold, pl.Float64), faulty=faulty
    )
    return judged.filter(pl.col("faulty").fill_null(False)).drop("faulty")


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema={"row_id": pl.String})


def _identical() -> pl.Expr:
    """The same text on both sides; unknown and empty texts are other checks' matter."""
    both = pl.col("chosen").is_not_null() & pl.col("rejected").is_not_null()
    return both & (pl.col("normal_chosen") == pl.col("normal_rejected")) & (pl.col("normal_chosen") != "")


def _broken(pairs: pl.DataFrame, side: str, measure: Callable[[Texts, Rule], Measure]) -> pl.Series:
    """Whether each side breaks a noise rule without settings; unknown texts break none."""
    texts = Texts(pairs.select("pair_id", known=pl.col(side).is_not_null(), text=pl.col(side).fill_null("")))
    broken = measure(texts, _ON).broken.fill_null(False) & pl.col("known")
    return texts.frame.select(broken.alias(side)).to_series()


def _list_shingles(texts: pl.Series, n_words: int) -> pl.Series:
    """Each text's different word n-grams, as lists of 64-bit hashes."""
    import pyarrow as pa

    ngrams, starts = hash_ngrams(hash_words(texts), n_words)
    lists = pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), pa.array(ngrams)))
    assert isinstance(lists, pl.Series)
    return lists.list.unique()
