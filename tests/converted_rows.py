"""Shows what a format makes of one row, in a few words."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.importing import Format, Imported
from schemas.records import Candidate, Demonstration, Message, Prompt, Ranking


def convert(format_: Format, value: Mapping[str, Any]) -> Imported:
    """One row converted as a format does."""
    return format_.convert(value)


def pick(imported: Imported, kind: type) -> list[Any]:
    """The records of one kind."""
    return [record for _, record in imported.records if isinstance(record, kind)]


def tell(messages: tuple[Message, ...]) -> list[tuple[str, str | None]]:
    """Role and content of each message."""
    return [(message.role, message.content) for message in messages]


def tell_prompt(imported: Imported) -> list[tuple[str, str | None]]:
    """The messages of the only prompt."""
    (prompt,) = pick(imported, Prompt)
    return tell(prompt.messages)


def tell_completion(imported: Imported) -> list[tuple[str, str | None, bool]]:
    """The messages of the only demonstration, each with its train mask."""
    (demonstration,) = pick(imported, Demonstration)
    return [(message.role, message.content, message.train) for message in demonstration.completion]


def tell_tiers(imported: Imported, ranking: Ranking | None = None) -> list[tuple[list[str | None], bool]]:
    """The tiers of the only ranking, or of the one given: the last message of each candidate, and whether tied."""
    ranking = ranking or pick(imported, Ranking)[0]
    texts = {one.candidate_id: one.completion[-1].content for one in pick(imported, Candidate)}
    return [(sorted(texts[one] or "" for one in tier.candidate_ids), tier.tied) for tier in ranking.tiers]


def tell_notes(imported: Imported) -> list[str]:
    """The names of the notes."""
    return [note.note for note in imported.notes]
