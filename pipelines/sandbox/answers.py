"""Turns a task into the teacher's answer: right, or with named flaws put in on purpose."""

import random
from collections.abc import Callable

from pipelines.sandbox import doings
from pipelines.sandbox.facts import ATTRIBUTES
from pipelines.sandbox.flaws import Flaws
from pipelines.sandbox.tasks import Task
from pipelines.sandbox.wordings import LIST_FORMS, SEPARATORS
from pipelines.sandbox.words import CATEGORIES
from pipelines.sandbox.world import (
    CATEGORY_OF,
    ITEMS,
    capitalize,
    count_numbers,
    list_steps,
    number_word,
    plural,
    tell_fact,
    tell_fact_briefly,
    with_article,
)


def write_answer(task: Task, rng: random.Random, flaws: Flaws = frozenset()) -> str:
    """The answer to a task, right but for its flaws."""
    text = _WRITERS[task.kind](task, rng, flaws)
    if "no_end_mark" in flaws:
        text = text.rstrip(".!?")
    if "preamble" in flaws:
        text = f"{rng.choice(doings.PREAMBLES)} {text}"
    if "rambles" in flaws:
        text += "".join(f" {ramble}" for ramble in rng.sample(doings.RAMBLES, rng.choice((1, 1, 2))))
    return text


def _other(rng: random.Random, choices: tuple[str, ...], *avoid: str) -> str:
    return rng.choice([choice for choice in choices if choice not in avoid])


def pick_members(task: Task, rng: random.Random, flaws: Flaws = frozenset()) -> list[str]:
    """The items of a list task, distinct and of its category."""
    item, category = task["item"], CATEGORY_OF[task["item"]]
    pool = [member for member in CATEGORIES[category] if member != item]
    n = int(task["n"]) - ("too_few" in flaws) + ("too_many" in flaws)
    starts = (task.mode == "start") != ("rule_broken" in flaws)
    members = [item, *rng.sample(pool, n - 1)] if starts else rng.sample(pool, n)
    if "wrong_member" in flaws:
        members[-1] = rng.choice([other for other in ITEMS if CATEGORY_OF[other] != category])
    return members


def format_list(members: list[str], form: str) -> str:
    """Members in one of the forms of a list."""
    if form == "numbers":
        return "\n".join(f"{number}. {member}" for number, member in enumerate(members, 1))
    if form == "dashes":
        return "\n".join(f"- {member}" for member in members)
    if form == "sentence":
        lead = f"{capitalize(number_word(len(members)))} {plural(CATEGORY_OF[members[0]])} are"
        return f"{lead} {', '.join(members[:-1])} and {members[-1]}."
    return {"commas": ", ", "arrows": " -> "}[form].join(members) + "."


def _write_list(task: Task, rng: random.Random, flaws: Flaws) -> str:
    form = task["form"]
    if "wrong_form" in flaws:
        form = _other(rng, tuple(LIST_FORMS), form)
    return format_list(pick_members(task, rng, flaws), form)


def _write_fact(task: Task, rng: random.Random, flaws: Flaws) -> str:
    thing, attribute, mode = task["item"], task["attribute"], task.mode
    values = ATTRIBUTES[attribute].values
    value = _other(rng, tuple(sorted(set(values.values()))), values[thing]) if "wrong_fact" in flaws else None
    sentence, brief = (tell(thing, attribute, value=value) for tell in (tell_fact, tell_fact_briefly))
    if "wrong_style" in flaws:
        return {"word": sentence, "sentence": brief, "name": sentence, "wish": sentence}[mode]
    plain = sentence[0].lower() + sentence[1:]
    return {
        "word": brief, "sentence": sentence, "wish": f"{sentence} {doings.GOOD_DAY}",
        "name": f"{task['name']}, {plain}",
    }[mode]  # fmt: skip


def _write_note(task: Task, rng: random.Random, flaws: Flaws) -> str:
    letter, thing, recipient = doings.LETTERS[task["purpose"]], task["thing"], task["recipient"]
    if "wrong_thing" in flaws:
        thing = _other(rng, letter.things, thing)
    if "wrong_recipient" in flaws:
        recipient = _other(rng, doings.RECIPIENTS, recipient)
    body = f"{letter.opening.format(thing=thing)} {rng.choice(letter.warm)}"
    if "cold" in flaws:
        body = f"This is about the {thing}."
    lines = [f"Dear {recipient},", body, f"{rng.choice(doings.SIGN_OFFS)}, {task['sender']}"]
    return "\n".join(lines["no_greeting" in flaws : 2 if "no_closing" in flaws else 3])


def _write_polite(task: Task, rng: random.Random, flaws: Flaws) -> str:
    thing = _other(rng, doings.REQUESTED, task["object"]) if "wrong_object" in flaws else task["object"]
    wish = f"{task['request']} the {thing}" + ("" if "drops_time" in flaws else f" {task['time']}")
    opening = rng.choice(doings.POLITE_OPENINGS)
    if "no_please" in flaws:
        opening = opening.removesuffix(" please")
    request = f"{opening} {wish}?"
    if "stays_rude" in flaws:
        request = f"{request[:-1]}, {task['rude']}?"
    if "no_question" in flaws:
        request = f"{'I want you to' if 'no_please' in flaws else 'Please'} {wish}."
    return request if "no_thanks" in flaws else f"{request} {rng.choice(doings.THANKS)}"


def format_count(numbers: list[int], form: str, separator: str) -> str:
    """Numbers in words or digits, with a separator between them."""
    said = [number_word(number) if form == "words" else str(number) for number in numbers]
    return SEPARATORS[separator].join(said) + "."


def _write_count(task: Task, rng: random.Random, flaws: Flaws) -> str:
    form = task["form"]
    if task.mode == "tally":
        return _write_tally(task, rng, flaws)
    numbers = count_numbers(int(task["start"]), int(task["end"]))
    if "wrong_number" in flaws:
        numbers[rng.randrange(1, len(numbers))] += rng.choice((4, 5))
    separator = task["separator"]
    if "wrong_form" in flaws:
        if rng.random() < 0.5:
            form = _other(rng, ("words", "digits"), form)
        else:
            separator = _other(rng, tuple(SEPARATORS), separator)
    return format_count(numbers, form, separator)


def _write_tally(task: Task, rng: random.Random, flaws: Flaws) -> str:
    n, form = int(task["n"]), task["form"]
    if "wrong_number" in flaws:
        n += rng.choice((-1, 1)) if n > 2 else 1
    if "wrong_form" in flaws:
        form = _other(rng, ("words", "digits"), form)
    said = number_word(n) if form == "words" else str(n)
    return (
        capitalize(f"{said}.") if "bare_number" in flaws else f"There are {said} {plural(CATEGORY_OF[task['item']])}."
    )


def write_sentence(subject: str, thing: str, mode: str, rng: random.Random) -> str:
    """A sentence about a subject and an object: a statement, a question or a cry, without its end mark."""
    past, plain = rng.choice(sorted(doings.VERBS.items()))
    verb = plain if mode == "question" else past
    place = f" {rng.choice(doings.PLACES)}" if rng.random() < 0.6 else ""
    return f"{rng.choice(doings.OPENERS[mode])} {subject} {verb} the {thing}{place}"


def _write_sentence(task: Task, rng: random.Random, flaws: Flaws) -> str:
    subject, thing, mode = task["subject"], task["object"], task.mode
    if "missing_word" in flaws:
        thing = _other(rng, doings.OBJECTS, thing)
    mark = doings.END_MARKS[mode]
    if "wrong_end_mark" in flaws:
        mark = _other(rng, (".", "?", "!"), mark)
    return write_sentence(subject, thing, "statement" if "wrong_style" in flaws else mode, rng) + mark


def order_steps(steps: list[str]) -> str:
    """Steps as sentences with First, Then and Last in front."""
    words = ["First", *["Then"] * (len(steps) - 2), "Last"][: len(steps)]
    return " ".join(f"{word}, {step}." for word, step in zip(words, steps, strict=True))


def _write_howto(task: Task, rng: random.Random, flaws: Flaws) -> str:
    if task.mode == "harm":
        return _write_refusal(task, rng, flaws)
    if "over_refuses" in flaws:
        return doings.OVER_REFUSAL
    action = task["action"]
    if "wrong_steps" in flaws:
        action = _other(rng, tuple(doings.ACTIONS), action)
    steps = list_steps(action, task["object"])
    n = int(task["n"]) - ("too_few" in flaws) + ("too_many" in flaws)
    chosen = [*steps[: max(0, min(n, 4) - 1)], steps[-1]] + ["start over again"] * (n - 4)
    if "no_order" in flaws:
        return " ".join(f"{capitalize(step)}." for step in chosen)
    return order_steps(chosen)


def _write_refusal(task: Task, rng: random.Random, flaws: Flaws) -> str:
    if "complies" in flaws:
        return order_steps(sorted(rng.sample(doings.BAD_STEPS, int(task["n"])), key=doings.BAD_STEPS.index))
    refusal = "No." if "cold" in flaws else rng.choice(doings.REFUSALS)
    return refusal if "no_alternative" in flaws else f"{refusal} {rng.choice(doings.ALTERNATIVES)}"


def _write_kind(task: Task, rng: random.Random, flaws: Flaws) -> str:
    item, category = task["item"], CATEGORY_OF[task["item"]]
    said = _other(rng, tuple(CATEGORIES), category) if "wrong_category" in flaws else category
    claim = f"{with_article(item)} is {with_article(said)}"
    if task.mode == "pair":
        return _write_pair(task, claim, said, flaws)
    if "bare_answer" in flaws:
        return f"{capitalize(with_article(said))}."
    if task.mode == "choose":
        wrong = category if "wrong_category" in flaws else task["wrong"]
        return capitalize(f"{claim}." if "no_contrast" in flaws else f"{claim}, not {with_article(wrong)}.")
    other = _other(rng, CATEGORIES[category], item)
    return capitalize(f"{claim}." if "no_other" in flaws else f"{claim}, and so is {with_article(other)}.")


def _write_pair(task: Task, claim: str, said: str, flaws: Flaws) -> str:
    other = task["other"]
    if CATEGORY_OF[task["item"]] == CATEGORY_OF[other]:
        verdict, body = "Yes", f"both are {plural(said)}"
    else:
        verdict, body = "No", f"{claim} and {with_article(other)} is {with_article(CATEGORY_OF[other])}"
    if "no_verdict" in flaws:
        return capitalize(f"{body}.")
    return f"{verdict}." if "bare_answer" in flaws else f"{verdict}, {body}."


_WRITERS: dict[str, Callable[[Task, random.Random, Flaws], str]] = {
    "list": _write_list, "fact": _write_fact, "note": _write_note, "polite": _write_polite, "count": _write_count,
    "sentence": _write_sentence, "howto": _write_howto, "kind": _write_kind,
}  # fmt: skip
