"""Turns rows of PandaLM's test set (two models' answers, each judged by several annotators) into rankings with ties."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields, is_not_a_number
from pipelines.sources.importing import Format, Imported, answer, ask, compare, join_instruction, note_sides
from schemas.records import Candidate, Record, Sample

ANNOTATOR = re.compile(r"annotator[1-9]")


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt, two candidates, a sample each, and a ranking for each annotator: 1, 2, or 0 for a tie."""
    fields = Fields(value)
    key = fields.key("idx")
    prompt = ask(join_instruction(fields.text("instruction"), fields.optional_text("input")))
    first, second = (answer(prompt, fields.answer(column)) for column in ("response1", "response2"))
    records: list[tuple[str, Record]] = [("", prompt), ("response1", first), ("response2", second)]
    records += [("", sample) for sample in _read_samples(fields, first, second)]
    annotators = sorted(column for column in value if ANNOTATOR.fullmatch(column))
    for annotator in annotators:
        winner = _read_verdict(fields, value[annotator], annotator)
        if winner is not None:
            labeler, ranking = compare(first, second, winner, f"pandalm/{annotator}", shown=True)
            records += [("", labeler), (annotator, ranking)]
    if not annotators:
        raise RowFaultError("missing_column", "the row has no 'annotator1'", "add the annotators' verdicts")
    return Imported(tuple(records), (*fields.notes, *note_sides({"response1": first, "response2": second})), key)


def _read_samples(fields: Fields, first: Candidate, second: Candidate) -> list[Sample]:
    """Which model wrote which answer, from a `cmp_key` such as `bloom-7b_llama-7b`."""
    models = fields.optional_text("cmp_key").split("_")
    if len(models) != 2 or not all(models):
        fields.notes.append(Note("unknown_policies", "'cmp_key' does not name two models"))
        return []
    return [
        Sample(candidate_id=candidate.candidate_id, policy=model)
        for candidate, model in zip((first, second), models, strict=True)
    ]


def _read_verdict(fields: Fields, verdict: Any, annotator: str) -> int | None:
    if verdict is None or is_not_a_number(verdict):
        fields.notes.append(Note("missing_verdict", f"{annotator!r} gave none"))
        return None
    if isinstance(verdict, bool) or verdict not in (0, 1, 2):
        raise RowFaultError("unknown_verdict", f"{annotator!r} is none of 0, 1, 2", "write 0 for a tie, 1 or 2")
    return int(verdict)


FORMAT = Format(
    name="pandalm",
    columns=frozenset({"idx", "cmp_key", "instruction", "input", "response1", "response2"})
    | {f"annotator{i}" for i in range(1, 10)},
    required=frozenset({"idx", "cmp_key", "instruction", "response1", "response2", "annotator1"}),
    losses=("how the answers were sampled (temperature, seed)", "strength of preference"),
    convert=convert_row,
    repeats_prompts=True,
)
