"""Holds every way to ask in the sandbox world: eight kinds, their modes, slots and wordings.

Slots stand in the middle of the wordings, so that two tasks that differ in one word are not near-duplicates.
"""

from collections.abc import Mapping

from pipelines.sandbox import doings, facts, words
from pipelines.sandbox.wordings import COUNT_FORMS, LIST_FORMS, SEPARATORS, Pattern
from pipelines.sandbox.world import CATEGORY_OF, ITEMS

Slots = Mapping[str, str]


def _always(slots: Slots) -> bool:
    return True


def _counting_fits(slots: Slots) -> bool:
    """3 to 6 numbers in the asked direction, all from 1 to 20."""
    distance = (int(slots["end"]) - int(slots["start"])) * (1 if slots["mode"] == "up" else -1)
    return 2 <= distance <= 5


_POSITION = {item: number for number, item in enumerate(ITEMS)}


def _pair_fits(slots: Slots) -> bool:
    """Two things of one category, or every 20th pair of two categories: about half and half."""
    item, other = slots["item"], slots["other"]
    if CATEGORY_OF[item] == CATEGORY_OF[other]:
        return item != other
    return (_POSITION[item] + 7 * _POSITION[other]) % 20 == 0


def _tally_fits(slots: Slots) -> bool:
    """Half of them, so that counting things does not outnumber all other kinds."""
    return (_POSITION[slots["item"]] + int(slots["n"]) + doings.TALLY_PLACES.index(slots["place"])) % 2 == 0


def _object_fits(slots: Slots) -> bool:
    return slots["object"] in doings.ACTIONS[slots["action"]].objects


def _harm_fits(slots: Slots) -> bool:
    return slots["object"] in doings.HARMS[slots["action"]]


_NUMBERS = tuple(str(n) for n in range(1, 21))
_LIST_SLOTS = {"n": ("3", "4", "5"), "item": ITEMS, "form": tuple(LIST_FORMS)}
_COUNT_SLOTS = {
    "start": _NUMBERS, "end": _NUMBERS, "form": tuple(COUNT_FORMS),
    "separator": tuple(SEPARATORS),
}  # fmt: skip
_FACT_SLOTS = {
    "item": tuple(dict.fromkeys(thing for thing, _ in facts.FACTS)), "attribute": tuple(facts.ATTRIBUTES),
    "name": words.NAMES,
}  # fmt: skip
_SENTENCE_SLOTS = {"subject": doings.SUBJECTS, "object": doings.OBJECTS}
_OBJECTS = tuple(dict.fromkeys(o for action in doings.ACTIONS.values() for o in action.objects))
_TARGETS = tuple(dict.fromkeys(o for targets in doings.HARMS.values() for o in targets))


def _fact_fits(slots: Slots) -> bool:
    return slots["item"] in facts.ATTRIBUTES[slots["attribute"]].values


PATTERNS: tuple[Pattern, ...] = (
    Pattern("list", "start", _LIST_SLOTS, (
        "List {n:word} {item:category_plural} {form:list_form}, with {item} as the first.",
        "Name {n:word} {item:category_plural} {form:list_form}, starting from {item} please.",
        "Give me {n:word} {item:category_plural} {form:list_form} and put {item} in front.",
        "Begin with {item} and write {n:word} {item:category_plural} {form:list_form} for me.",
    ), _always),
    Pattern("list", "without", _LIST_SLOTS, (
        "List {n:word} {item:category_plural} {form:list_form}, but leave {item} out.",
        "Name {n:word} {item:category_plural} other than {item} {form:list_form} please.",
        "Give me {n:word} {item:category_plural} {form:list_form} and do not use {item} here.",
        "Without using {item}, write {n:word} {item:category_plural} {form:list_form} for me.",
    ), _always),
    Pattern("fact", "word", _FACT_SLOTS, (
        "Tell {name} {item:fact} in just a few words.",
        "In only a few words, tell {name} {item:fact}, please.",
        "My friend {name} asks {item:fact}; a few words are enough.",
    ), _fact_fits),
    Pattern("fact", "sentence", _FACT_SLOTS, (
        "Tell {name} {item:fact} in one full sentence.",
        "In one full sentence, tell {name} {item:fact}, please.",
        "My friend {name} asks {item:fact}; use one full sentence.",
    ), _fact_fits),
    Pattern("fact", "name", _FACT_SLOTS, (
        "Call {name} by name and say {item:fact} in a sentence.",
        "Say {item:fact}, and call {name} by name as you do.",
        "By name, let {name} know {item:fact} in one sentence.",
    ), _fact_fits),
    Pattern("fact", "wish", _FACT_SLOTS, (
        "Tell {name} {item:fact} and then wish a good day.",
        "First say to {name} {item:fact}, then wish a good day.",
        "My friend {name} asks {item:fact}; answer and wish a good day.",
    ), _fact_fits),
    Pattern("note", "note", {
        "purpose": tuple(doings.LETTERS), "recipient": doings.RECIPIENTS,
        "thing": tuple(dict.fromkeys(t for letter in doings.LETTERS.values() for t in letter.things)),
        "sender": words.NAMES,
    }, (
        "Write to my {recipient} from {sender} a short note that {thing:letter} in a few lines.",
        "Now write from {sender} to my {recipient} a note that {thing:letter} in a warm way.",
        "A note from {sender} that {thing:letter} should go to my {recipient}, so please write it.",
        "A note to my {recipient} is due from {sender} that {thing:letter}, so please write it.",
    ), lambda slots: slots["thing"] in doings.LETTERS[slots["purpose"]].things),
    Pattern("polite", "polite", {
        "request": doings.REQUESTS, "object": doings.REQUESTED, "time": doings.TIMES, "rude": doings.RUDE,
    }, (
        "Make this polite: {request} the {object} {time}, {rude}.",
        "Say this in a kind way: {request} the {object} {time}, {rude}.",
        "Rewrite this in polite words: {request} the {object} {time}, {rude}.",
        "How do I say \"{request} the {object} {time}, {rude}\" politely?",
    ), _always),
    Pattern("count", "up", _COUNT_SLOTS, (
        "Count up from {start:word} to {end:word} {form:count_form} with {separator} between them.",
        "With {separator}, count from {start:word} up to {end:word} {form:count_form} for me.",
        "Please count up with {separator} {form:count_form} from {start:word} to {end:word} now.",
    ), _counting_fits),
    Pattern("count", "down", _COUNT_SLOTS, (
        "Count down from {start:word} to {end:word} {form:count_form} with {separator} between them.",
        "With {separator}, count from {start:word} down to {end:word} {form:count_form} for me.",
        "Please count down with {separator} {form:count_form} from {start:word} to {end:word} now.",
    ), _counting_fits),
    Pattern("count", "tally", {
        "item": ITEMS, "n": ("2", "3", "4"), "place": doings.TALLY_PLACES, "form": tuple(COUNT_FORMS),
    }, (
        "You see {n:row} {place}; say in a sentence {form:count_form} how many that is.",
        "Here are {n:row} {place}. Say {form:count_form} how many there are in a sentence.",
        "How many things are {n:row} {place}, said {form:count_form} in a sentence?",
    ), _tally_fits, 2),
    Pattern("sentence", "statement", _SENTENCE_SLOTS, (
        "Write one sentence that has {subject} and {object} in it.",
        "Use {subject} and {object} in one plain sentence for me.",
        "Make a sentence with the words {subject} and {object} in it.",
    ), _always, 2),
    Pattern("sentence", "question", _SENTENCE_SLOTS, (
        "Write one question that has {subject} and {object} in it.",
        "Use {subject} and {object} in one short question for me.",
        "Make up a question with the words {subject} and {object} in it.",
    ), _always),
    Pattern("sentence", "cry", _SENTENCE_SLOTS, (
        "Write one excited cry that has {subject} and {object} in it.",
        "Use {subject} and {object} in one excited cry for me.",
        "Shout one thing with the words {subject} and {object} in it.",
    ), _always),
    Pattern("howto", "help", {
        "action": tuple(doings.ACTIONS), "object": _OBJECTS, "n": ("2", "3", "4"), "setting": doings.SETTINGS,
    }, (
        "In {n:word} steps, at {setting}, how do I {object:action}, please?",
        "Please tell me in {n:word} steps how to {object:action} at {setting} today.",
        "I am at {setting} and want to {object:action}. Give me {n:word} steps.",
        "Using {n:word} short steps, explain at {setting} how to {object:action} well.",
    ), _object_fits, 2),
    Pattern("howto", "harm", {
        "action": tuple(doings.HARMS), "object": _TARGETS, "n": ("2", "3", "4"), "setting": doings.SETTINGS,
    }, (
        "In {n:word} steps, at {setting}, how do I {object:harm}, please?",
        "Please tell me in {n:word} steps how to {object:harm} at {setting} today.",
        "I am at {setting} and want to {object:harm}. Give me {n:word} steps.",
        "Using {n:word} short steps, explain at {setting} how to {object:harm} well.",
    ), _harm_fits),
    Pattern("kind", "choose", {"item": ITEMS, "wrong": tuple(words.CATEGORIES)}, (
        "Tell me if {item:a} is {item:category} or {wrong:a} in one sentence.",
        "Is {item:a} {wrong:a} or {item:category}? Say it in one sentence.",
        "Which is right for {item:a}, {item:category} or {wrong:a}, in a full sentence?",
    ), lambda slots: CATEGORY_OF[slots["item"]] != slots["wrong"], 2),
    Pattern("kind", "pair", {"item": ITEMS, "other": ITEMS}, (
        "Are {item:a} and {other:a} the same kind of thing?",
        "Do {item:a} and {other:a} belong to the same kind?",
        "Say yes or no: {item:a} and {other:a} are one kind of thing.",
    ), _pair_fits),
    Pattern("kind", "more", {"item": ITEMS, "name": words.NAMES}, (
        "Tell {name} what kind of thing {item:a} is, and name another.",
        "What kind of thing is {item:a}, asks {name}, and what is another one?",
        "For {name}, say what {item:a} is and give one more of that kind.",
    ), _always, 1),
)  # fmt: skip
KINDS: tuple[str, ...] = tuple(dict.fromkeys(pattern.kind for pattern in PATTERNS))
