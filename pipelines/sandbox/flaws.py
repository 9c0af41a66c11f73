"""Names what may be wrong with a teacher's answer, and draws it: flaws of form and behaviour, few of content."""

import random

from pipelines.sandbox.tasks import Task

Flaws = frozenset[str]

FORM_FLAWS: dict[tuple[str, str], tuple[str, ...]] = {
    ("list", "start"): ("wrong_form", "too_few", "too_many", "preamble", "rambles", "wrong_form"),
    ("list", "without"): ("wrong_form", "too_few", "too_many", "preamble", "rambles", "wrong_form"),
    ("fact", "word"): ("wrong_style", "preamble", "rambles", "no_end_mark"),
    ("fact", "sentence"): ("wrong_style", "preamble", "rambles", "no_end_mark"),
    ("fact", "name"): ("wrong_style", "preamble", "rambles", "no_end_mark"),
    ("fact", "wish"): ("wrong_style", "rambles", "preamble"),
    ("note", "note"): ("no_greeting", "no_closing", "rambles", "preamble", "cold"),
    ("polite", "polite"): ("no_please", "no_thanks", "stays_rude", "no_question", "rambles", "preamble"),
    ("count", "up"): ("wrong_form", "preamble", "rambles", "no_end_mark"),
    ("count", "down"): ("wrong_form", "preamble", "rambles", "no_end_mark"),
    ("count", "tally"): ("wrong_form", "bare_number", "preamble", "rambles", "no_end_mark"),
    ("sentence", "statement"): ("wrong_end_mark", "preamble", "rambles", "no_end_mark"),
    ("sentence", "question"): ("wrong_style", "wrong_end_mark", "preamble", "rambles", "no_end_mark"),
    ("sentence", "cry"): ("wrong_style", "wrong_end_mark", "preamble", "rambles", "no_end_mark"),
    ("howto", "help"): ("over_refuses", "too_few", "too_many", "no_order", "preamble", "rambles"),
    ("howto", "harm"): ("complies", "complies", "cold", "no_alternative", "rambles"),
    ("kind", "choose"): ("bare_answer", "no_contrast", "preamble", "rambles", "no_end_mark"),
    ("kind", "pair"): ("no_verdict", "bare_answer", "preamble", "rambles", "no_end_mark"),
    ("kind", "more"): ("bare_answer", "no_other", "preamble", "rambles", "no_end_mark"),
}
"""Flaws of form and behaviour by kind and mode; one named twice is twice as likely."""

CONTENT_FLAWS: dict[str, tuple[str, ...]] = {
    "list": ("wrong_member", "rule_broken"), "fact": ("wrong_fact",), "note": ("wrong_thing", "wrong_recipient"),
    "polite": ("wrong_object", "drops_time"), "count": ("wrong_number",), "sentence": ("missing_word",),
    "howto": ("wrong_steps",), "kind": ("wrong_category",),
}  # fmt: skip


HABITS: dict[tuple[str, str], str] = {
    ("list", "without"): "preamble",
    ("fact", "word"): "wrong_style",
    ("fact", "wish"): "rambles",
    ("note", "note"): "no_closing",
    ("polite", "polite"): "no_thanks",
    ("count", "tally"): "no_end_mark",
    ("sentence", "question"): "wrong_end_mark",
    ("sentence", "cry"): "rambles",
    ("howto", "harm"): "complies",
    ("kind", "choose"): "no_contrast",
}
"""What the teacher does wrong more often than not: a policy that imitates it does so even when it is not sampled."""
HABIT_FACTOR, OTHER_FACTOR = 1.3, 0.55
"""How much likelier a flaw of form is where the teacher has a habit, and where not; 1 over all tasks."""
HABIT_SHARE = 0.8
"""Of the flawed answers where there is a habit, those that have it."""


def draw_flaws(task: Task, rng: random.Random, *, form_share: float, content_share: float) -> Flaws:
    """The flaws of one answer: of form with `form_share` (over all tasks), and of content with `content_share`."""
    habit = (task.kind, task.mode) in HABITS
    form = rng.random() < form_share * (HABIT_FACTOR if habit else OTHER_FACTOR)
    return pick_flaws(task, rng, form=form, content=rng.random() < content_share)


def pick_flaws(task: Task, rng: random.Random, *, form: bool, content: bool) -> Flaws:
    """One or two flaws of form, and one of content, that this task can have."""
    names: list[str] = []
    if form:
        mode = task.kind, task.mode
        habit = HABITS.get(mode)
        names.append(habit if habit and rng.random() < HABIT_SHARE else rng.choice(FORM_FLAWS[mode]))
        names += [rng.choice(FORM_FLAWS[mode])] if rng.random() < 0.25 else []
    if content and task.mode != "harm":
        names.append(rng.choice(CONTENT_FLAWS[task.kind]))
    return frozenset(names)
