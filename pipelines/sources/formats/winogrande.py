"""Turns rows of WinoGrande (a sentence with a blank and two options) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import refuse_no_answer, teach, word_question
from pipelines.sources.importing import Format, Imported


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and the demonstration of the option that fills the blank."""
    fields = Fields(value)
    key, sentence = fields.key("qID"), fields.text("sentence")
    options = {number: fields.text(f"option{number}") for number in ("1", "2")}
    right = fields.optional_text("answer")
    if not right:
        raise refuse_no_answer("'answer' is absent")
    if right not in options:
        raise RowFaultError("unknown_choice", f"'answer' is {right!r}, neither 1 nor 2", 'write "1" or "2"')
    text = word_question(sentence, f"Which fits the blank (_): {options['1']} or {options['2']}?")
    prompt, demonstration = teach(text, options[right], "fill_blank")
    return Imported((("", prompt), ("", demonstration)), tuple(fields.notes), key)


FORMAT = Format(
    name="winogrande",
    columns=frozenset({"qID", "sentence", "option1", "option2", "answer"}),
    required=frozenset({"qID", "sentence", "option1", "option2"}),
    losses=("which size a row is of (xs to xl, debiased): name it with --source",),
    convert=convert_row,
)
