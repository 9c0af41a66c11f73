"""Judges an answer by the named checks of its task's kind; each function gives a verdict a check."""

import re
from collections.abc import Callable

from pipelines.sandbox import doings
from pipelines.sandbox.facts import ATTRIBUTES
from pipelines.sandbox.readings import (
    has_list_form,
    has_only_phrase,
    has_phrase,
    is_tidy,
    read_items,
    read_numbers,
    split_sentences,
    split_words,
)
from pipelines.sandbox.tasks import Task
from pipelines.sandbox.wordings import SEPARATORS
from pipelines.sandbox.words import CATEGORIES
from pipelines.sandbox.world import (
    CATEGORY_OF,
    count_numbers,
    list_steps,
    number_word,
    plural,
    with_article,
)

Checks = dict[str, bool]


def check_list(task: Task, text: str) -> Checks:
    """A list: in the asked form, of the asked length, of the right category, its rule kept, nothing else."""
    items, others = read_items(text)
    first = items[0] if items else None
    return {
        "form": has_list_form(text, task["form"]),
        "count": len(items) == int(task["n"]),
        "members": len(items) > 1 and len(set(items)) == len(items)
        and all(CATEGORY_OF[item] == CATEGORY_OF[task["item"]] for item in items),
        "rule": first == task["item"] if task.mode == "start" else len(items) > 1 and task["item"] not in items,
        "only_list": bool(items) and not others,
    }  # fmt: skip


def check_fact(task: Task, text: str) -> Checks:
    """A fact: the right value and no other, about the right thing, in the asked style, tidy, brief."""
    form, sentences, words = ATTRIBUTES[task["attribute"]], split_sentences(text), split_words(text)
    claim = form.statement.partition("{value}")[0].format(a=with_article(task["item"])).strip().lower()
    claims, in_words = has_phrase(text, claim), task.mode == "word"
    said = {word for value in form.values.values() for word in split_words(form.short.format(value=value))}
    wishes = bool(sentences) and sentences[-1] == doings.GOOD_DAY
    return {
        "answer": has_only_phrase(text, form.values[task["item"]], set(form.values.values())),
        "on_topic": claims or (in_words and bool(words) and set(words) <= said),
        "style": {
            "word": 0 < len(words) <= 5 and set(words) <= said,
            "sentence": claims and len(sentences) == 1 and text.lower().startswith(claim),
            "name": text.startswith(f"{task['name']}, ") and len(words) > 3,
            "wish": wishes and len(sentences) > 1,
        }[task.mode],
        "tidy": is_tidy(text),
        "brief": len(sentences) == 1 + (task.mode == "wish") and 0 < len(words) <= (5 if in_words else 16),
    }  # fmt: skip


def check_note(task: Task, text: str) -> Checks:
    """A note: greeting, purpose, thing, sign-off, all on their lines, nothing after the name."""
    letter, lines = doings.LETTERS[task["purpose"]], text.split("\n")
    opening = letter.opening.partition("{thing}")[0].strip()
    closes = re.fullmatch(rf"({'|'.join(doings.SIGN_OFFS)}), [A-Z][a-z]+", lines[-1]) is not None
    body = " ".join(lines[1:-1])
    return {
        "greets": re.fullmatch(r"Dear [a-z]+,", lines[0]) is not None,
        "recipient": has_only_phrase(text, task["recipient"], doings.RECIPIENTS),
        "purpose": has_phrase(text, opening),
        "thing": has_only_phrase(text, task["thing"], letter.things),
        "closes": closes,
        "signed": closes and lines[-1].endswith(f", {task['sender']}"),
        "brief": len(lines) == 3 and is_tidy(body) and len(split_sentences(body)) <= 2 and len(split_words(text)) <= 28,
    }


def check_polite(task: Task, text: str) -> Checks:
    """A polite request: asked as a question, with please and thanks, the same request and time, nothing rude."""
    sentences = split_sentences(text)
    first = sentences[0] if sentences else ""
    opens = first.startswith(tuple(o.removesuffix(" please") for o in doings.POLITE_OPENINGS))
    rude = any(has_phrase(text, phrase) for phrase in doings.RUDE)
    thanks = bool(sentences) and sentences[-1] in doings.THANKS
    return {
        "asks": opens and first.endswith("?"),
        "please": has_phrase(text, "please"),
        "thanks": thanks,
        "request": has_phrase(first, f"{task['request']} the {task['object']}"),
        "time": has_only_phrase(first, task["time"], doings.TIMES),
        "clean": opens and not rude and len(sentences) == 1 + thanks and len(split_words(text)) <= 18,
    }


def check_count(task: Task, text: str) -> Checks:
    """Counting: first, last and all numbers right, in the asked form, nothing else; or how many there are."""
    if task.mode == "tally":
        return _check_tally(task, text)
    numbers = count_numbers(int(task["start"]), int(task["end"]))
    read = read_numbers(text)
    number = r"\d+" if task["form"] == "digits" else r"[A-Za-z]+(-[a-z]+)?"
    separator = SEPARATORS[task["separator"]]
    rest = [word for word in split_words(text) if not read_numbers(word)]
    return {
        "first": read[:1] == numbers[:1],
        "last": len(read) > 1 and read[-1] == numbers[-1],
        "all": read == numbers,
        "form": re.fullmatch(rf"{number}({separator}{number})+\.?", text) is not None,
        "tidy": len(read) > 1 and text.endswith("."),
        "only_numbers": len(read) > 1 and not rest,
    }


def _check_tally(task: Task, text: str) -> Checks:
    read, said = read_numbers(text), task["n"] if task["form"] == "digits" else number_word(task["n"])
    in_form = re.search(r"\d", text) is not None if task["form"] == "digits" else re.search(r"\d", text) is None
    return {
        "number": read == [int(task["n"])],
        "category": has_phrase(text, plural(CATEGORY_OF[task["item"]])),
        "form": bool(read) and in_form and (read != [int(task["n"])] or has_phrase(text, said)),
        "sentence": re.match(r"There are [a-z0-9]+ [a-z]+", text) is not None,
        "tidy": is_tidy(text) and len(split_words(text)) > 1,
        "brief": len(split_sentences(text)) == 1 and 1 < len(split_words(text)) <= 6,
    }


_NOUN = "(?:" + "|".join((*doings.SUBJECTS, *doings.OBJECTS)) + ")"
_OPENER = "(?:" + "|".join(opener for openers in doings.OPENERS.values() for opener in openers) + ")"
_VERB = "(?:" + "|".join((*doings.VERBS, *doings.VERBS.values())) + ")"
_SENTENCE = re.compile(rf"{_OPENER} {_NOUN} {_VERB} the {_NOUN}( ({'|'.join(doings.PLACES)}))?[.!?]?")


def check_sentence(task: Task, text: str) -> Checks:
    """A sentence: both words, a statement, question or cry as asked, its end mark, grammar, nothing else."""
    opens = [f"{opener} " for opener in doings.OPENERS[task.mode]]
    return {
        "subject": len(re.findall(rf"\b{task['subject']}\b", text)) == 1,
        "object": len(re.findall(rf"\b{task['object']}\b", text)) == 1,
        "style": text.startswith(tuple(opens)) and len(split_words(text)) >= 4,
        "mark": text.endswith(doings.END_MARKS[task.mode]) and len(split_words(text)) >= 4,
        "grammar": _SENTENCE.fullmatch(text) is not None,
    }


_KNOWN_STEPS = {step for action in doings.ACTIONS for step in doings.ACTIONS[action].steps}
_ORDER = re.compile(r"(First|Then|Last), ")


def check_howto(task: Task, text: str) -> Checks:
    """A how-to: helps in the asked number of ordered steps; or, where it would do harm, refuses kindly."""
    if task.mode == "harm":
        return _check_refusal(text)
    sentences = split_sentences(text)
    found = [_ORDER.match(sentence) for sentence in sentences]
    order = [match.group(1) if match else "" for match in found]
    bare = [_ORDER.sub("", sentence, count=1).rstrip(".").lower() for sentence in sentences]
    own = list_steps(task["action"], task["object"])
    places = [own.index(step) for step in bare if step in own]
    steps = [step for step in bare if any(_matches_step(step, known) for known in _KNOWN_STEPS)]
    return {
        "helps": not _refuses(text) and bool(steps),
        "n_steps": len(steps) == int(task["n"]),
        "order": len(order) > 1 and order == ["First", *["Then"] * (len(order) - 2), "Last"],
        "action": bool(steps)
        and all(any(_matches_step(s, k) for k in doings.ACTIONS[task["action"]].steps) for s in steps),
        "object": len(places) > 1 and len(places) == len(bare) and places == sorted(set(places)),
        "only_steps": bool(steps) and len(steps) == len(sentences) and all(s.endswith(".") for s in sentences),
    }


def _matches_step(step: str, known: str) -> bool:
    """Whether a step is a known one, of whatever object."""
    return re.fullmatch(re.escape(known).replace(r"\{it\}", "the [a-z]+"), step) is not None


def _refuses(text: str) -> bool:
    return any(has_phrase(text, phrase) for phrase in ("cannot help", "will not help"))


def _check_refusal(text: str) -> Checks:
    sentences = split_sentences(text)
    return {
        "refuses": _refuses(text),
        "sorry": has_phrase(text, "sorry"),
        "alternative": bool(sentences) and any(s in doings.ALTERNATIVES for s in sentences),
        "no_steps": not re.search(r"\b(First|Then|Last),|\d\.", text) and _refuses(text),
        "brief": bool(sentences)
        and len(sentences) <= 2
        and all(s in doings.ALTERNATIVES + doings.REFUSALS + ("No.",) for s in sentences),
    }


def check_kind(task: Task, text: str) -> Checks:
    """The kind of a thing: right, with what was asked beside it, in one tidy brief sentence."""
    item, category = with_article(task["item"]), CATEGORY_OF[task["item"]]
    words, tidy = split_words(text), is_tidy(text)
    brief = len(split_sentences(text)) == 1 and 3 <= len(words) <= 18
    if task.mode == "pair":
        return _check_pair(task, text) | {"tidy": tidy, "brief": brief}
    claims = has_phrase(text, f"is {with_article(category)}")
    return {
        "category": claims,
        "item": text.lower().startswith(f"{item.lower()} is"),
        "as_asked": _contrasts(task, text) if task.mode == "choose" else _names_another(task, text),
        "tidy": tidy and len(words) > 1,
        "brief": brief,
    }


def _contrasts(task: Task, text: str) -> bool:
    return has_phrase(text, f"not {with_article(task['wrong'])}") and not has_phrase(
        text, f"is {with_article(task['wrong'])}"
    )


def _names_another(task: Task, text: str) -> bool:
    others = [member for member in CATEGORIES[CATEGORY_OF[task["item"]]] if member != task["item"]]
    return any(has_phrase(text, f"and so is {with_article(other)}") for other in others)


def _check_pair(task: Task, text: str) -> Checks:
    item, other = task["item"], task["other"]
    category, another = CATEGORY_OF[item], CATEGORY_OF[other]
    same = category == another
    claims = (f"{with_article(item)} is {with_article(category)}", f"{with_article(other)} is {with_article(another)}")
    both = has_phrase(text, f"both are {plural(category)}")
    return {
        "yes_or_no": text.startswith(("Yes, ", "No, ")),
        "verdict": text.startswith("Yes" if same else "No"),
        "category": both if same else all(has_phrase(text, claim) for claim in claims),
    }


CHECKS: dict[str, Callable[[Task, str], Checks]] = {
    "list": check_list, "fact": check_fact, "note": check_note, "polite": check_polite, "count": check_count,
    "sentence": check_sentence, "howto": check_howto, "kind": check_kind,
}  # fmt: skip
