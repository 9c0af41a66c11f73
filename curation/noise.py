"""Turns texts into noise findings: which row breaks which rule, by what value against which threshold.

Every rule looks at the raw rows and none short-circuits another. A rule's reason is its field's name in
`schemas.noise_rules.TextRules` and its heirs, where its switch and thresholds are.
"""

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from curation import completion_rules, document_rules, personal_data, prompt_rules, repetition_rules, text_rules
from curation.measures import Measure, Texts
from curation.verifiers import Verifier
from schemas.noise_rules import TextRules

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
    "too_few_tokens": (text_rules.measure_too_few_tokens, 1),
    "too_many_tokens": (text_rules.measure_too_many_tokens, 1),
    "too_few_words": (document_rules.measure_too_few_words, 1),
    "too_many_words": (document_rules.measure_too_many_words, 1),
    "mean_word_length": (document_rules.measure_mean_word_length, 1),
    "symbol_words": (document_rules.measure_symbol_words, 1),
    "alphabetic_words": (document_rules.measure_alphabetic_words, 1),
    "stop_words": (document_rules.measure_stop_words, 1),
    "bullet_lines": (document_rules.measure_bullet_lines, 1),
    "ellipsis_lines": (document_rules.measure_ellipsis_lines, 1),
    "placeholder": (text_rules.measure_placeholder, 2),
    "keyboard_mash": (text_rules.measure_keyboard_mash, 2),
    "mojibake": (text_rules.measure_mojibake, 1),
    "unprintable": (text_rules.measure_unprintable, 1),
    "symbol_share": (text_rules.measure_symbol_share, 1),
    "url_share": (text_rules.measure_url_share, 1),
    "bare_link": (text_rules.measure_bare_link, 1),
    "long_word": (text_rules.measure_long_word, 1),
    "repeated_characters": (repetition_rules.measure_repeated_characters, 1),
    "repeated_pattern": (repetition_rules.measure_repeated_pattern, 1),
    "repeated_lines": (repetition_rules.measure_repeated_lines, 1),
    "repeated_line_characters": (repetition_rules.measure_repeated_line_characters, 1),
    "repeated_paragraphs": (repetition_rules.measure_repeated_paragraphs, 1),
    "repeated_paragraph_characters": (repetition_rules.measure_repeated_paragraph_characters, 1),
    "repeated_phrases": (repetition_rules.measure_repeated_phrases, 1),
    "repeated_passages": (repetition_rules.measure_repeated_passages, 1),
    "lorem_ipsum": (document_rules.measure_lorem_ipsum, 1),
    "curly_bracket": (document_rules.measure_curly_bracket, 1),
    "web_boilerplate": (document_rules.measure_web_boilerplate, 1),
    "too_few_sentences": (document_rules.measure_too_few_sentences, 1),
    "language": (text_rules.measure_language, 1),
    "personal_data": (personal_data.measure_personal_data, 2),
    "unbalanced_code_fence": (text_rules.measure_unbalanced_code_fence, 2),
    "leaked_markers": (text_rules.measure_leaked_markers, 1),
    "unsupported_request": (prompt_rules.measure_unsupported_request, 1),
    "program_request": (prompt_rules.measure_program_request, 1),
    "opens_with_punctuation": (prompt_rules.measure_opens_with_punctuation, 1),
    "opens_with_non_ascii": (prompt_rules.measure_opens_with_non_ascii, 1),
    "prompt_echoed": (completion_rules.measure_prompt_echoed, 1),
    "input_copied": (completion_rules.measure_input_copied, 1),
    "assistant_boilerplate": (completion_rules.measure_assistant_boilerplate, 1),
    "refusal": (completion_rules.measure_refusal, 1),
    "truncated": (completion_rules.measure_truncated, 1),
    "unfinished_sentence": (completion_rules.measure_unfinished_sentence, 1),
    "trailing_colon": (completion_rules.measure_trailing_colon, 1),
    "wrong_answer": (completion_rules.measure_wrong_answer, 1),
}
CountTokens = Callable[[pl.Series], pl.Series]
"""Tokens of each text by the run's tokenizer."""
_OPTIONAL = {"prompt": pl.String, "finish_reason": pl.String, "reference": pl.String, "n_tokens": pl.Int64}


def find_noise(
    rows: pl.DataFrame,
    rules: TextRules,
    *,
    count_tokens: CountTokens | None = None,
    verifiers: Mapping[str, Verifier] | None = None,
) -> pl.DataFrame:
    """All findings of the enabled noise rules, as FOUND says, sorted by row and reason.

    Args:
        rows: row_id and text (null is empty); n_tokens where they were counted; prompt, finish_reason and reference
            (the known answer) where completions are judged.
        count_tokens: the run's tokenizer, asked for n_tokens where the rows lack them and a rule wants them.
        verifiers: of final answers, beside those that the rule `wrong_answer` names.
        rules: fields that are not noise rules (near-duplicates, splits) are passed over.
    """
    missing = [pl.lit(None, kind).alias(name) for name, kind in _OPTIONAL.items() if name not in rows.columns]
    frame = rows.with_columns(pl.col("text").fill_null(""), *missing)
    wanted = rules.too_few_tokens.enabled or rules.too_many_tokens.enabled
    if wanted and count_tokens and "n_tokens" not in rows.columns:
        frame = frame.with_columns(count_tokens(frame["text"]).alias("n_tokens"))
    texts = Texts(frame, tuple(rules.stop_words.stop_words), dict(verifiers or {}))
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
