"""Turns AlpacaEval's files (models' outputs, and a judge's preferences between two models) into candidates and
rankings."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, answer, ask, join_instruction, note_sides
from pipelines.sources.tiers import rank, tier_pair
from schemas.records import Candidate, Labeler, Prompt, Record, Sample

MIDDLE = 1.5
"""A preference from 1 (the first output) to 2 (the second); 1.5 is a draw, and so is the 0 of older files."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One model's output as a candidate with its sample, or a judge's preference between two as a ranking."""
    fields = Fields(value)
    prompt = ask(join_instruction(fields.text("instruction"), fields.optional_text("input")))
    if "preference" not in value:
        records = _read_output(fields, prompt, "output", "generator")
        return Imported((("", prompt), *records), (*fields.notes, *_note_empty(records)))
    first, second = (_read_output(fields, prompt, f"output_{i}", f"generator_{i}") for i in (1, 2))
    sides = {part: record for part, record in (*first, *second) if isinstance(record, Candidate)}
    verdict = _rank(fields, sides["output_1"], sides["output_2"])
    return Imported((("", prompt), *first, *second, *verdict), (*fields.notes, *note_sides(sides)))


def _read_output(fields: Fields, prompt: Prompt, column: str, generator: str) -> list[tuple[str, Record]]:
    candidate = answer(prompt, fields.text(column))
    policy = fields.optional_text(generator)
    samples = [("", Sample(candidate_id=candidate.candidate_id, policy=policy))] if policy else []
    return [(column, candidate), *samples]


def _note_empty(records: list[tuple[str, Record]]) -> list[Note]:
    return list(note_sides({part: record for part, record in records if isinstance(record, Candidate)}))[:1]


def _rank(fields: Fields, first: Candidate, second: Candidate) -> list[tuple[str, Record]]:
    preference = fields.optional_number("preference")
    if preference is None:
        fields.notes.append(Note("missing_verdict", "'preference' is null: the judge gave none"))
        return []
    if preference and not 1 <= preference <= 2:
        raise RowFaultError("unknown_verdict", "'preference' is neither 0 nor from 1 to 2", "write 1, 1.5 or 2")
    lead = (preference or MIDDLE) - MIDDLE
    tiers = tier_pair(first, second, 0 if lead == 0 else 1 if lead < 0 else 2)
    labeler = _name_judge(fields)
    return [("", labeler), ("", rank([first, second], labeler, tiers, strength=2 * abs(lead)))]


def _name_judge(fields: Fields) -> Labeler:
    """Judges have names; the people of AlpacaFarm's cross-annotations have numbers."""
    named = fields.get("annotator")
    if isinstance(named, int) and not isinstance(named, bool):
        return Labeler(labeler_id=f"alpaca-eval/{named}", kind="person")
    return Labeler(labeler_id=f"alpaca-eval/{fields.optional_text('annotator') or 'unknown'}", kind="llm")


def recognise_row(value: Mapping[str, Any]) -> bool:
    """An instruction with one output and who wrote it, or with two outputs and a preference."""
    if not isinstance(value.get("instruction"), str):
        return False
    pair = all(isinstance(value.get(column), str) for column in ("output_1", "output_2"))
    return (pair and "preference" in value) or all(value.get(column) is not None for column in ("output", "generator"))


FORMAT = Format(
    name="alpaca-eval",
    columns=frozenset(
        {
            "instruction", "input", "output", "generator", "output_1", "output_2", "generator_1", "generator_2",
            "annotator", "preference",
        }
    ),
    required=frozenset({"instruction"}),
    losses=(
        "the order in which the judge saw the two outputs",
        "how the outputs were sampled (temperature, seed)",
        "which of the sets an instruction is from (dataset)",
    ),
    convert=convert_row,
    recognise=recognise_row,
)  # fmt: skip
