"""Turns self-instruct seed tasks (an instruction with instances) into prompts and demonstrations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.alpaca import demonstrate
from pipelines.sources.importing import Format, Imported, ask, join_instruction
from schemas.records import Record


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt and one demonstration for each instance, numbered from 1."""
    fields = Fields(value)
    key, instruction = fields.key("id"), fields.text("instruction")
    kind = "classification" if fields.flag("is_classification") else None
    instances = fields.objects("instances")
    if not instances:
        raise RowFaultError("no_instances", "'instances' is an empty list", "give the task an instance with an output")
    records: list[tuple[str, Record]] = []
    for number, instance in enumerate(instances, start=1):
        given = Fields(instance)
        prompt = ask(join_instruction(instruction, given.optional_text("input")), kind)
        output = given.text("output")
        if not output.strip():
            given.notes.append(Note("empty_output", f"'output' of instance {number} holds no text"))
        fields.notes += given.notes
        records += [(str(number), prompt), (str(number), demonstrate(prompt, output))]
    return Imported(tuple(records), tuple(fields.notes), key)


FORMAT = Format(
    name="self-instruct",
    columns=frozenset({"id", "name", "instruction", "instances", "is_classification"}),
    required=frozenset({"id", "instruction", "instances"}),
    losses=("the tasks' names", "where the instruction ends and the input begins"),
    convert=convert_row,
)
