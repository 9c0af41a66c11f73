"""Turns articles of RACE (an exam text with several multiple-choice questions, a file each) into prompts and
demonstrations."""

from collections.abc import Mapping
from string import ascii_uppercase
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import CHOOSE, teach, word_choice, word_choices, word_question
from pipelines.sources.importing import Format, Imported
from schemas.records import Record


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A prompt and a demonstration for each question, numbered from 1."""
    fields = Fields(value)
    key, article = fields.key("id"), fields.text("article")
    questions, answers, options = (_read_list(value, column) for column in ("questions", "answers", "options"))
    if not len(questions) == len(answers) == len(options) or not questions:
        detail = f"{len(questions)} questions, {len(options)} lists of options, {len(answers)} answers"
        raise RowFaultError("uneven_lists", detail, "give each question its options and its answer")
    records: list[tuple[str, Record]] = []
    for number, (question, right, given) in enumerate(zip(questions, answers, options, strict=True), start=1):
        choices = _read_options(given, number)
        text = word_question(article, _read_text(question, "questions", number), word_choices(choices), CHOOSE)
        choice = word_choice(choices, _read_text(right, "answers", number))
        records += [(str(number), record) for record in teach(text, choice, "multiple_choice")]
    return Imported(tuple(records), tuple(fields.notes), key)


def _read_list(value: Mapping[str, Any], column: str) -> list[Any]:
    if not isinstance(value.get(column), list):
        raise RowFaultError("wrong_type", f"{column!r} is no list", "write it as [...]")
    return value[column]


def _read_text(value: Any, column: str, number: int) -> str:
    return Fields({f"{column} {number}": value}).text(f"{column} {number}")


def _read_options(given: Any, number: int) -> dict[str, str]:
    if not isinstance(given, list) or not 1 < len(given) <= len(ascii_uppercase):
        raise RowFaultError("wrong_type", f"'options' {number} is no list of options", 'write it as ["...", "..."]')
    return {
        letter: _read_text(option, "options", number) for letter, option in zip(ascii_uppercase, given, strict=False)
    }


FORMAT = Format(
    name="race",
    columns=frozenset({"id", "article", "questions", "answers", "options"}),
    required=frozenset({"id", "article", "questions", "answers", "options"}),
    losses=("which set an article is of (high or middle; train, dev or test): name it with --source",),
    convert=convert_row,
)
