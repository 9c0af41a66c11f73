"""Noise rules about repetition (Gopher, Rae et al. 2021, table A1): each turns `Texts` into a `Measure`."""

import numpy as np
import polars as pl

from curation.measures import Measure, Texts, break_above, divide_judged
from curation.words import string_buffers
from schemas.noise_rules import LineRatio, MaxCharacters, ParagraphRatio, RepeatedPattern, RepeatedWords

_LONGEST_PATTERN = 2_000  # longer texts that repeat are found by their words and lines


def measure_repeated_characters(texts: Texts, rule: MaxCharacters) -> Measure:
    """Longest run of one ASCII character other than a blank."""
    from curation import kernels, repetition_kernels

    runs = np.zeros(texts.frame.height, np.int64)
    kernels.run_rows(repetition_kernels.longest_runs, len(runs), *string_buffers(texts.frame["text"]), runs)
    return break_above(pl.lit(pl.Series(runs, dtype=pl.Float64)), rule.max_characters)


def measure_repeated_pattern(texts: Texts, rule: RepeatedPattern) -> Measure:
    """How often one unit makes up the whole text, white space aside: "54815481" is "5481" twice."""
    from curation import kernels, repetition_kernels
    from curation.text_kernels import classify_characters

    solid = texts.characters["solid"].to_numpy()
    judged = (solid >= rule.min_characters) & (solid <= _LONGEST_PATTERN)
    units, buffers = np.zeros(len(solid)), string_buffers(texts.frame["text"])
    kernels.run_rows(repetition_kernels.count_units, len(solid), *buffers, classify_characters(), judged, units)
    return break_above(pl.lit(pl.Series(units)), rule.max_repeats)


def measure_repeated_lines(texts: Texts, rule: LineRatio) -> Measure:
    """Share of lines that repeat an earlier one; blank lines don't count."""
    lines = texts.lines
    share = divide_judged(lines["repeated_lines"], lines["lines"], lines["lines"] >= rule.min_lines)
    return break_above(share, rule.max_ratio)


def measure_repeated_line_characters(texts: Texts, rule: LineRatio) -> Measure:
    """Share of characters in lines that repeat an earlier one."""
    lines = texts.lines
    share = divide_judged(lines["repeated_line_characters"], lines["line_characters"], lines["lines"] >= rule.min_lines)
    return break_above(share, rule.max_ratio)


def measure_repeated_paragraphs(texts: Texts, rule: ParagraphRatio) -> Measure:
    """Share of paragraphs (what stands between blank lines) that repeat an earlier one."""
    lines = texts.lines
    share = divide_judged(lines["repeated_paragraphs"], lines["paragraphs"], lines["paragraphs"] >= rule.min_paragraphs)
    return break_above(share, rule.max_ratio)


def measure_repeated_paragraph_characters(texts: Texts, rule: ParagraphRatio) -> Measure:
    """Share of characters in paragraphs that repeat an earlier one."""
    lines = texts.lines
    share = divide_judged(
        lines["repeated_paragraph_characters"], lines["paragraph_characters"],
        lines["paragraphs"] >= rule.min_paragraphs,
    )  # fmt: skip
    return break_above(share, rule.max_ratio)


def measure_repeated_phrases(texts: Texts, rule: RepeatedWords) -> Measure:
    """Share of characters in the most frequent word n-gram that occurs three times or more; each n has its limit.

    Gopher also counts n-grams that occur once or twice, which condemns short texts. Of several n the one furthest
    above its limit is reported.
    """
    return _measure_ngrams(texts, rule, top=True)


def measure_repeated_passages(texts: Texts, rule: RepeatedWords) -> Measure:
    """Share of characters in second and later occurrences of word n-grams; each n has its limit."""
    return _measure_ngrams(texts, rule, top=False)


def _measure_ngrams(texts: Texts, rule: RepeatedWords, *, top: bool) -> Measure:
    from curation import kernels, repetition_kernels

    tokens = texts.tokens
    judged = np.diff(tokens.starts) >= rule.min_words
    values, limits = np.zeros(len(judged)), np.ones(len(judged))
    excess, shares = np.full(len(judged), -np.inf), np.zeros(len(judged))
    for n_words, limit in sorted(rule.max_ratios.items()):
        shares = np.where(judged & (shares >= 0), shares, -1.0)
        kernels.run_rows(
            repetition_kernels.measure_repeats, len(judged), tokens.hashes, tokens.lengths, tokens.starts, n_words, top,
            shares,
        )  # fmt: skip
        further = shares - limit > excess
        values, limits = np.where(further, shares, values), np.where(further, limit, limits)
        excess = np.maximum(excess, shares - limit)
        # where no n-gram repeats, no longer one does
        shares = np.where(shares == 0, -1.0, shares)
    value = pl.lit(pl.Series(np.where(judged, np.maximum(values, 0.0), np.nan))).fill_nan(None)
    limit_ = pl.lit(pl.Series(limits))
    return Measure(value, limit_, value > limit_)
