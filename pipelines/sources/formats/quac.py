"""Turns sections of QuAC (a Wikipedia section with a conversation about it) into multi-turn demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import converse, list_data, word_question
from pipelines.sources.importing import Format, Imported
from schemas.records import Record

CANNOT_ANSWER = "CANNOTANSWER"
NOT_SAID = "The text does not say."
VERDICTS = {"y": "Yes. ", "n": "No. ", "x": ""}


def convert_row(value: Mapping[str, Any]) -> Imported:
    """For each paragraph a prompt (its text with the first question) and one demonstration of the conversation.

    An answer is the teacher's own (`orig_answer`), behind its yes or no where the question asked for one; a question
    that the text does not answer is answered so.
    """
    fields = Fields(value)
    paragraphs = fields.objects("paragraphs")
    if not paragraphs:
        raise RowFaultError("no_questions", "'paragraphs' is an empty list", "give the article a paragraph")
    heads = (fields.optional_text("title"), fields.optional_text("section_title"))
    records: list[tuple[str, Record]] = []
    for number, paragraph in enumerate(map(Fields, paragraphs)):
        part = "" if number == 0 else paragraph.key("id")
        text = paragraph.text("context").removesuffix(CANNOT_ANSWER).rstrip()
        exchanges = [_read_exchange(Fields(asked), fields.notes) for asked in paragraph.objects("qas")]
        if not exchanges:
            raise RowFaultError("no_questions", "'qas' is an empty list", "give the paragraph a question")
        exchanges[0] = (word_question("\n".join(filter(None, heads)), text, exchanges[0][0]), *exchanges[0][1:])
        records += [(part, record) for record in converse(exchanges, "conversation")]
    return Imported(tuple(records), tuple(fields.notes), Fields(paragraphs[0]).key("id"))


def _read_exchange(asked: Fields, notes: list[Note]) -> tuple[str, str, bool]:
    """Question, answer and that the answer is to be imitated."""
    answer, verdict = Fields(asked.object("orig_answer")).text("text").strip(), asked.optional_text("yesno") or "x"
    if verdict not in VERDICTS:
        raise RowFaultError("unknown_verdict", f"'yesno' is {verdict!r}", f"write one of {', '.join(VERDICTS)}")
    if answer == CANNOT_ANSWER:
        notes.append(Note("unanswerable", f"the text does not answer {asked.key('id')}"))
        answer = NOT_SAID
    return asked.text("question").strip(), VERDICTS[verdict] + answer, True


def _list_sections(value: Mapping[str, Any]) -> list[Any] | None:
    return list_data(value, "section_title")


FORMAT = Format(
    name="quac",
    columns=frozenset({"paragraphs", "title", "section_title"}),
    required=frozenset({"paragraphs", "section_title"}),
    losses=(
        "where in the text an answer stands", "further people's answers (answers)", "the hints to follow up (followup)",
    ),
    convert=convert_row,
    list_rows=_list_sections,
)  # fmt: skip
