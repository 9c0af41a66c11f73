"""Says what an importer is: how a format is told, what it cannot carry, and how one row of it becomes records."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.faults import Note
from schemas.records import Candidate, Labeler, Message, Prompt, Ranking, Record, Tier


@dataclass(frozen=True)
class Imported:
    """What one row of a file says.

    Attributes:
        records: each record with the part of the row it stands in, such as `chosen` or `annotator1`; "" for the
            row as a whole. Row and part make the record's `external_id`.
        key: the row's id at its source; None where it has none and its number must do.
    """

    records: tuple[tuple[str, Record], ...]
    notes: tuple[Note, ...] = ()
    key: str | None = None


Convert = Callable[[Mapping[str, Any]], Imported]
"""One row to its records; raises RowFaultError or pydantic's ValidationError to quarantine it."""


@dataclass(frozen=True)
class Format:
    """A format of the field.

    Attributes:
        columns: all columns that are read; others are named in the loss report.
        required: those by which the format is told from others; where one format's are among another's, the other wins.
        losses: what the format cannot say, in words for the loss report.
        convert: one row to records; raises RowFaultError or pydantic's ValidationError to quarantine it.
        repeats_prompts: True where a prompt in several rows is the rule and needs no note.
        recognise: tells a row of this format by what its columns hold; None where having the required columns will do.
        yields_to: names of formats that win where both fit.
        list_rows: the rows inside one object that holds many, such as `{"data": [...]}`, each its member or a new
            object around one; None for any other object.
        bind: makes `convert` from the file's path and all its readable rows, where rows refer to each other or the
            path says who judged.
        mapping: the `FIELD=COLUMN` by which a table of no known format is read.
    """

    name: str
    columns: frozenset[str]
    required: frozenset[str]
    losses: tuple[str, ...]
    convert: Convert
    repeats_prompts: bool = False
    recognise: Callable[[Mapping[str, Any]], bool] | None = None
    yields_to: frozenset[str] = frozenset()
    list_rows: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]] | None] | None = None
    bind: Callable[[Path, Sequence[Mapping[str, Any]]], Convert] | None = None
    mapping: tuple[str, ...] = ()

    def fits(self, value: Mapping[str, Any]) -> bool:
        """True where a row looks like one of this format, or like an object that lists such rows."""
        if self.list_rows is not None and (rows := self.list_rows(value)) and isinstance(rows[0], Mapping):
            value = rows[0]
        if self.recognise is not None:
            return self.recognise(value)
        return all(value.get(column) is not None for column in self.required)


def join_instruction(instruction: str, given: str) -> str:
    """Instruction and input as the text of one user message: the same in all formats, so that ids meet."""
    return f"{instruction}\n\n{given}" if given.strip() else instruction


def ask(text: str, kind: str | None = None) -> Prompt:
    """A prompt of one user message."""
    return Prompt(messages=(Message(role="user", content=text),), kind=kind)


def answer(prompt: Prompt, text: str) -> Candidate:
    """A candidate of one assistant message."""
    return Candidate(prompt_id=prompt.prompt_id, completion=(Message(role="assistant", content=text),))


def note_sides(sides: Mapping[str, Candidate]) -> Iterable[Note]:
    """Notes on sides that are empty or the same; curation drops what they spoil."""
    for side, candidate in sides.items():
        said = (message.content for message in candidate.completion if message.role == "assistant")
        if not any((text or "").strip() for text in said):
            yield Note("empty_side", f"{side!r} holds no text")
    if len(sides) > 1 and len({candidate.candidate_id for candidate in sides.values()}) == 1:
        yield Note("identical_sides", f"{' and '.join(sides)} are the same text: nothing is preferred")


def compare(
    first: Candidate, second: Candidate, winner: int, labeler_id: str, *, shown: bool
) -> tuple[Labeler, Ranking]:
    """A person's verdict on two candidates of one prompt: `winner` is 1, 2 or 0 for a tie.

    Args:
        shown: True where the labeler is known to have seen `first` before `second`.
    """
    order = (first.candidate_id, second.candidate_id)
    if winner == 0 or order[0] == order[1]:
        tiers: tuple[Tier, ...] = (Tier(candidate_ids=tuple(sorted(set(order))), tied=True),)
    else:
        best, worst = order if winner == 1 else order[::-1]
        tiers = (Tier(candidate_ids=(best,), tied=False), Tier(candidate_ids=(worst,), tied=False))
    ranking = Ranking(
        prompt_id=first.prompt_id, candidate_ids=tuple(sorted(set(order))), labeler_id=labeler_id, tiers=tiers,
        shown_order=order if shown else None,
    )  # fmt: skip
    return Labeler(labeler_id=labeler_id, kind="person"), ranking
