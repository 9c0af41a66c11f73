"""Turns texts into counts of personal data: e-mail addresses, phone, card, account and identity numbers, secrets."""

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import polars as pl

from curation.measures import Measure, Texts, break_above
from schemas.noise_rules import PersonalData

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})\b")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|(?:1[ .-])?(?:\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})"
    r"|0\d(?:[ .]\d{2}){4}|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4})(?![\w-])"
    r"|(?i:\b(?:phone|telephone|tel|call|mobile|cell|fax|whatsapp)\b[^\w\n]{0,4}(?:(?:me|us|at|on|is|number)\W{1,3}){0,3})"
    r"(\+?\d[\d ()./-]{7,17}\d)(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_SSN = re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")
_IP = re.compile(r"(?<![\w.:-])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{1,4})(?![\w:-]|\.\d)")
_MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})(?![\w:-])")
# Forms that give the number away, with the stdnum module that knows its check digits
_NATIONAL_IDS = (
    (re.compile(r"(?<![\w.-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])"), "br.cpf"),
    (re.compile(r"(?<![\w.-])756\.\d{4}\.\d{4}\.\d{2}(?![\w-])"), "ch.ssn"),
    (re.compile(r"\b(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]\b"), "es.nif"),
    (re.compile(r"(?<![\w-])[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])"), "fr.nir"),
    (re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z]\b"), "it.codicefiscale"),
    (re.compile(r"(?<![\w-])9\d{2}-\d{2}-\d{4}(?![\w-])"), "us.itin"),
)
# Keys of well-known forms: GitHub, AWS, OpenAI and Anthropic, Slack, Google, Stripe, JSON web tokens, private keys
_SECRET = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9_-]{20,}|xox[abprs]-[\w-]{20,}"
    r"|AIza[\w-]{35}|[rs]k_live_[A-Za-z0-9]{20,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"
)
# Reserved for documentation (RFC 2606, RFC 6761) and names that only ever stand for one
_EXAMPLE_DOMAIN = re.compile(r"(?i)(?:^|\.)(?:example|test|invalid|localhost|email|domain|company|yourcompany)(?:\.|$)")
_SUSPECT = (
    r"[0-9A-Za-z_%+-]@[0-9A-Za-z-]|\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d[ .)-]*\d"
    r"|\d\.\d{1,3}\.\d{1,3}\.\d|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:|[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-"
    r"|[A-Z]{6}\d{2}[A-Z]|[XYZ]\d{7}|[A-Z]{2}\d{2} ?[A-Z0-9]{4}"
    r"|gh[pousr]_|github_pat_|AKIA|sk-|xox[abprs]-|AIza|k_live_|eyJ|PRIVATE KEY"
)


def measure_personal_data(texts: Texts, rule: PersonalData) -> Measure:
    """Items of personal data in the text, by form and check digit (python-stdnum); examples don't count.

    InstructGPT (Ouyang et al. 2022, A.2) filtered its prompts for them; FineWeb (Penedo et al. 2024) takes e-mail and
    public IP addresses out. Only the count is ever written down.
    """
    suspects = texts.frame.with_row_index("at").filter(pl.col("text").str.contains(_SUSPECT))
    counts = [0.0] * texts.frame.height
    for at, text in suspects.select("at", "text").iter_rows():
        counts[at] = float(count_personal_data(text, rule.kinds))
    return break_above(pl.lit(pl.Series(counts, dtype=pl.Float64)), 0)


def count_personal_data(text: str, kinds: Collection[str] | None = None) -> int:
    """How many items of personal data of the given kinds (all without) a text holds."""
    wanted = FINDERS if kinds is None else {kind: FINDERS[kind] for kind in kinds}
    count = sum(len(list(find(text))) for find in wanted.values())
    if "phone" not in wanted:
        return count
    numbers = {*_find_cards(text), *_find_ibans(text)}
    return count - sum(any(phone in number for number in numbers) for phone in _find_phones(text))


def _find_emails(text: str) -> Iterable[str]:
    return (m[0] for m in _EMAIL.finditer(text) if not _EXAMPLE_DOMAIN.search(m[1]))


def _find_phones(text: str) -> Iterable[str]:
    return (number for m in _PHONE.finditer(text) if _is_phone(number := m[1] or m[0]))


def _is_phone(match: str) -> bool:
    """Between 9 and 15 digits (E.164), not of one digit, not counted off, and not of the fictitious exchange 555."""
    digits = re.sub(r"\D", "", match)
    counted = "1234567" in digits or digits[-10:] in "1234567890" * 2
    return 9 <= len(digits) <= 15 and len(set(digits)) > 2 and digits[-7:-4] != "555" and not counted


def _find_ibans(text: str) -> Iterable[str]:
    from stdnum import iban

    return (m for m in _IBAN.findall(text) if iban.is_valid(m))


def _find_cards(text: str) -> Iterable[str]:
    """Digits with the check digit of Luhn (ISO/IEC 7812), not of one or two digits only."""
    from stdnum import luhn

    return (m for m in _CARD.findall(text) if luhn.is_valid(re.sub(r"\D", "", m)) and len(set(m) - set(" -")) > 2)


def _find_ssns(text: str) -> Iterable[str]:
    from stdnum.us import ssn

    return (m for m in _SSN.findall(text) if ssn.is_valid(m))


def _find_national_ids(text: str) -> Iterable[str]:
    from importlib import import_module

    for form, name in _NATIONAL_IDS:
        if found := form.findall(text):
            module: Any = import_module(f"stdnum.{name}")
            yield from (m for m in found if module.is_valid(m))


def _find_addresses(text: str) -> Iterable[str]:
    """IP addresses of the public network; those of private networks and of documentation are nobody's."""
    for match in _IP.findall(text):
        try:
            address = ipaddress.ip_address(match)
        except ValueError:
            continue
        if address.is_global and not (":" not in match and match.endswith(".0")) and not _is_version(match):
            yield match


def _is_version(match: str) -> bool:
    """Four small numbers are more often a version than an address ("1.2.3.4", "3.11.0.1")."""
    return ":" not in match and all(int(part) < 20 for part in match.split("."))


def _find_hardware(text: str) -> Iterable[str]:
    return (m for m in _MAC.findall(text) if len(set(re.sub(r"\W", "", m))) > 2)


def _find_secrets(text: str) -> Iterable[str]:
    return (m for m in _SECRET.findall(text) if len(set(m)) > 8)


FINDERS: dict[str, Callable[[str], Iterable[str]]] = {
    "email": _find_emails,
    "phone": _find_phones,
    "iban": _find_ibans,
    "card": _find_cards,
    "ssn": _find_ssns,
    "national_id": _find_national_ids,
    "ip": _find_addresses,
    "mac": _find_hardware,
    "secret": _find_secrets,
}
