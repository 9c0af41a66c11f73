"""Turns a diff into Markdown for a pull request's comment, of bounded length; nothing in a row's text is markup."""

from collections.abc import Iterator

from pipelines.versions.diff.found import Diff, Example, TableDiff
from pipelines.versions.diff.lines import compare_values, group_moves, list_facts, show_move
from pipelines.versions.diff.words import Piece

MAX_CHARACTERS = 60_000
"""GitHub takes comments of 65,536."""
ROOM_FOR_END = 200
EXAMPLE_CHARACTERS = 1_500
ENDING = "_{n} more lines are left out: `flywheel diff --html FILE` has all._"


def write_markdown(diff: Diff) -> str:
    """A table of counts, the distributions, then the first rows of each table."""
    lines = list(_list_lines(diff))
    length, kept = 0, 0
    for line in lines:
        length += len(line) + 1
        if length > MAX_CHARACTERS - ROOM_FOR_END:
            break
        kept += 1
    left = len(lines) - kept
    return "\n".join([*lines[:kept], *(["", ENDING.format(n=left)] if left else [])]) + "\n"


def escape_text(text: str) -> str:
    """A text in which neither Markdown nor HTML finds anything, in one line; meant for inside <code>."""
    return "".join(
        character if character.isalnum() or character in " ,;" else "⏎" if character == "\n" else f"&#{ord(character)};"
        for character in text.replace("\r\n", "\n")
        if character == "\n" or character.isprintable()
    )


def _code(text: str) -> str:
    return f"<code>{escape_text(text)}</code>"


def _list_lines(diff: Diff) -> Iterator[str]:
    yield f"**Data: {_code(diff.old)} → {_code(diff.new)}**{': no difference' if diff.same else ''}"
    tables = [table for table in diff.tables if not table.same]
    if tables:
        yield from ("", "| table | added | removed | changed | unchanged |", "|---|--:|--:|--:|--:|")
    for table in tables:
        name = _code(table.name) if table.name else "rows"
        yield f"| {name} | {table.added:,} | {table.removed:,} | {table.changed:,} | {table.unchanged:,} |"
    for table in diff.tables:
        facts = list(list_facts(table)) if not table.same or table.notes else []
        if facts:
            yield ""
        for fact in facts:
            yield f"- {_code(table.name)} {_code(fact)}" if table.name else f"- {_code(fact)}"
    yield from _list_moves(diff)
    for table in tables:
        yield from _list_examples(table)


def _list_moves(diff: Diff) -> Iterator[str]:
    if diff.moved:
        yield from ("", "| distribution | | old | new | change |", "|---|---|--:|--:|--:|")
    for name, group in group_moves(list(diff.moved)).items():
        for each in group:
            old, new, change = show_move(each)
            yield f"| {_code(name)} | {_code(each.label)} | {old} | {new} | {change or 'new'} |"


def _list_examples(table: TableDiff) -> Iterator[str]:
    if not table.examples:
        return
    yield from ("", f"<details><summary>{_code(table.name or 'rows')}: {len(table.examples)} rows</summary>", "")
    for example in table.examples:
        yield f"- {example.change.replace('_', ' ')} {_code(example.row)}{_show_example(example)}"
    yield from ("", "</details>")


def _show_example(example: Example) -> str:
    shown = ""
    for column, values in example.values.items():
        pieces = "".join(_show_piece(piece) for piece in compare_values(*values))
        line = f"<br>{_code(column)} {pieces}"
        if len(shown) + len(line) > EXAMPLE_CHARACTERS:
            return f"{shown}<br>…"
        shown += line
    return shown


def _show_piece(piece: Piece) -> str:
    tag = {"old": "del", "new": "ins"}.get(piece.kind)
    text = f" … {piece.text} … " if piece.kind == "cut" else piece.text
    return f"<{tag}>{_code(text)}</{tag}>" if tag else _code(text)
