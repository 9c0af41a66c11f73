"""Turns rows of MultiNLI (a premise, a hypothesis and how the two relate) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.questions import teach, word_question
from pipelines.sources.importing import Format, Imported

LABELS = ("entailment", "contradiction", "neutral")
NO_MAJORITY = "-"
ASK = "Does the premise entail the hypothesis, contradict it, or neither? Answer entailment, contradiction or neutral."


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and the demonstration of its gold label; pairs of no majority label have none."""
    fields = Fields(value)
    key, label = fields.key("pairID"), fields.text("gold_label")
    if label == NO_MAJORITY:
        detail = "'gold_label' is '-': the five people who judged the pair found no majority"
        raise RowFaultError("no_gold_answer", detail, "leave the row out: MultiNLI says to")
    if label not in LABELS:
        raise RowFaultError("unknown_choice", f"'gold_label' is {label!r}", f"write one of {', '.join(LABELS)}")
    premise, hypothesis = fields.text("sentence1").strip(), fields.text("sentence2").strip()
    text = word_question(f"Premise: {premise}\nHypothesis: {hypothesis}", ASK)
    prompt, demonstration = teach(text, label, "entailment")
    notes = [*fields.notes, *_note_empty({"sentence1": premise, "sentence2": hypothesis})]
    return Imported((("", prompt), ("", demonstration)), tuple(notes), key)


def _note_empty(sides: Mapping[str, str]) -> list[Note]:
    return [Note("empty_side", f"{column!r} holds no text") for column, text in sides.items() if not text]


FORMAT = Format(
    name="multinli",
    columns=frozenset({"gold_label", "sentence1", "sentence2", "pairID"}),
    required=frozenset({"gold_label", "sentence1", "sentence2", "pairID"}),
    losses=("who judged a pair how (annotator_labels, label1 to label5)", "genre and parses"),
    convert=convert_row,
)
