"""Turns self-instruct's model outputs (one file a model, the same prompts in each) into candidates with samples."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.sources.faults import Note
from pipelines.sources.fields import Fields
from pipelines.sources.files import strip_endings
from pipelines.sources.importing import Convert, Format, Imported, answer, ask, join_instruction
from schemas.records import Record, Sample

NAME_ENDING = "_predictions"


def convert_row(value: Mapping[str, Any], policy: str | None = None) -> Imported:
    """One prompt and one candidate; the same prompt in eight models' files has eight candidates."""
    fields = Fields(value)
    prompt = ask(join_instruction(fields.text("instruction"), fields.optional_text("input")))
    candidate = answer(prompt, fields.text("response"))
    records: list[tuple[str, Record]] = [("", prompt), ("", candidate)]
    if policy:
        records.append(("", Sample(candidate_id=candidate.candidate_id, policy=policy)))
    if not fields.text("response").strip():
        fields.notes.append(Note("empty_output", "'response' holds no text"))
    return Imported(tuple(records), tuple(fields.notes))


def bind_file(path: Path, _: Sequence[Mapping[str, Any]]) -> Convert:
    """Only the file's name says which model wrote: `davinci_predictions.jsonl`."""
    stem = strip_endings(path.name)
    policy = stem.removesuffix(NAME_ENDING) if stem.endswith(NAME_ENDING) else None
    return lambda value: convert_row(value, policy)


FORMAT = Format(
    name="self-instruct-outputs",
    columns=frozenset({"instruction", "input", "response"}),
    required=frozenset({"prompt", "instruction", "response", "target"}),
    losses=(
        "the reference answer (target): the file of instructions has it as a demonstration",
        "the template around the instruction that the model saw (prompt)",
        "which model wrote, unless the file is named MODEL_predictions.jsonl",
    ),
    convert=convert_row,
    bind=bind_file,
)
