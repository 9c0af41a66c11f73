"""Looks things of the sandbox world up: category, article, plural, facts, numbers in words."""

import random
from functools import cache

from pipelines.sandbox.doings import ACTIONS
from pipelines.sandbox.facts import ATTRIBUTES
from pipelines.sandbox.words import CATEGORIES, NUMBER_WORDS, PLURAL_CATEGORIES, UNCOUNTED

CATEGORY_OF: dict[str, str] = {item: category for category, items in CATEGORIES.items() for item in items}
ITEMS: tuple[str, ...] = tuple(CATEGORY_OF)


def with_article(noun: str) -> str:
    """The noun with its article: "a fox", "an owl", "tea"."""
    if noun in UNCOUNTED:
        return noun
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def plural(noun: str) -> str:
    """The plural of a category or a thing: "foxes", "pieces of clothing"."""
    if noun in PLURAL_CATEGORIES:
        return PLURAL_CATEGORIES[noun]
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


@cache
def pick_row(item: str, n: int) -> tuple[str, ...]:
    """`n` things of the item's category with the item as the first; always the same ones."""
    others = [other for other in CATEGORIES[CATEGORY_OF[item]] if other != item]
    return (item, *random.Random(f"row/{item}/{n}").sample(others, n - 1))


def capitalize(text: str) -> str:
    """The text with its first letter upper-case and the rest as it stands."""
    return text[:1].upper() + text[1:]


def number_word(number: int | str) -> str:
    """A number from 0 to 25 in words."""
    return NUMBER_WORDS[int(number)]


def tell_fact(thing: str, attribute: str, *, value: str | None = None) -> str:
    """A fact as a sentence; with `value`, the same sentence with that value put in."""
    form = ATTRIBUTES[attribute]
    said = form.statement.format(a=with_article(thing), value=value or form.values[thing])
    return f"{capitalize(said)}."


def tell_fact_briefly(thing: str, attribute: str, *, value: str | None = None) -> str:
    """A fact in a few words: "In a den."."""
    form = ATTRIBUTES[attribute]
    return f"{capitalize(form.short.format(value=value or form.values[thing]))}."


def ask_fact(thing: str, attribute: str) -> str:
    """The indirect question for a fact: "where a fox lives"."""
    return ATTRIBUTES[attribute].question.format(a=with_article(thing))


def list_steps(action: str, thing: str) -> list[str]:
    """The four steps of a harmless action, in order, without "First" and the like."""
    return [step.format(it=f"the {thing}") for step in ACTIONS[action].steps]


def count_numbers(start: int, end: int) -> list[int]:
    """The numbers from start to end, both counted in, up or down."""
    return list(range(start, end + 1)) if end >= start else list(range(start, end - 1, -1))
