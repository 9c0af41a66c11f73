"""Turns a completion into a verdict on its final answer, where a program can tell: right, wrong, or can't say.

A verifier is a function of prompt, reference (the known answer, or None) and completion: True, False or None.
None is no verdict: no final answer was recognised, or nothing is known to hold it against. `VERIFIERS` has them
by name; a caller may hand in others.
"""

import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

Verifier = Callable[[str, str | None, str], bool | None]

_NUMBER = r"[-−]?\$?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_FINAL = (
    re.compile(rf"####\s*({_NUMBER})"),
    re.compile(rf"\\boxed\{{\s*({_NUMBER})\s*\}}"),
    re.compile(rf"(?i)\bthe (?:final )?answer is:?\s*\**({_NUMBER})"),
)
_ARITHMETIC = re.compile(
    r"(?i)^\s*(?:what is|what's|calculate|compute|evaluate|work out|how much is|solve)?:?\s*"
    r"([-(]*\d[\d.,\s()+*/×÷x−-]*[+*/×÷x−-][\d.,\s()+*/×÷x−-]*\d\)*)\s*(?:=\s*\??|\?|\.)?\s*$"
)
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|(.))")
_CALCULATION = re.compile(rf"<<([^<>=]+)=\s*({_NUMBER})>>")
_CHOICE = (
    re.compile(r"(?i)\b(?:answer|option|choice)(?: is|:)*\s*\(?\**([A-J])\b(?!')"),
    re.compile(r"^\W*([A-J])(?:[).:]|\W*$)"),
)
_OPERATORS: Mapping[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_LONGEST = 200  # characters of an expression; longer ones are no arithmetic


def verify_number(prompt: str, reference: str | None, completion: str) -> bool | None:
    """The marked final number is the reference's: #### 42 (GSM8K, Cobbe et al. 2021), or \\boxed{42}."""
    wanted, given = find_number(reference or ""), find_marked_number(completion)
    return None if wanted is None or given is None else wanted == given


def verify_choice(prompt: str, reference: str | None, completion: str) -> bool | None:
    """The letter that the completion chooses is the reference's (ARC, RACE and their like)."""
    wanted, given = find_choice(reference or ""), find_choice(completion)
    return None if wanted is None or given is None else wanted == given


def verify_arithmetic(prompt: str, reference: str | None, completion: str) -> bool | None:
    """A prompt that is nothing but arithmetic is worked out; the completion's final or last number must be the result.

    A result with more decimals than given is right when it rounds to what was given.
    """
    asked = _ARITHMETIC.match(prompt)
    wanted = evaluate_expression(asked[1]) if asked else None
    numbers = re.findall(_NUMBER, completion)
    if wanted is None or not numbers:
        return None
    marked = next((found[-1] for pattern in _FINAL if (found := pattern.findall(completion))), numbers[-1])
    return _agrees(wanted, marked)


def verify_calculator(prompt: str, reference: str | None, completion: str) -> bool | None:
    """Every calculator annotation holds: <<48/2=24>> (GSM8K)."""
    verdicts = []
    for expression, result in _CALCULATION.findall(completion):
        value = evaluate_expression(expression)
        if value is not None:
            verdicts.append(_agrees(value, result))
    return all(verdicts) if verdicts else None


VERIFIERS: dict[str, Verifier] = {
    "arithmetic": verify_arithmetic,
    "calculator": verify_calculator,
    "number": verify_number,
    "choice": verify_choice,
}


def find_marked_number(text: str) -> Fraction | None:
    """The last number that a text marks as its final answer, or that is all of it."""
    for pattern in _FINAL:
        if found := pattern.findall(text):
            return _parse_number(found[-1])
    whole = re.fullmatch(rf"\W*({_NUMBER})\W*", text)
    return _parse_number(whole[1]) if whole else None


def find_number(text: str) -> Fraction | None:
    """As find_marked_number; else the only number of a text."""
    marked, numbers = find_marked_number(text), re.findall(_NUMBER, text)
    return _parse_number(numbers[0]) if marked is None and len(numbers) == 1 else marked


def find_choice(text: str) -> str | None:
    """The letter (A to J) that a text chooses: "The answer is (B)", "B.", "(C) fourteen"."""
    for pattern in _CHOICE:
        if found := pattern.search(text):
            return found[1].upper()
    return None


def evaluate_expression(text: str) -> Fraction | None:
    """Value of numbers, + - * / and brackets; None where it is no such expression, or divides by zero."""
    text = text.replace(",", "").replace("−", "-").replace("×", "*").replace("÷", "/").replace("x", "*")
    if len(text) > _LONGEST:
        return None
    tokens = [number or sign for number, sign in _TOKEN.findall(text.strip())]
    try:
        value = _read_sum(tokens)
    except (IndexError, ValueError, ZeroDivisionError, RecursionError):
        return None
    return None if tokens else value


def _read_sum(tokens: list[str]) -> Fraction:
    """Take a sum off the front of the tokens."""
    value = _read_product(tokens)
    while tokens and tokens[0] in "+-":
        value = _OPERATORS[tokens.pop(0)](value, _read_product(tokens))
    return value


def _read_product(tokens: list[str]) -> Fraction:
    value = _read_factor(tokens)
    while tokens and tokens[0] in "*/":
        value = _OPERATORS[tokens.pop(0)](value, _read_factor(tokens))
    return value


def _read_factor(tokens: list[str]) -> Fraction:
    token = tokens.pop(0)
    if token == "-":
        return -_read_factor(tokens)
    if token != "(":
        return Fraction(token)
    value = _read_sum(tokens)
    if tokens.pop(0) != ")":
        raise ValueError("a bracket is not closed")
    return value


def _agrees(wanted: Fraction, given: str) -> bool:
    """Equal, or equal when rounded to the decimals that were given."""
    number = _parse_number(given)
    decimals = len(given.partition(".")[2])
    return number == wanted or (abs(number - wanted) * 2 <= Fraction(1, 10**decimals) and decimals > 0)


def _parse_number(text: str) -> Fraction:
    return Fraction(re.sub(r"[$,]", "", text).replace("−", "-"))
