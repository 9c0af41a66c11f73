"""Turns rows of OpenBookQA (an elementary-science question with labelled choices) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.formats.arc import NUMBER, convert_row, is_question
from pipelines.sources.importing import Format


def _recognise(value: Mapping[str, Any]) -> bool:
    return is_question(value) and NUMBER.fullmatch(value["id"]) is not None


FORMAT = Format(
    name="openbookqa",
    columns=frozenset({"id", "question", "answerKey"}),
    required=frozenset({"id", "question", "answerKey"}),
    losses=("the fact that a question is about, and how people judged it (the Additional files)",),
    convert=convert_row,
    recognise=_recognise,
)
