"""Turns a diff into lines for a terminal: counts, what they mean, then the first rows with their words compared."""

import re
from collections.abc import Iterator
from typing import Any

from pipelines.versions.diff.found import Diff, Example, Moved, TableDiff
from pipelines.versions.diff.words import Piece, compare_words
from pipelines.versions.results import plain_value

MARKS = {"old": ("[-", "-]"), "new": ("{+", "+}"), "cut": (" … ", " … "), "same": ("", "")}
COLOURS = {"old": "\x1b[31m", "new": "\x1b[32m", "cut": "\x1b[2m", "same": ""}
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
VALUE_CHARACTERS = 200
MAX_MOVED = 10
"""Values of one distribution that are shown."""


def describe_diff(diff: Diff, *, colours: bool = False) -> Iterator[str]:
    """The whole diff, a line each."""
    yield f"{clean_text(diff.old)} -> {clean_text(diff.new)}: {'no difference' if diff.same else 'different'}"
    for table in diff.tables:
        if not table.same or table.notes or not table.name:
            yield from _describe_table(table, colours=colours)
    same = [table.name for table in diff.tables if table.same and table.name]
    if same and len(same) < len(diff.tables):
        yield f"the same: {', '.join(same)}"
    yield from _describe_moves(list(diff.moved))


def count_line(table: TableDiff) -> str:
    """The four counts of a table."""
    return f"{table.added:,} added, {table.removed:,} removed, {table.changed:,} changed, {table.unchanged:,} unchanged"


def list_facts(table: TableDiff) -> Iterator[str]:
    """What else there is to say about a table, in words."""
    if table.guessed and table.key:
        yield f"rows are named by {', '.join(table.key)} (guessed; --key says another)"
    if table.columns:
        yield f"changed by column: {', '.join(f'{name} {count:,}' for name, count in table.columns.items())}"
    for term, count in table.terms.items():
        rules = ", ".join(f"{name} {count:,}" for name, count in table.rules.get(term, {}).items())
        yield f"{term.replace('_', ' ')}: {count:,}{f' ({rules})' if rules else ''}"
    for what, names in (("new columns", table.schema.added), ("columns gone", table.schema.removed)):
        if names:
            yield f"{what}: {', '.join(names)}"
    for name, (old, new) in table.schema.retyped.items():
        yield f"column {name} was {old} and is {new}"
    yield from table.notes


def _describe_table(table: TableDiff, *, colours: bool) -> Iterator[str]:
    yield ""
    yield f"{clean_text(table.name)}: {count_line(table)}" if table.name else count_line(table)
    for fact in list_facts(table):
        yield f"  {clean_text(fact)}"
    for example in table.examples:
        yield f"  {example.change.replace('_', ' ')} {clean_text(example.row)}"
        for line in _describe_values(example, colours=colours):
            yield f"    {line}"


def _describe_values(example: Example, *, colours: bool) -> Iterator[str]:
    for column, (old, new) in example.values.items():
        text = "".join(_mark(piece, colours=colours) for piece in compare_values(old, new))
        yield f"{clean_text(column)}: {text}"


def compare_values(old: Any, new: Any) -> list[Piece]:
    """Two values as pieces of text: texts by word, others as short as shows that they differ."""
    if isinstance(old, str) and isinstance(new, str) and old != new:
        return compare_words(old, new)
    for spell in (show_value, _spell_whole, _spell_exactly):
        before, after = spell(old), spell(new)
        if before != after:
            if max(len(before), len(after)) > VALUE_CHARACTERS:
                return compare_words(before, after)
            return [Piece(kind, text) for kind, text in (("old", before), ("new", after)) if text]
    return [Piece("same", show_value(old))]


def show_value(value: Any) -> str:
    """A value as text, cut where it is long."""
    plain = plain_value(value)
    if plain is None:
        return ""
    text = f"{plain:.6g}" if isinstance(plain, float) else str(plain)
    return f"{text[: VALUE_CHARACTERS - 1]}…" if len(text) > VALUE_CHARACTERS else text


def _spell_whole(value: Any) -> str:
    """A value with all its digits and entries."""
    if value is None:
        return ""
    return str(plain_value(value) if isinstance(value, dict | list) else value)


def _spell_exactly(value: Any) -> str:
    """A value so that an empty text is not nothing, nor a text a number."""
    return "" if value is None else repr(value)


def _mark(piece: Piece, *, colours: bool) -> str:
    text = clean_text(piece.text)
    if colours and COLOURS[piece.kind]:
        return f"{COLOURS[piece.kind]}{text}\x1b[0m"
    before, after = MARKS[piece.kind]
    return f"{before}{text}{after}"


def clean_text(text: str) -> str:
    """A text in one line: what models write may hold escape codes, and no terminal sees these."""
    return UNPRINTABLE.sub("�", text.replace("\r\n", "\n").replace("\n", "⏎").replace("\t", " "))


def group_moves(moved: list[Moved]) -> dict[str, list[Moved]]:
    """Numbers by their distribution, those that moved most first."""
    groups: dict[str, list[Moved]] = {}
    for each in moved:
        groups.setdefault(each.distribution, []).append(each)
    return {name: sorted(group, key=lambda each: -abs(each.change or 0))[:MAX_MOVED] for name, group in groups.items()}


def show_move(each: Moved) -> tuple[str, str, str]:
    """Old and new value and the change."""
    old, new = ("-" if value is None else f"{value:,.6g}" for value in (each.old, each.new))
    return old, new, "" if each.change is None else f"{each.change:+,.4g}"


def _describe_moves(moved: list[Moved]) -> Iterator[str]:
    for name, group in group_moves(moved).items():
        yield ""
        yield f"{clean_text(name)}:"
        for each in group:
            old, new, change = show_move(each)
            yield f"  {clean_text(each.label)}: {old} -> {new} ({change or 'new'})"
