"""Turns rows of OpenBookQA (an elementary-science question with labelled choices) into prompts and demonstrations."""

from pipelines.sources.arc import convert_row
from pipelines.sources.importing import Format

FORMAT = Format(
    name="openbookqa",
    columns=frozenset({"id", "question", "answerKey"}),
    required=frozenset({"id", "question", "answerKey"}),
    losses=("the fact that a question is about, and how people judged it (the Additional files)",),
    convert=convert_row,
)
