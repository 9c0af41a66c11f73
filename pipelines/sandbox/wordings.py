"""Turns templates such as "List {n:word} {item:category_plural}" into text and text back into slots."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from string import Formatter

from pipelines.sandbox.doings import ACTIONS, LETTERS
from pipelines.sandbox.world import CATEGORY_OF, ask_fact, number_word, pick_row, plural, with_article

LIST_FORMS = {
    "commas": "in one line with commas", "numbers": "as a numbered list", "dashes": "as a list with dashes",
    "arrows": "in one line with arrows", "sentence": "in one full sentence",
}  # fmt: skip
COUNT_FORMS = {"words": "in words", "digits": "in digits"}
SEPARATORS = {"commas": ", ", "dashes": " - ", "slashes": " / "}
PHRASES: dict[str, Callable[[str], str]] = {
    "": str,
    "a": with_article,
    "word": number_word,
    "plural": plural,
    "category": lambda item: with_article(CATEGORY_OF[item]),
    "category_plural": lambda item: plural(CATEGORY_OF[item]),
    "list_form": LIST_FORMS.__getitem__,
    "count_form": COUNT_FORMS.__getitem__,
}
"""How a slot's value is said, by the part after the colon."""

PAIRED = {
    "letter": ("purpose", "thing"), "fact": ("item", "attribute"), "row": ("item", "n"),
    "action": ("action", "object"), "harm": ("action", "object"),
}  # fmt: skip


def _say(name: str, style: str, slots: Mapping[str, str]) -> str:
    """A placeholder's text; those of PAIRED say two slots at once."""
    if style == "row":
        return ", ".join(pick_row(slots["item"], int(slots["n"])))
    if style == "letter":
        return LETTERS[slots["purpose"]].asked.format(thing=slots["thing"])
    if style == "action":
        return ACTIONS[slots["action"]].asked.format(a=with_article(slots["object"]))
    if style == "harm":
        return slots["action"].format(a=with_article(slots["object"]))
    if style == "fact":
        return ask_fact(slots["item"], slots["attribute"])
    return PHRASES[style](slots[name])


@dataclass(frozen=True)
class Pattern:
    """One way to ask within a kind: its slots with all their values, its wordings, which slots fit together."""

    kind: str
    mode: str
    slots: Mapping[str, tuple[str, ...]]
    wordings: tuple[str, ...]
    fits: Callable[[Mapping[str, str]], bool]
    weight: float = 1.0

    def every(self) -> Iterator[dict[str, str]]:
        """All slots that fit together, in a fixed order."""
        for values in product(*self.slots.values()):
            slots = {"mode": self.mode, **dict(zip(self.slots, values, strict=True))}
            if self.fits(slots):
                yield slots

    def render(self, slots: Mapping[str, str], wording: int) -> str:
        """The prompt's text in one of the wordings."""
        parts = []
        for literal, field, style, _ in Formatter().parse(self.wordings[wording]):
            parts.append(literal + (_say(field, style or "", slots) if field else ""))
        return "".join(parts)

    def parse(self, text: str) -> dict[str, str] | None:
        """The slots that render to `text` in some wording; None when there are none."""
        for wording, reader in enumerate(self._readers):
            slots = reader.read(text)
            if slots is None:
                continue
            slots = {"mode": self.mode, **{name: slots[name] for name in self.slots if name in slots}}
            if self._holds(slots) and self.render(slots, wording) == text:
                return slots
        return None

    def _holds(self, slots: Mapping[str, str]) -> bool:
        known = all(slots.get(name) in values for name, values in self.slots.items())
        return known and self.fits(slots)

    @cached_property
    def _readers(self) -> list["_Reader"]:
        return [_Reader(self, wording) for wording in self.wordings]


class _Reader:
    """Reads slots out of a text of one wording: every placeholder becomes a group of a regular expression."""

    def __init__(self, pattern: Pattern, wording: str) -> None:
        expression = ""
        self._meanings: list[dict[str, list[dict[str, str]]]] = []
        for literal, field, style, _ in Formatter().parse(wording):
            expression += re.escape(literal)
            if field:
                meanings = _read_phrases(pattern, field, style or "")
                self._meanings.append(meanings)
                expression += f"({'|'.join(re.escape(p) for p in sorted(meanings, key=len, reverse=True))})"
        self._expression = re.compile(expression)

    def read(self, text: str) -> dict[str, str] | None:
        """Slots whose phrases stand in the text. A phrase that several values share says nothing of its slot."""
        found = self._expression.fullmatch(text)
        if not found:
            return None
        slots: dict[str, str] = {}
        for phrase, meanings in zip(found.groups(), self._meanings, strict=True):
            if len(meanings[phrase]) == 1:
                slots |= meanings[phrase][0]
        return slots


def _read_phrases(pattern: Pattern, field: str, style: str) -> dict[str, list[dict[str, str]]]:
    """What each phrase of a placeholder may say about the slots."""
    names = PAIRED.get(style, (field,))
    meanings: dict[str, list[dict[str, str]]] = {}
    for values in product(*(pattern.slots[name] for name in names)):
        slots = dict(zip(names, values, strict=True))
        if _may_fit(pattern, slots):
            meanings.setdefault(_say(field, style, slots), []).append(slots)
    return meanings


def _may_fit(pattern: Pattern, slots: Mapping[str, str]) -> bool:
    """Whether some of a pattern's slots go together, as far as these few can tell."""
    try:
        return pattern.fits({"mode": pattern.mode, **slots})
    except KeyError:
        return True
