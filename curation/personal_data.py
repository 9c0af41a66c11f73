"""Turns texts into counts of personal data: e-mail addresses, phone, card, account and social security numbers."""

import re

import polars as pl

from curation.measures import Measure, Texts, break_above
from schemas.params import Rule

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})\b")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
# Reserved for documentation (RFC 2606, RFC 6761) and names that only ever stand for one
_EXAMPLE_DOMAIN = re.compile(r"(?i)(?:^|\.)(?:example|test|invalid|localhost|email|domain|company|yourcompany)(?:\.|$)")
_SUSPECT = r"[0-9A-Za-z_%+-]@[0-9A-Za-z-]|\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d"


def measure_personal_data(texts: Texts, rule: Rule) -> Measure:
    """Items of personal data in the text, by form and check digit (python-stdnum); examples don't count.

    InstructGPT (Ouyang et al. 2022, A.2) filtered its prompts for them. Only the count is ever written down.
    """
    suspects = texts.frame.with_row_index("at").filter(pl.col("text").str.contains(_SUSPECT))
    counts = [0.0] * texts.frame.height
    for at, text in suspects.select("at", "text").iter_rows():
        counts[at] = float(count_personal_data(text))
    return break_above(pl.lit(pl.Series(counts, dtype=pl.Float64)), 0)


def count_personal_data(text: str) -> int:
    """How many items of personal data a text holds."""
    from stdnum import iban, luhn
    from stdnum.us import ssn

    emails = sum(not _EXAMPLE_DOMAIN.search(domain) for domain in _EMAIL.findall(text))
    accounts = [m for m in _IBAN.findall(text) if iban.is_valid(m)]
    cards = [m for m in _CARD.findall(text) if luhn.is_valid(re.sub(r"\D", "", m)) and len(set(m) - set(" -")) > 2]
    numbers = [m for m in _SSN.findall(text) if ssn.is_valid(m)]
    phones = [m for m in _PHONE.findall(text) if _is_phone(m) and not any(m in card for card in cards)]
    return emails + len(accounts) + len(cards) + len(numbers) + len(phones)


def _is_phone(match: str) -> bool:
    """Between 9 and 15 digits (E.164), not of one digit, and not of the fictitious exchange 555."""
    digits = re.sub(r"\D", "", match)
    return 9 <= len(digits) <= 15 and len(set(digits)) > 2 and digits[-7:-4] != "555" and "1234567" not in digits
