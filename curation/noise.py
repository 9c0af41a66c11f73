"""Turns texts into noise findings: which row breaks which rule, by what value against which threshold.

Every rule looks at the raw rows and none short-circuits another. A rule's reason is its field's name in
`schemas.params.TextRules` and its heirs, where its switch and thresholds are.
"""

from collections.abc import Callable
from typing import Any

import polars as pl

from curation import completion_rules, personal_data, repetition_rules, text_rules
from curation.measures import Measure, Texts
from schemas.params import TextRules

FOUND = {
    "row_id": pl.String(),
    "reason": pl.String(),
    "value": pl.Float64(),
    "threshold": pl.Float64(),
    "matched_id": pl.String(),
    "rule_version": pl.Int64(),
}

# Reason: (measure, version). A change of what a rule finds raises its version.
RULES: dict[str, tuple[Callable[[Texts, Any], Measure], int]] = {
    "empty": (text_rules.measure_empty, 1),
    "too_short": (text_rules.measure_too_short, 1),
    "too_long": (text_rules.measure_too_long, 1),
    "placeholder": (text_rules.measure_placeholder, 1),
    "keyboard_mash": (text_rules.measure_keyboard_mash, 1),
    "mojibake": (text_rules.measure_mojibake, 1),
    "unprintable": (text_rules.measure_unprintable, 1),
    "symbol_share": (text_rules.measure_symbol_share, 1),
    "url_share": (text_rules.measure_url_share, 1),
    "bare_link": (text_rules.measure_bare_link, 1),
    "long_word": (text_rules.measure_long_word, 1),
    "repeated_characters": (repetition_rules.measure_repeated_characters, 1),
    "repeated_pattern": (repetition_rules.measure_repeated_pattern, 1),
    "repeated_lines": (repetition_rules.measure_repeated_lines, 1),
    "repeated_phrases": (repetition_rules.measure_repeated_phrases, 1),
    "repeated_passages": (repetition_rules.measure_repeated_passages, 1),
    "language": (text_rules.measure_language, 1),
    "personal_data": (personal_data.measure_personal_data, 1),
    "unbalanced_code_fence": (text_rules.measure_unbalanced_code_fence, 1),
    "leaked_markers": (text_rules.measure_leaked_markers, 1),
    "unsupported_request": (text_rules.measure_unsupported_request, 1),
    "prompt_echoed": (completion_rules.measure_prompt_echoed, 1),
    "assistant_boilerplate": (completion_rules.measure_assistant_boilerplate, 1),
    "refusal": (completion_rules.measure_refusal, 1),
    "truncated": (completion_rules.measure_truncated, 1),
    "trailing_colon": (completion_rules.measure_trailing_colon, 1),
}


def find_noise(rows: pl.DataFrame, rules: TextRules) -> pl.DataFrame:
    """All findings of the enabled noise rules, as FOUND says, sorted by row and reason.

    Args:
        rows: row_id and text (null is empty); prompt and finish_reason where completions are judged.
        rules: fields that are not noise rules (near-duplicates, splits) are passed over.
    """
    missing = [pl.lit(None, pl.String).alias(c) for c in ("prompt", "finish_reason") if c not in rows.columns]
    texts = Texts(rows.with_columns(pl.col("text").fill_null(""), *missing))
    names = [name for name in type(rules).model_fields if name in RULES and getattr(rules, name).enabled]
    found = [_apply_rule(texts, name, getattr(rules, name)) for name in names]
    return pl.concat([pl.DataFrame(schema=FOUND), *found]).sort("row_id", "reason")


def _apply_rule(texts: Texts, name: str, rule: Any) -> pl.DataFrame:
    measure_rule, version = RULES[name]
    measure = measure_rule(texts, rule)
    return (
        texts.frame.select(
            "row_id",
            pl.lit(name).alias("reason"),
            measure.value.cast(pl.Float64).alias("value"),
            measure.limit.cast(pl.Float64).alias("threshold"),
            pl.lit(None, pl.String).alias("matched_id"),
            pl.lit(version, pl.Int64).alias("rule_version"),
            broken=measure.broken.fill_null(False),
        )
        .filter("broken")
        .drop("broken")
    )
