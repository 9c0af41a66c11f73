"""Turns rows of AI2's ARC (a science question with labelled choices) into prompts and demonstrations."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import (
    CHOOSE,
    read_choices,
    refuse_no_answer,
    teach,
    word_choice,
    word_choices,
    word_question,
)
from pipelines.sources.importing import Format, Imported

NUMBER = re.compile(r"\d+(-\d+)?")
"""An id of OpenBookQA, whose rows are laid out alike; those of ARC begin with the name of an exam."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and the demonstration of its right choice."""
    fields = Fields(value)
    key, question = fields.key("id"), Fields(fields.object("question"))
    choices = read_choices(question, "choices")
    label = fields.optional_text("answerKey")
    if not label:
        raise refuse_no_answer("'answerKey' is empty")
    text = word_question(question.text("stem"), word_choices(choices), CHOOSE)
    prompt, demonstration = teach(text, word_choice(choices, label), "multiple_choice")
    return Imported((("", prompt), ("", demonstration)), tuple(fields.notes), key)


def is_question(value: Mapping[str, Any]) -> bool:
    """True for a row with an id and a question that has a stem and choices."""
    question = value.get("question")
    return isinstance(value.get("id"), str) and isinstance(question, dict) and {"stem", "choices"} <= set(question)


def _recognise(value: Mapping[str, Any]) -> bool:
    return is_question(value) and not NUMBER.fullmatch(value["id"])


FORMAT = Format(
    name="arc",
    columns=frozenset({"id", "question", "answerKey"}),
    required=frozenset({"id", "question", "answerKey"}),
    losses=("which set a row is of (Easy or Challenge; train, dev or test): name it with --source",),
    convert=convert_row,
    recognise=_recognise,
)
