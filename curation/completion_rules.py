"""Noise rules of completions, judged beside their prompt: each turns `Texts` into a `Measure`."""

import polars as pl

from curation.measures import Measure, Texts, break_above, break_where, judge_suspects
from curation.near_duplicates import normalise_text
from curation.verifiers import VERIFIERS
from schemas.noise_rules import PromptEchoed, Rule, UnfinishedSentence, WrongAnswer

_TEXT = pl.col("text")
_BOILERPLATE = (
    r"(?i)\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\bi(?:'|’)?(?:m| am) (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|\b(?:my (?:knowledge cut-?off|training data)|knowledge cut-?off date)\b"
    r"|\bi (?:was|am|have been) (?:created|developed|trained) by (?:openai|anthropic|google|meta)\b"
    r"|\bi (?:do not|don(?:'|’)t|cannot|can(?:'|’)t) have (?:personal )?(?:opinions|feelings|emotions|beliefs)\b"
)
_REFUSAL = (
    r"(?i)^\W*(?:(?:i(?:'|’)?m |i am )?sorry|i apologi[sz]e)\b[^.!?\n]{0,60}\b(?:can(?:no|'|’)t|unable|won(?:'|’)t)\b"
    r"|^\W*i (?:can(?:no|'|’)t|am unable to|won(?:'|’)t|will not) (?:help|assist|provide|do|comply|answer|write)\b"
)
# A last word that no finished English sentence ends with
_DANGLING_WORD = (
    r"(?i)(?:^|\s)(?:the|an|and|or|of|with|because|but|from|into|their|your|my|our|its|than|which|whose|if|although|while|"
    r"such as|as well as)$"
)
# What a verifier of ours can have an opinion on: a reference, an annotation, a short prompt with arithmetic
_VERIFIABLE = (
    pl.col("reference").is_not_null()
    | _TEXT.str.contains("<<", literal=True)
    | ((pl.col("prompt").str.len_chars() < 300) & pl.col("prompt").str.contains(r"\d[\s()]*[+*/×÷x−-]"))
)
_SENTENCE_END = r"[\p{Ll}\p{N})\]\"'”’][.!?][\"'”’)\]]*\s+"
_ENDED = r"[.!?…:;。！？][\"'”’)\]*_]*$"
_NO_PROSE = r"^(?:[-*•+>|#]|\d+[.)])|[{}|<>=\\]|https?://\S*$"


def measure_prompt_echoed(texts: Texts, rule: PromptEchoed) -> Measure:
    """Share of the completion that is its own prompt's text, repeated at its start."""
    prompt, text = normalise_text(pl.col("prompt")), normalise_text(_TEXT)
    judged = prompt.str.count_matches(r"\S+") >= rule.min_words
    echoed = text.str.starts_with(prompt)
    share = pl.when(judged & echoed & (text != "")).then(prompt.str.len_chars() / text.str.len_chars())
    value = judge_suspects(texts.frame, _open_alike(pl.col("prompt"), _TEXT), share).fill_null(0.0)
    return Measure(value, pl.lit(rule.min_ratio), (value >= rule.min_ratio) & (value > 0))


def _open_alike(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Whether one of two texts may open the other after normalising: a cheap test of their first characters."""
    heads = [text.str.strip_chars_start().str.head(1).str.to_lowercase() for text in (first, second)]
    foreign = heads[0].str.len_bytes() + heads[1].str.len_bytes() != 2
    return first.is_not_null() & (foreign | (heads[0] == heads[1]))


def measure_input_copied(texts: Texts, rule: Rule) -> Measure:
    """The completion is its prompt's last paragraph: input and output are the same (self-instruct's filter)."""
    input_ = pl.col("prompt").str.extract(r"(?s)\n\s*\n(\S.*)$")
    copied = normalise_text(input_) == normalise_text(_TEXT)
    return break_above(judge_suspects(texts.frame, _open_alike(input_, _TEXT), copied).fill_null(0.0), 0)


def measure_assistant_boilerplate(texts: Texts, rule: Rule) -> Measure:
    """Speaks as an assistant about itself where an answer was wanted (as ShareGPT's cleanings filter)."""
    return break_where(_TEXT.str.contains(_BOILERPLATE))


def measure_refusal(texts: Texts, rule: Rule) -> Measure:
    """Opens with a refusal. Off by default: to a harmful request it is the right answer."""
    return break_where(_TEXT.str.contains(_REFUSAL))


def measure_truncated(texts: Texts, rule: Rule) -> Measure:
    """Cut off: the sampler ran out of tokens, or the last word or character can't end a sentence."""
    text = _TEXT.str.strip_chars()
    end = text.str.tail(40)
    dangling = end.str.contains(_DANGLING_WORD) & (text.str.head(200).str.count_matches(r"\S+") >= 4)
    ran_out = (pl.col("finish_reason") == "length").fill_null(False)
    return break_where(ran_out | dangling | end.str.contains(r"[,(\[{–]$|\w-$"))


def measure_unfinished_sentence(texts: Texts, rule: UnfinishedSentence) -> Measure:
    """Words after the last end of a sentence, in a last line of prose that has ended as many sentences before.

    A line that is code, a table row, an item of a list or a title has no end to miss; nor has a text in a code fence.
    """
    text = _TEXT.str.strip_chars_end()
    last_line = text.str.split("\n").list.last().str.strip_chars()
    ended = last_line.str.count_matches(_SENTENCE_END)
    rest = last_line.str.extract(rf"(?s)^.*(?:{_SENTENCE_END})(.*)$").str.strip_chars()
    words = rest.str.count_matches(r"\S+")
    prose = rest.str.contains(r"^\p{L}") & ~last_line.str.contains(_NO_PROSE) & ~_TEXT.str.contains("```", literal=True)
    judged = (ended >= rule.min_sentences) & prose & ~rest.str.contains(_ENDED)
    unended = ~text.str.tail(8).str.contains(_ENDED)
    return break_above(judge_suspects(texts.frame, unended, pl.when(judged).then(words)), rule.max_words)


def measure_wrong_answer(texts: Texts, rule: WrongAnswer) -> Measure:
    """Verifiers (`verifiers.VERIFIERS`) that find the final answer wrong; where none can tell there is no value."""
    verify = [*(VERIFIERS[name] for name in rule.verifiers), *texts.verifiers.values()]
    suspects = texts.frame.with_row_index("at").filter(pl.lit(bool(texts.verifiers)) | _VERIFIABLE)
    wrong: list[float | None] = [None] * texts.frame.height
    for at, prompt, reference, text in suspects.select("at", "prompt", "reference", "text").iter_rows():
        verdicts = [verdict for v in verify if (verdict := v(prompt or "", reference, text)) is not None]
        wrong[at] = float(verdicts.count(False)) if verdicts else None
    return break_above(pl.lit(pl.Series(wrong, dtype=pl.Float64)), 0)


def measure_trailing_colon(texts: Texts, rule: Rule) -> Measure:
    """Ends by announcing something that never comes (self-instruct, Wang et al. 2022, their release's filter)."""
    return break_where(_TEXT.str.strip_chars().str.ends_with(":"))
