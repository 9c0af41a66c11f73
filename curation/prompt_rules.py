"""Noise rules of prompts, most of them self-instruct's: each turns `Texts` into a `Measure`.

Self-instruct is Wang et al. 2022, section 2.2, and its release's bootstrap_instructions.py.
"""

import polars as pl

from curation.measures import Measure, Texts, break_where
from schemas.noise_rules import Rule

_TEXT = pl.col("text")
_PUNCTUATION = r"^[!-/:-@\[-`{-~]"  # Python's string.punctuation


def measure_unsupported_request(texts: Texts, rule: Rule) -> Measure:
    """Asks for or about what text can't carry (self-instruct's blacklist)."""
    return break_where(_TEXT.str.contains(r"(?i)\b(?:images?|graphs?|pictures?|files?|maps?|draw|plot|go to)\b"))


def measure_program_request(texts: Texts, rule: Rule) -> Measure:
    """Opens with "Write a program", which models put before instructions of any kind (self-instruct)."""
    return break_where(_TEXT.str.starts_with("Write a program"))


def measure_opens_with_punctuation(texts: Texts, rule: Rule) -> Measure:
    """The first character is ASCII punctuation (self-instruct)."""
    return break_where(_TEXT.str.strip_chars().str.contains(_PUNCTUATION))


def measure_opens_with_non_ascii(texts: Texts, rule: Rule) -> Measure:
    """The first character is not ASCII (self-instruct, which wants English only)."""
    return break_where(_TEXT.str.strip_chars().str.contains(r"^[^\x00-\x7f]"))
