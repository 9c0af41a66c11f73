"""Turns rows into texts that a page may show: shortened, without control characters or personal data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from curation.ledger import row_key
from curation.personal_data import count_personal_data
from schemas.params import Report

PERSONAL_DATA = "personal_data"
ELLIPSIS = "…"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True)
class Shown:
    """A text as the page shows it: pieces with whether each is marked as different from the text beside it."""

    pieces: tuple[tuple[str, bool], ...]
    hidden: bool = False
    earlier: int = 0
    """Messages of the conversation before this one."""

    @property
    def text(self) -> str:
        """The pieces together."""
        return "".join(piece for piece, _ in self.pieces)


HIDDEN = Shown((), hidden=True)


class Texts:
    """Shows rows of content tables by id; a row that the ledger drops for personal data is never shown."""

    def __init__(self, tables: Mapping[str, pl.DataFrame], dropped: pl.DataFrame, params: Report) -> None:
        self._tables, self._params = tables, params
        self._places = {
            name: {row_id: place for place, row_id in enumerate(tables[name][row_key(name)].to_list())}
            for name in ("prompts", "demonstrations", "candidates", "rankings")
        }
        personal = dropped.filter(pl.col("reason") == PERSONAL_DATA)
        self._personal = set(personal.select("table_name", "row_id").iter_rows())

    def row(self, table: str, row_id: str | None) -> dict[str, Any] | None:
        """A row of a content table or of rankings, or None."""
        place = self._places.get(table, {}).get(row_id or "")
        return None if place is None else self._tables[table].row(place, named=True)

    def prompt(self, prompt_id: str | None) -> Shown:
        """The last message of a prompt; how many come before it is noted."""
        row = self.row("prompts", prompt_id)
        if row is None:
            return Shown((("(a prompt that is not in the table)", False),))
        if ("prompts", prompt_id) in self._personal or is_personal(row["messages"]):
            return HIDDEN
        return Shown(((self._shorten(join_messages(row["messages"][-1:])), False),), earlier=len(row["messages"]) - 1)

    def completion(self, table: str, row_id: str | None) -> Shown:
        """The completion of a demonstration or candidate."""
        row = self.row(table, row_id)
        if row is None:
            return Shown((("(an answer that is not in the table)", False),))
        if (table, row_id) in self._personal or is_personal(row["completion"]):
            return HIDDEN
        return Shown(((self._shorten(join_messages(row["completion"])), False),))

    def _shorten(self, text: str) -> str:
        text = replace_controls(text.strip())
        short = "\n".join(text.split("\n")[: self._params.max_lines])[: self._params.max_characters]
        return short if short == text else short.rstrip() + ELLIPSIS


def join_messages(messages: Sequence[Mapping[str, Any]]) -> str:
    """Contents of messages; where there are several each with its role, a tool call in place of an absent content."""
    texts = [message["content"] or message["tool_calls"] or "" for message in messages]
    if len(messages) == 1:
        return texts[0]
    return "\n".join(f"{message['role']}: {text}" for message, text in zip(messages, texts, strict=True))


def is_personal(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any message holds personal data, whether or not curation looks for it."""
    return any(count_personal_data(join_messages([message])) for message in messages)


def replace_controls(text: str) -> str:
    """The text with control and direction-changing characters made visible, tabs and line ends as they are."""
    return _CONTROL.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def mark_differences(text: Shown, other: Shown) -> tuple[Shown, Shown]:
    """Both texts with the words marked that the other lacks."""
    if text.hidden or other.hidden:
        return text, other
    ours, theirs = (re.findall(r"\s+|[^\s]+", shown.text) for shown in (text, other))
    blocks = SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes()
    left = tuple(("".join(ours[a:b]), tag != "equal") for tag, a, b, _, _ in blocks if a < b)
    right = tuple(("".join(theirs[c:d]), tag != "equal") for tag, _, _, c, d in blocks if c < d)
    return Shown(left, earlier=text.earlier), Shown(right, earlier=other.earlier)
