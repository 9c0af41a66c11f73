"""Reads an answer's text into sentences, words, known items and numbers, for the checks to judge."""

import re
from collections.abc import Iterable

from pipelines.sandbox.words import NUMBER_WORDS
from pipelines.sandbox.world import ITEMS, capitalize

MAX_WORDS = 60
_NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS)}
_NUMBER = re.compile(r"\d+|" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)))
_ITEM = "(?:" + "|".join(sorted(map(re.escape, ITEMS), key=len, reverse=True)) + ")"
_LIST_FORMS = {
    "commas": re.compile(rf"{_ITEM}(, {_ITEM})+\."),
    "arrows": re.compile(rf"{_ITEM}( -> {_ITEM})+\."),
    "dashes": re.compile(rf"- {_ITEM}(\n- {_ITEM})+"),
    "sentence": re.compile(rf"[A-Z][a-z]+ [a-z ]+ are {_ITEM}(, {_ITEM})* and {_ITEM}\."),
}


def split_words(text: str) -> list[str]:
    """Lower-cased words without punctuation; "it's" and "hee-haw" are one word."""
    return re.findall(r"[a-z0-9]+(?:['-][a-z0-9]+)*", text.lower())


def split_sentences(text: str) -> list[str]:
    """Pieces that end with a full stop, a question or an exclamation mark, or with a line."""
    return [piece.strip() for piece in re.split(r"(?<=[.!?])\s+|\n+", text) if piece.strip()]


def is_degenerate(prompt: str, text: str) -> bool:
    """Whether the text is no answer at all: empty, overlong, repeating itself or the prompt, or not plain text."""
    said, asked = split_words(text), split_words(prompt)
    runs = [tuple(said[i : i + 5]) for i in range(len(said) - 4)]
    echoes = tuple(asked[:4]) in [tuple(said[i : i + 4]) for i in range(len(said) - 3)]
    strange = re.search(r"""[^a-z0-9 ,.!?'";:()/>\n-]|http|www|as an ai""", text.lower())
    return not said or len(said) > MAX_WORDS or len(set(runs)) < len(runs) or echoes or bool(strange)


def has_phrase(text: str, phrase: str) -> bool:
    """Whether the words of the phrase stand in the text, in a row."""
    return re.search(rf"(?<![\w-]){re.escape(phrase.lower())}(?![\w-])", text.lower()) is not None


def has_only_phrase(text: str, phrase: str, phrases: Iterable[str]) -> bool:
    """Whether of several phrases the text holds this one and no other (parts of the phrase itself do not count)."""
    rest = re.sub(rf"(?<![\w-]){re.escape(phrase.lower())}(?![\w-])", "", text.lower())
    return has_phrase(text, phrase) and not any(has_phrase(rest, other) for other in phrases if other != phrase)


def is_tidy(text: str) -> bool:
    """Whether the text begins with a capital letter and ends with an end mark."""
    return text[:1] == capitalize(text[:1]) and text[:1].isalpha() and text.endswith((".", "!", "?"))


def read_items(text: str) -> tuple[list[str], list[str]]:
    """The known items that a list names, in order, and the pieces that are no items; in any form of a list."""
    items: list[str] = []
    others: list[str] = []
    for line in text.split("\n"):
        bare = re.sub(r"^(- |\d+\. )", "", line.strip())
        bare = re.sub(r"^[A-Z][a-z]+ [a-z ]+ are ", "", bare)
        for piece in re.split(r", | -> | and |(?<=\.) ", bare):
            name = piece.strip(" .")
            if name:
                (items if name in ITEMS else others).append(name)
    return items, others


def has_list_form(text: str, form: str) -> bool:
    """Whether the whole text is a list of known items in the given form."""
    if form == "numbers":
        lines = text.split("\n")
        return len(lines) > 1 and all(
            re.fullmatch(rf"{number}\. {_ITEM}", line) for number, line in enumerate(lines, 1)
        )
    return _LIST_FORMS[form].fullmatch(text) is not None


def read_numbers(text: str) -> list[int]:
    """The numbers in a text, in order, said in words or digits."""
    found = re.findall(rf"(?<![\w-])(?:{_NUMBER.pattern})(?![\w-])", text.lower())
    return [int(said) if said.isdigit() else _NUMBERS[said] for said in found]
