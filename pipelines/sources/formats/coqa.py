"""Turns stories of CoQA (a passage with a conversation about it) into multi-turn demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import converse, list_data, refuse_no_answer, word_question
from pipelines.sources.importing import Format, Imported

UNKNOWN = "unknown"


def convert_row(value: Mapping[str, Any]) -> Imported:
    """The story with the first question as the prompt, and one demonstration of the whole conversation.

    Answers of turns that the source marks as bad stand in the conversation but are not to be imitated.
    """
    fields = Fields(value)
    key, story = fields.key("id"), fields.text("story")
    questions = fields.objects("questions")
    if not questions:
        raise RowFaultError("no_questions", "'questions' is an empty list", "give the story a question")
    if "answers" not in value:
        raise refuse_no_answer("the story has no 'answers'")
    answers = {Fields(answer).key("turn_id"): Fields(answer) for answer in fields.objects("answers")}
    exchanges, notes = [], fields.notes
    for asked in map(Fields, questions):
        turn = asked.key("turn_id")
        if turn not in answers:
            raise RowFaultError("no_gold_answer", f"turn {turn} has no answer", "give each question its answer")
        text, bad = answers[turn].answer("input_text").strip(), answers[turn].optional_text("bad_turn") == "true"
        notes += _note_answer(turn, text, bad)
        exchanges.append((asked.text("input_text").strip(), text, not bad))
    exchanges[0] = (word_question(story, exchanges[0][0]), *exchanges[0][1:])
    prompt, demonstration = converse(exchanges, "conversation")
    return Imported((("", prompt), ("", demonstration)), tuple(notes), key)


def _note_answer(turn: str, text: str, bad: bool) -> list[Note]:
    notes = [Note("unanswerable", f"the answer of turn {turn} is {UNKNOWN!r}")] if text.lower() == UNKNOWN else []
    if not text:
        notes.append(Note("empty_output", f"the answer of turn {turn} holds no text"))
    if bad:
        notes.append(Note("bad_turn", f"turn {turn} is marked bad: its answer is not to be imitated"))
    return notes


def _list_stories(value: Mapping[str, Any]) -> list[Any] | None:
    return list_data(value, "story")


FORMAT = Format(
    name="coqa",
    columns=frozenset({"id", "story", "questions", "answers"}),
    required=frozenset({"id", "story", "questions"}),
    losses=("where in the story an answer stands", "further people's answers (additional_answers)"),
    convert=convert_row,
    list_rows=_list_stories,
)
