"""Turns numbers and names into the words that the report shows."""

from typing import Any

MISSING = "–"
SHORT = 10


def format_number(value: float | None, form: str) -> str:
    """A number as `gold` (3 digits), `percent`, `nats`, `count` or `value` (as short as it goes)."""
    if value is None:
        return MISSING
    text = {
        "gold": f"{value:.3f}", "percent": f"{value:.1%}", "nats": f"{value:.2f}", "count": f"{value:,.0f}",
        "tokens": f"{value:.1f}", "value": f"{value:.4g}",
    }[form]  # fmt: skip
    return text.replace("-", "−") if has_digits(text) else text.lstrip("-")


def format_change(value: float | None, form: str) -> str:
    """A signed difference; of shares in percentage points."""
    if value is None:
        return MISSING
    text = f"{100 * value:+.1f} pts" if form == "percent" else format_signed(value, form)
    return text.replace("-", "−") if has_digits(text) else "same"


def has_digits(text: str) -> bool:
    """Whether a number is other than zero as written."""
    return any(digit in text for digit in "123456789")


def format_signed(value: float, form: str) -> str:
    """A number with its sign."""
    return ("+" if value >= 0 else "") + format_number(value, form)


def judge_change(value: float | None, form: str, good: bool | None) -> str:
    """The class that colours a change: better, worse or level."""
    if value is None or good is None or format_change(value, form) == "same":
        return "level"
    return "better" if (value > 0) == good else "worse"


def shorten_id(value: str | None) -> str:
    """The first digits of an id."""
    return value[:SHORT] if value else MISSING


def split_words(name: str) -> str:
    """A snake_case name as words."""
    return name.replace("_", " ")


def scale_percent(value: float | None, whole: float = 1.0) -> str:
    """A share as a CSS percentage within 0 and 100."""
    share = 0.0 if value is None or not whole else value / whole
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"


def count_noun(n: int, noun: str) -> str:
    """A count with its noun in the right number."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


FILTERS: dict[str, Any] = {
    "number": format_number, "change": format_change, "judge": judge_change, "short": shorten_id,
    "words": split_words, "place": scale_percent, "count_noun": count_noun,
}  # fmt: skip
