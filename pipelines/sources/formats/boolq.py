"""Turns rows of BoolQ (a passage with a yes/no question) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import refuse_no_answer, teach, word_question
from pipelines.sources.importing import Format, Imported


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and one demonstration, `Yes` or `No`."""
    fields = Fields(value)
    question = fields.text("question").strip()
    asked = question if question.endswith("?") else f"{question}?"
    text = word_question(fields.optional_text("title"), fields.text("passage"), asked, "Answer yes or no.")
    if value.get("answer") is None:
        raise refuse_no_answer("'answer' is absent")
    prompt, demonstration = teach(text, "Yes" if fields.flag("answer") else "No", "yes_no")
    return Imported((("", prompt), ("", demonstration)), tuple(fields.notes))


FORMAT = Format(
    name="boolq",
    columns=frozenset({"question", "title", "answer", "passage"}),
    required=frozenset({"question", "passage"}),
    losses=("where the passage ends and the question begins",),
    convert=convert_row,
)
