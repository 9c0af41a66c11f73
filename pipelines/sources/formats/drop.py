"""Turns passages of DROP (a text with questions that need counting, sorting or adding) into prompts and
demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import refuse_no_answer, teach, word_question
from pipelines.sources.importing import Format, Imported
from pipelines.sources.json_rows import PlacedObject
from schemas.records import Record


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A prompt and a demonstration for each question that has an answer, under the question's own id."""
    fields = Fields(value)
    passage, asked = fields.text("passage"), [Fields(pair) for pair in fields.objects("qa_pairs")]
    if not asked:
        raise RowFaultError("no_questions", "'qa_pairs' is an empty list", "give the passage a question")
    records: list[tuple[str, Record]] = []
    for pair in asked:
        part = pair.key("query_id")
        answer = _read_answer(pair)
        if answer is None:
            fields.notes.append(Note("no_gold_answer", f"question {part} has no answer and is left out"))
            continue
        text = word_question(passage, pair.text("question"))
        records += [(part, record) for record in teach(text, answer, "reading")]
    if not records:
        raise refuse_no_answer("none of its questions has an answer")
    return Imported(tuple(records), tuple(fields.notes), fields.optional_text("passage_id") or None)


def _read_answer(pair: Fields) -> str | None:
    """A number, some spans of text, or a date; None where all of them are empty."""
    if not pair.has("answer"):
        return None
    answer = Fields(pair.object("answer"))
    number, spans = answer.optional_text("number").strip(), answer.texts("spans")
    if number:
        return number
    if spans:
        return ", ".join(spans)
    date = Fields(answer.object("date")) if answer.has("date") else Fields({})
    parts = [date.optional_text(part).strip() for part in ("day", "month", "year")]
    return " ".join(filter(None, parts)) or None


def _list_passages(value: Mapping[str, Any]) -> list[PlacedObject] | None:
    """The passages of `{passage id: {"passage", "qa_pairs"}}`, each with its id."""
    if not value or not all(isinstance(row, dict) and {"passage", "qa_pairs"} <= set(row) for row in value.values()):
        return None
    return [_name_passage(key, row) for key, row in value.items()]


def _name_passage(key: str, row: Mapping[str, Any]) -> PlacedObject:
    named = PlacedObject(row, passage_id=key)
    named.line = row.line if isinstance(row, PlacedObject) else 1
    return named


FORMAT = Format(
    name="drop",
    columns=frozenset({"passage_id", "passage", "qa_pairs"}),
    required=frozenset({"passage", "qa_pairs"}),
    losses=("further people's answers (validated_answers)",),
    convert=convert_row,
    list_rows=_list_passages,
)
