"""Turns rows of Alpaca's layout (`instruction`, `input`, `output`) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, ask, join_instruction
from schemas.records import Demonstration, Prompt, TrainedMessage


def demonstrate(prompt: Prompt, text: str) -> Demonstration:
    """A demonstration of one assistant message."""
    return Demonstration(prompt_id=prompt.prompt_id, completion=(TrainedMessage(role="assistant", content=text),))


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and one demonstration; empty outputs and placeholder inputs stay, curation judges them."""
    fields = Fields(value)
    prompt = ask(join_instruction(fields.text("instruction"), fields.optional_text("input")))
    output = fields.text("output")
    if not output.strip():
        fields.notes.append(Note("empty_output", "'output' holds no text"))
    return Imported((("", prompt), ("", demonstrate(prompt, output))), tuple(fields.notes))


FORMAT = Format(
    name="alpaca",
    columns=frozenset({"instruction", "input", "output"}),
    required=frozenset({"instruction", "output"}),
    losses=("which model or person wrote the outputs", "where the instruction ends and the input begins"),
    convert=convert_row,
    yields_to=frozenset({"alpaca-eval"}),
)
