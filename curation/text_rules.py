"""Noise rules of any text, prompts and completions alike: each turns `Texts` into a `Measure`."""

import re

import polars as pl

from curation.languages import identify_languages
from curation.measures import Measure, Texts, break_above, break_below, break_where, divide_judged, judge_suspects
from schemas.noise_rules import (
    Language,
    MaxCharacters,
    MaxRatio,
    MaxSequences,
    MaxTokens,
    MaxWordRatio,
    MinCharacters,
    MinTokens,
    Rule,
)

_TEXT = pl.col("text")
_URL = r"(?i)(?:https?://|www\.)[^\s<>()\[\]]+"
# What a spreadsheet or a lazy writer leaves where a text should be. Words that can be a right answer
# ("none", "null", "unknown", "test") are not here.
_PLACEHOLDER = (
    r"(?i)^[\s<\[({*\"'_-]*(?:"
    r"no[ _-]?(?:inputs?|output|response|answer|content|text)(?:[ _]?(?:provided|given|needed|required))?"
    r"|n[/.]a\.?|nan|todo|tbd|tba|to be (?:added|filled|done|written|determined)|placeholder|fill(?: me)? in"
    r"|(?:your|insert|enter|add|put|write) (?:your |the |an? )?"
    r"(?:text|answer|input|output|response|content|name)(?: here)?"
    r"|(?:test\W+)+(?:\w+\W+)?please ignore"
    r"|lorem ipsum\b.*|asdf\w*|qwert[yz]\w*|x{3,}|\?{2,}|\.{2,}|…+|-{2,}|_{2,})[\s>\])}*\"'_.!-]*$"
)
# A note in brackets where something was to be pasted that text can't hold
_ABSENT = (
    r"(?i)^[\[<({](?:input: ?)?(?:an? |the )?"
    r"(?:link|url|image|picture|photo|video|audio|file|attachment|screenshot)s?\b"
    r"[^\[\]<>(){}=]{0,80}[\])>}]$"
)
_NO_INPUT = r"(?i)^\W*(?:no[ _-]?inputs?(?: (?:needed|required|given|provided))?|n/a|nan)\W*$"
_MASH = (
    r"\b(?:[bcdfghjklmnpqrstvwxz]{4,}|asd|sdf|dfg|fgh|ghj|hjk|jkl|zxc|xcv|cvb|vbn"
    r"|(?:asdf|sdfg|dfgh|fghj|ghjk|hjkl|qwer|wert|zxcv|xcvb|vbnm)\w*)\b"
)
# A UTF-8 lead byte read as Latin-1 or Windows-1252, followed by a continuation byte read the same way
_MOJIBAKE_SUSPECT = (
    r"[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    r"\u2013-\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
_BARE_LEAD = r"(?:^|\p{Ll}|\P{L})\u00c2(?:[^\p{L}\p{M}]|$)"
_FENCE = re.compile(r" {0,3}(?:> ?)*(?:[-*+]|\d+[.)])? {0,8}(`{3,}|~{3,})(.*)$")
_MARKER = (
    r"<\|[a-z][a-z0-9_ ]{1,30}\|>|</?s>|<(?:pad|unk|bos|eos)>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>"
    r"|(?m:^#{2,3} ?(?:Instruction|Response|Input)s?:)|\n\n(?:Human|Assistant):"
)


def measure_empty(texts: Texts, rule: Rule) -> Measure:
    """Visible characters: none, or only white space and zero-width characters."""
    return break_below(pl.lit(texts.characters["visible"]), 1)


def measure_too_short(texts: Texts, rule: MinCharacters) -> Measure:
    """Characters, blanks at the ends left out; empty texts are `empty`'s."""
    length = _TEXT.str.strip_chars().str.len_chars()
    return break_below(pl.when(length > 0).then(length.cast(pl.Float64)), rule.min_characters)


def measure_too_long(texts: Texts, rule: MaxCharacters) -> Measure:
    """Characters."""
    return break_above(_TEXT.str.len_chars().cast(pl.Float64), rule.max_characters)


def measure_too_few_tokens(texts: Texts, rule: MinTokens) -> Measure:
    """Tokens of the run's tokenizer, where they were counted; empty texts are `empty`'s."""
    return break_below(pl.when(pl.col("n_tokens") > 0).then(pl.col("n_tokens")), rule.min_tokens)


def measure_too_many_tokens(texts: Texts, rule: MaxTokens) -> Measure:
    """Tokens of the run's tokenizer, where they were counted."""
    return break_above(pl.col("n_tokens"), rule.max_tokens)


def measure_placeholder(texts: Texts, rule: Rule) -> Measure:
    """The text, or its last line where an input is pasted under an instruction, only stands in for one (Alpaca)."""
    last_line = _TEXT.str.strip_chars().str.split("\n").list.last()
    whole = _TEXT.str.strip_chars().str.contains(_PLACEHOLDER)
    return break_where(whole | last_line.str.contains(_NO_INPUT) | last_line.str.contains(_ABSENT))


def measure_keyboard_mash(texts: Texts, rule: MaxWordRatio) -> Measure:
    """Share of Latin words (three letters or more) without a vowel or typed along a row of keys; not in capitals."""
    words = _TEXT.str.count_matches(r"\b\p{Latin}{3,}\b")
    share = pl.when(words >= rule.min_words).then(_TEXT.str.count_matches(_MASH) / words)
    return break_above(judge_suspects(texts.frame, _TEXT.str.contains(_MASH), share), rule.max_ratio)


def measure_mojibake(texts: Texts, rule: MaxSequences) -> Measure:
    """Sequences that ftfy judges to be UTF-8 decoded with another encoding, where it can mend them (ftfy 6).

    ftfy reads 17,500 rows a second, so only texts with a lead byte beside a continuation byte reach it. A
    lead byte whose no-break space was since made a blank is past mending, but no less a fault.
    """
    suspects = texts.frame.with_row_index("at").filter(_TEXT.str.contains(_MOJIBAKE_SUSPECT))
    counts = [0.0] * texts.frame.height
    if suspects.height:
        from ftfy import fix_encoding
        from ftfy.badness import badness

        for at, text in suspects.select("at", "text").iter_rows():
            counts[at] = float(max(badness(text), 1)) if fix_encoding(text) != text else 0.0
    bare = judge_suspects(texts.frame, _TEXT.str.contains("\u00c2", literal=True), _TEXT.str.count_matches(_BARE_LEAD))
    return break_above(pl.lit(pl.Series(counts, dtype=pl.Float64)) + bare.fill_null(0.0), rule.max_sequences)


def measure_unprintable(texts: Texts, rule: MaxCharacters) -> Measure:
    """Control, replacement, private-use and non-characters (the C4 and FineWeb pipelines drop such lines)."""
    return break_above(pl.lit(texts.characters["unprintable"]), rule.max_characters)


def measure_symbol_share(texts: Texts, rule: MaxRatio) -> Measure:
    """Characters that are no letters, marks, digits or common punctuation, over all but white space (after Gopher)."""
    solid = texts.characters["solid"]
    share = divide_judged(texts.characters["symbols"], solid, solid >= rule.min_characters)
    return break_above(share, rule.max_ratio)


def measure_url_share(texts: Texts, rule: MaxRatio) -> Measure:
    """Characters inside links, over all characters."""
    length = _TEXT.str.len_chars()
    inside = _TEXT.str.extract_all(_URL).list.eval(pl.element().str.len_chars()).list.sum()
    return break_above(pl.when(length >= max(rule.min_characters, 1)).then(inside / length), rule.max_ratio)


def measure_bare_link(texts: Texts, rule: Rule) -> Measure:
    """The last line is nothing but a link, which no model here can open (Alpaca's inputs)."""
    last_line = _TEXT.str.strip_chars().str.split("\n").list.last().str.strip_chars()
    return break_where(last_line.str.contains(rf"^(?:{_URL})$"))


def measure_long_word(texts: Texts, rule: MaxCharacters) -> Measure:
    """Longest run of letters and digits, in scripts that put blanks between words (base64, hashes, mash)."""
    longest = _TEXT.str.extract_all(r"[\p{Latin}\p{Cyrillic}\p{Greek}\p{N}+/=_-]{40,}")
    lengths = longest.list.eval(pl.element().str.len_chars()).list.max().fill_null(0)
    return break_above(lengths.cast(pl.Float64), rule.max_characters)


def measure_language(texts: Texts, rule: Language) -> Measure:
    """Probability of a language that is not welcome (py3langid); short texts and unsure guesses stay."""
    long_enough = texts.frame.select(_TEXT.str.len_chars() >= rule.min_characters).to_series()
    suspects = texts.frame["text"].filter(long_enough)
    found = identify_languages(suspects) if len(suspects) else pl.DataFrame({"language": [], "probability": []})
    unwelcome = found.select(pl.when(~pl.col("language").is_in(rule.languages)).then("probability")).to_series()
    values = pl.repeat(None, len(long_enough), dtype=pl.Float64, eager=True).scatter(long_enough.arg_true(), unwelcome)
    value = pl.lit(values)
    return Measure(value, pl.lit(rule.min_probability), value >= rule.min_probability)


def measure_unbalanced_code_fence(texts: Texts, rule: Rule) -> Measure:
    """Code fences that are never closed, or closed on a line of code, where nobody sees it (CommonMark 0.31, 4.5)."""
    suspects = texts.frame.with_row_index("at").filter(_TEXT.str.contains(r"```|~~~"))
    counts = [0.0] * texts.frame.height
    for at, text in suspects.select("at", "text").iter_rows():
        counts[at] = float(count_open_fences(text))
    return break_above(pl.lit(pl.Series(counts, dtype=pl.Float64)), 0)


def count_open_fences(text: str) -> int:
    """1 where a fence is open at the end, else 0: it is closed by one as long of its own character, alone on a line."""
    fence = ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if not found:
            continue
        mark, info = found[1], found[2]
        if not fence:
            # an info string of a fence of backticks holds none: ```code``` is code in a line
            fence = mark if mark[0] == "~" or "`" not in info else ""
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not info.strip():
            fence = ""
    return int(fence != "")


def measure_leaked_markers(texts: Texts, rule: Rule) -> Measure:
    """Markers of a chat template or of a transcript format inside the text."""
    return break_above(_TEXT.str.count_matches(_MARKER).cast(pl.Float64), 0)
