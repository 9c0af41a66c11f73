"""Noise rules of completions, judged beside their prompt: each turns `Texts` into a `Measure`."""

import polars as pl

from curation.measures import Measure, Texts, break_above, break_where
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
_SENTENCE_END = r"[\p{Ll}\p{N})\]\"'”’][.!?][\"'”’)\]]*\s+"
_ENDED = r"[.!?…:;。！？][\"'”’)\]*_]*$"
_NO_PROSE = r"^(?:[-*•+>|#]|\d+[.)])|[{}|<>=\\]|https?://\S*$"


def measure_prompt_echoed(texts: Texts, rule: PromptEchoed) -> Measure:
    """Share of the completion that is its own prompt's text, repeated at its start."""
    prompt, text = normalise_text(pl.col("prompt")), normalise_text(_TEXT)
    judged = prompt.str.count_matches(r"\S+") >= rule.min_words
    echoed = text.str.starts_with(prompt)
    share = pl.when(judged & echoed & (text != "")).then(prompt.str.len_chars() / text.str.len_chars())
    value = share.fill_null(0.0)
    return Measure(value, pl.lit(rule.min_ratio), (value >= rule.min_ratio) & (value > 0))


def measure_input_copied(texts: Texts, rule: Rule) -> Measure:
    """The completion is its prompt's last paragraph: input and output are the same (self-instruct's filter)."""
    input_ = normalise_text(pl.col("prompt").str.extract(r"(?s)\n\s*\n(\S.*)$"))
    return break_where((input_ != "") & (input_ == normalise_text(_TEXT)))


def measure_assistant_boilerplate(texts: Texts, rule: Rule) -> Measure:
    """Speaks as an assistant about itself where an answer was wanted (as ShareGPT's cleanings filter)."""
    return break_where(_TEXT.str.contains(_BOILERPLATE))


def measure_refusal(texts: Texts, rule: Rule) -> Measure:
    """Opens with a refusal. Off by default: to a harmful request it is the right answer."""
    return break_where(_TEXT.str.contains(_REFUSAL))


def measure_truncated(texts: Texts, rule: Rule) -> Measure:
    """Cut off: the sampler ran out of tokens, or the last word or character can't end a sentence."""
    text = _TEXT.str.strip_chars()
    dangling = text.str.contains(_DANGLING_WORD) & (text.str.count_matches(r"\S+") >= 4)
    ran_out = (pl.col("finish_reason") == "length").fill_null(False)
    return break_where(ran_out | dangling | text.str.contains(r"[,(\[{–]$|\w-$"))


def measure_unfinished_sentence(texts: Texts, rule: UnfinishedSentence) -> Measure:
    """Words after the last end of a sentence, in a last line of prose that has ended as many sentences before.

    A line that is code, a table row, an item of a list or a title has no end to miss; nor has a text in a code fence.
    """
    last_line = _TEXT.str.strip_chars_end().str.split("\n").list.last().str.strip_chars()
    ended = last_line.str.count_matches(_SENTENCE_END)
    rest = last_line.str.extract(rf"(?s)^.*(?:{_SENTENCE_END})(.*)$").str.strip_chars()
    words = rest.str.count_matches(r"\S+")
    prose = rest.str.contains(r"^\p{L}") & ~last_line.str.contains(_NO_PROSE) & ~_TEXT.str.contains("```", literal=True)
    judged = (ended >= rule.min_sentences) & prose & ~rest.str.contains(_ENDED)
    return break_above(pl.when(judged).then(words), rule.max_words)


def measure_wrong_answer(texts: Texts, rule: WrongAnswer) -> Measure:
    """Verifiers (`verifiers.VERIFIERS`) that find the final answer wrong; where none can tell there is no value."""
    verify = [*(VERIFIERS[name] for name in rule.verifiers), *texts.verifiers.values()]
    verdicts = [
        [verdict for v in verify if (verdict := v(prompt or "", reference, text)) is not None]
        for prompt, reference, text in texts.frame.select("prompt", "reference", "text").iter_rows()
    ]
    wrong = [float(found.count(False)) if found else None for found in verdicts]
    return break_above(pl.lit(pl.Series(wrong, dtype=pl.Float64)), 0)


def measure_trailing_colon(texts: Texts, rule: Rule) -> Measure:
    """Ends by announcing something that never comes (self-instruct, Wang et al. 2022, their release's filter)."""
    return break_where(_TEXT.str.strip_chars().str.ends_with(":"))
