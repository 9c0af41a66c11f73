"""Turns `--map FIELD=COLUMN` options into a mapping of our fields to a table's columns, checked."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.faults import IngestError

ONE = {
    "prompt": "what is asked: a text, or a list of messages",
    "input": "a text that belongs below the prompt, as Alpaca's `input` does",
    "system": "a system prompt to go first",
    "messages": "a whole conversation, instead of a prompt",
    "completion": "the answer to imitate",
    "chosen": "the better of two answers",
    "rejected": "the worse of two answers",
    "best": "which candidate is the best: its number from 1, its letter, or `tie`",
    "strength": "how much better, a number",
    "labeler": "who judged",
    "kind": "the kind of prompt",
    "id": "the row's own id",
}
MANY = {
    "candidate": "an answer put up for judging; give it once for each column",
    "rank": "the rank of each candidate, 1 the best, in the same order",
    "score": "the score of each candidate, more is better, in the same order",
    "policy": "which model wrote each candidate, in the same order",
}
Mapped = dict[str, tuple[str, ...]]


def parse_mapping(options: Sequence[str]) -> Mapped:
    """`FIELD=COLUMN` options as columns by field.

    Raises:
        IngestError: an option is no such pair, names an unknown field, or says a thing twice or in vain.
    """
    mapping: dict[str, list[str]] = {}
    for option in options:
        field, _, column = option.partition("=")
        if not column:
            raise IngestError(f"--map {option}: write it as FIELD=COLUMN, such as --map prompt=question")
        if field not in ONE and field not in MANY:
            close = difflib.get_close_matches(field, [*ONE, *MANY], n=1)
            hint = f"did you mean {close[0]} ({(ONE | MANY)[close[0]]})? " if close else ""
            raise IngestError(f"--map {option}: no such field; {hint}There are {', '.join([*ONE, *MANY])}")
        if field in ONE and field in mapping:
            raise IngestError(f"--map {option}: {field} is mapped twice; map it once")
        mapping.setdefault(field, []).append(column)
    mapped = {field: tuple(columns) for field, columns in sorted(mapping.items())}
    _check_fields(mapped)
    return mapped


def _check_fields(mapped: Mapped) -> None:
    """Refuse mappings of which a part would be ignored."""
    fields = set(mapped)
    if not fields & {"prompt", "messages"}:
        raise IngestError("--map: nothing says what is asked; add --map prompt=COLUMN")
    if {"prompt", "messages"} <= fields:
        raise IngestError("--map: prompt and messages both say what is asked; map one of them")
    answers = [name for name in ("messages", "completion", "chosen", "candidate") if name in fields]
    if len(answers) > 1:
        raise IngestError(f"--map: {' and '.join(answers)} cannot stand together; take the file in once for each")
    verdicts = [name for name in ("rank", "score", "best") if name in fields]
    if len(verdicts) > 1:
        raise IngestError(f"--map: {' and '.join(verdicts)} each say which candidate is better; map one of them")
    for field in ("rank", "score", "policy"):
        if field in fields and len(mapped[field]) != len(mapped.get("candidate", ())):
            counts = f"{len(mapped[field])} {field} and {len(mapped.get('candidate', ()))} candidate"
            raise IngestError(f"--map: there are {counts} columns; map as many of each, in the same order")
    needed = {
        "chosen": {"rejected"}, "rejected": {"chosen"}, "best": {"candidate"}, "input": {"prompt"},
        "strength": {"chosen", "rank", "score", "best"}, "labeler": {"chosen", "rank", "score", "best"},
    }  # fmt: skip
    for field, others in needed.items():
        if field in fields and not fields & others:
            raise IngestError(f"--map: {field} says nothing without {' or '.join(sorted(others))}; map that too")
    for field in verdicts:
        if len(mapped["candidate"]) < 2:
            mend = "map each column with --map candidate=COLUMN, and put a prompt's answers into one row"
            raise IngestError(f"--map: {field} needs two candidates or more, else it ranks nothing; {mend}")


def check_columns(file: str, mapping: Mapped, values: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a mapping to a column that none of the first rows has.

    Raises:
        IngestError: names the column and those that there are.
    """
    there = {column for value in values for column in value}
    for field, columns in mapping.items():
        for column in columns:
            if values and column not in there:
                close = difflib.get_close_matches(column, there, n=1)
                hint = f"did you mean {close[0]!r}? " if close else ""
                raise IngestError(
                    f"{file}: no column {column!r}, which --map {field}={column} names; {hint}There are"
                    f" {', '.join(map(repr, sorted(there)[:20]))}"
                )
