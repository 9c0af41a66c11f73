"""Questions become prompts that read well, and an answer that is kept back or impossible is said to be."""

from collections.abc import Mapping
from typing import Any

import pytest

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats import arc, boolq, coqa, drop, multinli, openbookqa, quac, race, winogrande
from pipelines.sources.importing import Format, Imported
from schemas.records import Demonstration, Prompt

CHOICES = [{"text": "a cow", "label": "A"}, {"text": "a cat", "label": "B"}]
ARC = {"id": "Mercury_1", "question": {"stem": "What purrs?", "choices": CHOICES}, "answerKey": "B"}
BOOLQ = {"question": "do cats purr", "title": "Cats", "answer": True, "passage": "Cats purr."}
NLI = {"gold_label": "neutral", "sentence1": "A cat sits.", "sentence2": "A cat purrs. ", "pairID": "7n"}
BLANK = {"qID": "Q-1", "sentence": "The cow fears the cat as the _ bites.", "option1": "cow", "option2": "cat",
         "answer": "2"}  # fmt: skip
RACE = {"id": "high1.txt", "article": "A cat sits.", "questions": ["Who _ ?", "Where?"], "answers": ["B", "A"],
        "options": [["A cow", "A cat"], ["Here", "There"]]}  # fmt: skip
DROP = {"passage": "Two cats, one cow.", "qa_pairs": [
    {"query_id": "n", "question": "How many cats?", "answer": {"number": "2", "spans": [], "date": {}}},
    {"query_id": "s", "question": "Which?", "answer": {"number": "", "spans": ["cats", "cow"], "date": {}}},
    {"query_id": "d", "question": "When?",
     "answer": {"number": "", "spans": [], "date": {"day": "1", "month": "May", "year": ""}}},
]}  # fmt: skip
COQA = {"id": "c1", "story": "A cat sits.", "questions": [
    {"turn_id": 1, "input_text": "Who?"}, {"turn_id": 2, "input_text": "Why?"}, {"turn_id": 3, "input_text": "Eh?"},
], "answers": [
    {"turn_id": 2, "input_text": "unknown"}, {"turn_id": 1, "input_text": "a cat"},
    {"turn_id": 3, "input_text": "no", "bad_turn": "true"},
]}  # fmt: skip
QUAC = {"title": "Cats", "section_title": "Sitting", "background": "", "paragraphs": [
    {"id": "C_1", "context": "A cat sits. CANNOTANSWER", "qas": [
        {"id": "q0", "question": "Does it sit?", "yesno": "y", "orig_answer": {"text": "A cat sits."}},
        {"id": "q1", "question": "Why?", "yesno": "x", "orig_answer": {"text": "CANNOTANSWER"}},
    ]},
]}  # fmt: skip


def say(format_: Format, row: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Each prompt's text with what its demonstration says, a message each; `~` marks what is not imitated."""
    records = [record for _, record in format_.convert(row).records]
    prompts = {record.prompt_id: record for record in records if isinstance(record, Prompt)}
    said = []
    for record in records:
        if isinstance(record, Demonstration):
            texts = [f"{'' if m.train else '~'}{m.content}" for m in record.completion]
            said.append((str(prompts[record.prompt_id].messages[0].content), texts))
    return said


@pytest.mark.parametrize(
    ("format_", "row", "expected"),
    [
        (arc.FORMAT, ARC, [("What purrs?\n\nA. a cow\nB. a cat\n\nChoose the right answer.", ["B. a cat"])]),
        (openbookqa.FORMAT, ARC, [("What purrs?\n\nA. a cow\nB. a cat\n\nChoose the right answer.", ["B. a cat"])]),
        (boolq.FORMAT, BOOLQ, [("Cats\n\nCats purr.\n\ndo cats purr?\n\nAnswer yes or no.", ["Yes"])]),
        (boolq.FORMAT, {**BOOLQ, "answer": False, "title": ""},
         [("Cats purr.\n\ndo cats purr?\n\nAnswer yes or no.", ["No"])]),
        (multinli.FORMAT, NLI, [(
            "Premise: A cat sits.\nHypothesis: A cat purrs.\n\nDoes the premise entail the hypothesis, contradict it,"
            " or neither? Answer entailment, contradiction or neutral.", ["neutral"],
        )]),
        (winogrande.FORMAT, BLANK,
         [("The cow fears the cat as the _ bites.\n\nWhich fits the blank (_): cow or cat?", ["cat"])]),
        (race.FORMAT, RACE, [
            ("A cat sits.\n\nWho _ ?\n\nA. A cow\nB. A cat\n\nChoose the right answer.", ["B. A cat"]),
            ("A cat sits.\n\nWhere?\n\nA. Here\nB. There\n\nChoose the right answer.", ["A. Here"]),
        ]),
        (drop.FORMAT, DROP, [
            ("Two cats, one cow.\n\nHow many cats?", ["2"]), ("Two cats, one cow.\n\nWhich?", ["cats, cow"]),
            ("Two cats, one cow.\n\nWhen?", ["1 May"]),
        ]),
        (coqa.FORMAT, COQA, [("A cat sits.\n\nWho?", ["a cat", "~Why?", "unknown", "~Eh?", "~no"])]),
        (quac.FORMAT, QUAC, [(
            "Cats\nSitting\n\nA cat sits.\n\nDoes it sit?", ["Yes. A cat sits.", "~Why?", "The text does not say."],
        )]),
    ],
)  # fmt: skip
def test_questions_read_well(format_: Format, row: dict[str, Any], expected: list[tuple[str, list[str]]]) -> None:
    assert say(format_, row) == expected


def notes(imported: Imported) -> list[str]:
    return [note.note for note in imported.notes]


def test_questions_without_an_answer_in_the_text_are_noted() -> None:
    assert notes(coqa.FORMAT.convert(COQA)) == ["unanswerable", "bad_turn"]
    assert notes(quac.FORMAT.convert(QUAC)) == ["unanswerable"]


def test_one_question_of_a_passage_may_lack_its_answer() -> None:
    pairs = [{**DROP["qa_pairs"][0], "answer": {"number": "", "spans": [], "date": {}}}, *DROP["qa_pairs"][1:]]
    imported = drop.FORMAT.convert({**DROP, "qa_pairs": pairs})
    assert notes(imported) == ["no_gold_answer"] and len(imported.records) == 4
    assert [part for part, _ in imported.records] == ["s", "s", "d", "d"]


def lacking(row: dict[str, Any], column: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != column}


@pytest.mark.parametrize(
    ("format_", "row", "reason"),
    [
        (arc.FORMAT, {**ARC, "answerKey": ""}, "no_gold_answer"),
        (arc.FORMAT, {**ARC, "answerKey": "C"}, "unknown_choice"),
        (arc.FORMAT, {**ARC, "question": "What?"}, "wrong_type"),
        (arc.FORMAT, {**ARC, "question": {"stem": "What?", "choices": ["cow"]}}, "wrong_type"),
        (boolq.FORMAT, lacking(BOOLQ, "answer"), "no_gold_answer"),
        (boolq.FORMAT, {**BOOLQ, "answer": "yes"}, "wrong_type"),
        (multinli.FORMAT, {**NLI, "gold_label": "-"}, "no_gold_answer"),
        (multinli.FORMAT, {**NLI, "gold_label": "maybe"}, "unknown_choice"),
        (winogrande.FORMAT, lacking(BLANK, "answer"), "no_gold_answer"),
        (winogrande.FORMAT, {**BLANK, "answer": "3"}, "unknown_choice"),
        (race.FORMAT, {**RACE, "answers": ["B"]}, "uneven_lists"),
        (race.FORMAT, {**RACE, "answers": ["B", "Z"]}, "unknown_choice"),
        (race.FORMAT, {**RACE, "options": [["A cow", 7], ["Here", "There"]]}, "wrong_type"),
        (race.FORMAT, {**RACE, "options": [[], []]}, "wrong_type"),
        (race.FORMAT, {**RACE, "questions": "Who?"}, "wrong_type"),
        (drop.FORMAT, {**DROP, "qa_pairs": []}, "no_questions"),
        (drop.FORMAT, {**DROP, "qa_pairs": [{"query_id": "x", "question": "Why?"}]}, "no_gold_answer"),
        (coqa.FORMAT, lacking(COQA, "answers"), "no_gold_answer"),
        (coqa.FORMAT, {**COQA, "answers": COQA["answers"][:1]}, "no_gold_answer"),
        (coqa.FORMAT, {**COQA, "questions": []}, "no_questions"),
        (quac.FORMAT, {**QUAC, "paragraphs": []}, "no_questions"),
        (quac.FORMAT, {**QUAC, "paragraphs": [{"id": "C", "context": "A cat.", "qas": []}]}, "no_questions"),
    ],
)  # fmt: skip
def test_a_row_without_a_gold_answer_is_quarantined(format_: Format, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowFaultError) as caught:
        format_.convert(row)
    assert caught.value.reason == reason and caught.value.mend
