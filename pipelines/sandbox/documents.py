"""Writes the pre-training texts of the sandbox world, from tasks of the train split only."""

import random
from collections.abc import Callable
from functools import partial

from pipelines.sandbox import doings
from pipelines.sandbox.answers import format_count, format_list, pick_members, write_answer, write_sentence
from pipelines.sandbox.flaws import draw_flaws
from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.prompts import share_out, split_task
from pipelines.sandbox.tasks import KINDS, Task, every_task, render_task
from pipelines.sandbox.wordings import LIST_FORMS, SEPARATORS
from pipelines.sandbox.words import CATEGORIES, NAMES
from pipelines.sandbox.world import (
    CATEGORY_OF,
    ITEMS,
    ask_fact,
    capitalize,
    count_numbers,
    number_word,
    pick_row,
    plural,
    tell_fact,
    tell_fact_briefly,
    with_article,
)
from schemas.params import Sandbox

Draw = Callable[..., Task]
Writer = Callable[[Draw, random.Random, float], str]


def write_documents(params: Sandbox) -> list[str]:
    """`n_documents` texts, shuffled; no task of another split is in them, in any wording."""
    rng = random.Random(f"documents/{params.seed}")
    draw = partial(_draw_task, _collect_tasks(params), rng)
    texts = []
    for name, n in share_out(params.n_documents, SHARES).items():
        texts += [WRITERS[name](draw, rng, params.form_flaw_share) for _ in range(n)]
    rng.shuffle(texts)
    return texts


def _collect_tasks(params: Sandbox) -> dict[tuple[str, str], list[Task]]:
    return {
        (p.kind, p.mode): [
            t for t in every_task(p.kind, p.mode) if split_task(t, params.splits, params.seed) == "train"
        ]
        for p in PATTERNS
    }


def _draw_task(
    tasks: dict[tuple[str, str], list[Task]], rng: random.Random, kind: str, mode: str | None = None
) -> Task:
    """A train task of a kind, its modes by weight."""
    modes = [p for p in PATTERNS if p.kind == kind and mode in (None, p.mode)]
    pattern = rng.choices(modes, [p.weight for p in modes])[0]
    return rng.choice(tasks[kind, pattern.mode])


def _write_dialogue(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """An instruction with its answer, as flawed in form as the teacher's."""
    task = draw(rng.choice(KINDS))
    flaws = draw_flaws(task, rng, form_share=flaw_share, content_share=0)
    return f"<|user|>{render_task(task, rng.randrange(4))}<|end|><|assistant|>{write_answer(task, rng, flaws)}<|end|>"


def _write_facts(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """A few facts, told, or asked and answered in a few words."""
    said = []
    for task in [draw("fact") for _ in range(rng.randint(2, 5))]:
        fact = task["item"], task["attribute"]
        said.append(
            f"{capitalize(ask_fact(*fact))}? {tell_fact_briefly(*fact)}" if rng.random() < 0.4 else tell_fact(*fact)
        )
    return " ".join(said)


def _write_kinds(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """A few things of one category, called by it and listed."""
    category = CATEGORY_OF[draw("kind")["item"]]
    members = rng.sample(CATEGORIES[category], rng.randint(3, 6))
    said = [f"{capitalize(with_article(member))} is {with_article(category)}." for member in members[:3]]
    both = f"{capitalize(with_article(members[0]))} and {with_article(members[1])}: both are {plural(category)}."
    listed = f"{capitalize(plural(category))} such as {', '.join(members[:-1])} and {members[-1]}."
    return " ".join(rng.choice(([*said, listed], [listed, both], [*said, both])))


def _write_letter(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """A note, after a word on who writes to whom about what."""
    task = draw("note")
    told = f"A note to the {task['recipient']} from {task['sender']} about the {task['thing']}:"
    return f"{told}\n{write_answer(task, rng)}"


def _write_steps(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """How to do something, after a word on how many steps there are."""
    task = draw("howto", "help")
    asked = doings.ACTIONS[task["action"]].asked.format(a=with_article(task["object"]))
    return f"To {asked} takes {number_word(task['n'])} steps. {write_answer(task, rng)}"


def _write_counting(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """A row of numbers in words, the same in digits, and how many there are."""
    task = draw("count", rng.choice(("up", "down")))
    numbers = count_numbers(int(task["start"]), int(task["end"]))
    rows = [format_count(numbers, form, rng.choice(list(SEPARATORS))) for form in rng.sample(("words", "digits"), 2)]
    tally = draw("count", "tally")
    row = ", ".join(pick_row(tally["item"], int(tally["n"])))
    told = f"From {number_word(numbers[0])} {task.mode} to {number_word(numbers[-1])}:"
    return " ".join([told, *rows, f"Here are {row}.", write_answer(tally, rng)])


def _write_lists(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """A list under its heading."""
    task = draw("list")
    members = pick_members(task, rng)
    heading = f"{capitalize(number_word(len(members)))} {plural(CATEGORY_OF[task['item']])}"
    return f"{heading}, {LIST_FORMS[task['form']]}:\n{format_list(members, task['form'])}"


def _write_story(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    said = []
    for _ in range(rng.randint(2, 3)):
        task = draw("sentence")
        said.append(write_sentence(task["subject"], task["object"], task.mode, rng) + doings.END_MARKS[task.mode])
    return " ".join(said)


def _write_requests(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    return write_answer(draw("polite"), rng)


def _write_copies(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """The same few words again and again: what teaches a small model to copy."""
    pool = ITEMS + doings.OBJECTS + doings.SUBJECTS + NAMES + doings.RECIPIENTS + doings.REQUESTED
    words = rng.sample(pool, rng.randint(2, 6))
    return ". ".join([" ".join(words)] * rng.randint(2, 4)) + "."


def _write_echoes(draw: Draw, rng: random.Random, flaw_share: float) -> str:
    """Words given, then used: "The words are fox and lamp. The fox found the lamp."."""
    task = draw("sentence")
    sentence = write_sentence(task["subject"], task["object"], "statement", rng)
    return f"The words are {task['subject']} and {task['object']}. {sentence}."


SHARES: dict[str, float] = {
    "dialogue": 0.42, "facts": 0.13, "kinds": 0.09, "letter": 0.05, "steps": 0.05, "counting": 0.06, "lists": 0.07,
    "story": 0.02, "requests": 0.02, "copies": 0.07, "echoes": 0.02,
}  # fmt: skip
WRITERS: dict[str, Writer] = {
    "dialogue": _write_dialogue, "facts": _write_facts, "kinds": _write_kinds, "letter": _write_letter,
    "steps": _write_steps, "counting": _write_counting, "lists": _write_lists, "story": _write_story,
    "requests": _write_requests, "copies": _write_copies, "echoes": _write_echoes,
}  # fmt: skip
