"""Noise rules about a text as a document (Gopher's measures, C4's filters): each turns `Texts` into a `Measure`.

Gopher is Rae et al. 2021, appendix A.1.1; C4 is Raffel et al. 2020, section 2.2, with what its code adds. Words are
runs between blanks that hold a letter or digit.
"""

import polars as pl

from curation.measures import Measure, Texts, break_above, break_below, break_where, divide_judged, take_judged
from schemas.noise_rules import (
    LineRatio,
    MaxWordRatio,
    MaxWords,
    MeanWordLength,
    MinSentences,
    MinWordRatio,
    MinWords,
    Rule,
    StopWords,
)

_TEXT = pl.col("text")
_WEB_LINE = (
    r"(?i)\b(?:javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
    r"|all rights reserved|accept cookies|sign up for our newsletter)\b"
)


def measure_too_few_words(texts: Texts, rule: MinWords) -> Measure:
    """Words (Gopher: 50 at the least); texts without any are `empty`'s or `symbol_share`'s."""
    words = texts.words["words"]
    return break_below(take_judged(words, words > 0), rule.min_words)


def measure_too_many_words(texts: Texts, rule: MaxWords) -> Measure:
    """Words (Gopher: 100,000 at the most)."""
    return break_above(pl.lit(texts.words["words"]), rule.max_words)


def measure_mean_word_length(texts: Texts, rule: MeanWordLength) -> Measure:
    """Letters and digits a word (Gopher: 3 to 10); the threshold is the limit that was passed."""
    words = texts.words["words"]
    mean = divide_judged(texts.words["word_characters"], words, words >= rule.min_words)
    limit = pl.when(mean < rule.min_characters).then(rule.min_characters).otherwise(rule.max_characters)
    return Measure(mean, limit, (mean < rule.min_characters) | (mean > rule.max_characters))


def measure_symbol_words(texts: Texts, rule: MaxWordRatio) -> Measure:
    """Hash signs or ellipses, whichever are more, a word (Gopher: 0.1 at the most)."""
    words = texts.words
    most = words.select(pl.max_horizontal("hashes", "ellipses")).to_series()
    return break_above(divide_judged(most, words["all_words"], words["words"] >= rule.min_words), rule.max_ratio)


def measure_alphabetic_words(texts: Texts, rule: MinWordRatio) -> Measure:
    """Share of words with a letter, among all runs between blanks (Gopher: 0.8 at the least)."""
    words = texts.words
    share = divide_judged(words["alphabetic"], words["all_words"], words["words"] >= rule.min_words)
    return break_below(share, rule.min_ratio)


def measure_stop_words(texts: Texts, rule: StopWords) -> Measure:
    """Different stop words that occur (Gopher: 2 at the least of the, be, to, of, and, that, have, with)."""
    words = texts.words
    return break_below(take_judged(words["stop_words"], words["words"] >= rule.min_words), rule.min_stop_words)


def measure_bullet_lines(texts: Texts, rule: LineRatio) -> Measure:
    """Share of lines that open with a bullet (Gopher: 0.9 at the most)."""
    return _share_lines(texts, rule, "bullet_lines")


def measure_ellipsis_lines(texts: Texts, rule: LineRatio) -> Measure:
    """Share of lines that end in an ellipsis (Gopher: 0.3 at the most)."""
    return _share_lines(texts, rule, "ellipsis_lines")


def _share_lines(texts: Texts, rule: LineRatio, kind: str) -> Measure:
    lines = texts.lines
    return break_above(divide_judged(lines[kind], lines["lines"], lines["lines"] >= rule.min_lines), rule.max_ratio)


def measure_lorem_ipsum(texts: Texts, rule: Rule) -> Measure:
    """Holds "lorem ipsum" (C4)."""
    return break_where(_TEXT.str.contains(r"(?i)lorem ipsum"))


def measure_curly_bracket(texts: Texts, rule: Rule) -> Measure:
    """Holds a curly bracket: code, to C4."""
    return break_where(_TEXT.str.contains("{", literal=True))


def measure_web_boilerplate(texts: Texts, rule: LineRatio) -> Measure:
    """Share of lines that speak of JavaScript, cookies, terms of use and the like (C4 removes such lines)."""
    lines = texts.lines["lines"]
    suspects = texts.frame.with_row_index("at").filter(_TEXT.str.contains(_WEB_LINE))
    counts = pl.zeros(len(lines), pl.Int64, eager=True)
    if suspects.height:
        found = suspects.select(
            _TEXT.str.split("\n").list.eval(pl.element().str.contains(_WEB_LINE).cast(pl.Int64)).list.sum()
        )
        counts = counts.scatter(suspects["at"], found.to_series())
    return break_above(divide_judged(counts, lines, lines >= rule.min_lines), rule.max_ratio)


def measure_too_few_sentences(texts: Texts, rule: MinSentences) -> Measure:
    """Sentences on lines of three words or more that end in terminal punctuation (C4: 5 at the least)."""
    return break_below(pl.lit(texts.lines["sentences"]), rule.min_sentences)
