"""Turns two texts into the words that one has and the other has not."""

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

WORD = re.compile(r"\s+|[\w']+|[^\w\s]")
MAX_WORDS = 1500
"""Words compared, from the first that differs: difflib's time grows with their square."""
CONTEXT_CHARACTERS = 60


class Piece(NamedTuple):
    """A stretch of text: `same`, `old` (only the old text has it), `new`, or `cut` (left out here)."""

    kind: str
    text: str


def compare_words(old: str, new: str, context: int | None = CONTEXT_CHARACTERS) -> list[Piece]:
    """The two texts as one, in pieces; what lies further than `context` from a difference is cut (None cuts nothing).

    The old text is all `same` and `old` pieces, the new one all `same` and `new`, unless anything was cut.
    """
    pieces = list(_compare(WORD.findall(old), WORD.findall(new)))
    return pieces if context is None else _cut(pieces, context)


def _compare(old: list[str], new: list[str]) -> Iterator[Piece]:
    start = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    rest = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    end = next((n for n, (a, b) in enumerate(rest) if a != b), min(len(old), len(new)) - start)
    yield from _piece("same", old[:start])
    yield from _compare_middle(old[start : len(old) - end], new[start : len(new) - end])
    yield from _piece("same", old[len(old) - end :])


def _compare_middle(old: list[str], new: list[str]) -> Iterator[Piece]:
    if max(len(old), len(new)) > MAX_WORDS:
        yield from _piece("old", old)
        yield from _piece("new", new)
        return
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from _piece("same", old[a:b])
            continue
        yield from _piece("old", old[a:b])
        yield from _piece("new", new[c:d])


def _piece(kind: str, words: list[str]) -> Iterator[Piece]:
    if words:
        yield Piece(kind, "".join(words))


def _cut(pieces: list[Piece], context: int) -> list[Piece]:
    cut: list[Piece] = []
    last = len(pieces) - 1
    for place, piece in enumerate(pieces):
        before, after = context if place > 0 else 0, context if place < last else 0
        hidden = len(piece.text) - before - after
        if piece.kind != "same" or hidden <= context:
            cut.append(piece)
            continue
        cut += [Piece("same", piece.text[:before])] if before else []
        cut.append(Piece("cut", f"{hidden:,} characters"))
        cut += [Piece("same", piece.text[-after:])] if after else []
    return cut
