"""Turns rows of any table (CSV, JSON lines, Parquet) into records, by a mapping of our fields to its columns."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.calls import read_tools
from pipelines.sources.conversations import (
    Said,
    demonstrate_conversation,
    read_said,
    read_side,
    refuse_media,
)
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.formats.alpaca import demonstrate
from pipelines.sources.importing import Format, Imported, join_instruction, note_sides
from pipelines.sources.mapping import Mapped
from pipelines.sources.tiers import Tiers, rank, tier_choice, tier_pair, tier_scores
from schemas.records import Candidate, Labeler, Message, Prompt, Record, Sample

NAME = "mapped"
UNKNOWN = "unknown"
TIES = ("tie", "draw")


def make_format(mapping: Mapped) -> Format:
    """The format that a mapping describes."""
    columns = frozenset(column for named in mapping.values() for column in named)
    return Format(
        name=NAME,
        columns=columns,
        required=columns,
        losses=(
            *(("who judged: map labeler",) if _judges(mapping) and "labeler" not in mapping else ()),
            *(("the order in which answers were shown",) if _judges(mapping) else ()),
        ),
        convert=lambda value: convert_row(value, mapping),
        mapping=tuple(f"{field}={column}" for field, columns in mapping.items() for column in columns),
    )


def _judges(mapping: Mapped) -> bool:
    return bool(set(mapping) & {"chosen", "rank", "score", "best"})


def convert_row(value: Mapping[str, Any], mapping: Mapped) -> Imported:
    """A row as its mapping says: a conversation, a demonstration, a preference, candidates, or a prompt alone."""
    refuse_media(value)
    fields = Fields(value)
    key = fields.key(mapping["id"][0]) if "id" in mapping else None
    if "messages" in mapping:
        said = _put_setting(fields, mapping, read_said(fields, mapping["messages"][0]))
        records, notes = demonstrate_conversation(said, read_tools(value))
        return Imported(tuple(("", record) for record in records), (*fields.notes, *notes), key)
    prompt = _read_prompt(fields, mapping)
    parts: list[tuple[str, Record]] = [("", prompt)]
    if "completion" in mapping:
        parts += _read_completion(fields, prompt, mapping["completion"][0])
    elif "chosen" in mapping:
        sides = [_read_candidate(fields, prompt, mapping[side][0]) for side in ("chosen", "rejected")]
        parts += [("chosen", sides[0]), ("rejected", sides[1])]
        parts += _judge(fields, sides, mapping, tier_pair(sides[0], sides[1], 1))
    elif "candidate" in mapping:
        parts += _read_candidates(fields, prompt, mapping)
    named = {part: record for part, record in parts if isinstance(record, Candidate)}
    return Imported(tuple(parts), (*fields.notes, *note_sides(named)), key)


def _put_setting(fields: Fields, mapping: Mapped, said: list[Said]) -> list[Said]:
    setting = fields.optional_text(mapping["system"][0]) if "system" in mapping else ""
    if not setting or said[0].message.role == "system":
        return said
    return [Said(Message(role="system", content=setting), train=False), *said]


def _read_prompt(fields: Fields, mapping: Mapped) -> Prompt:
    messages = read_side(fields, mapping["prompt"][0], "user")
    given = fields.optional_text(mapping["input"][0]) if "input" in mapping else ""
    if given:
        last = messages[-1]
        messages = (*messages[:-1], last.model_copy(update={"content": join_instruction(last.content or "", given)}))
    asked = _put_setting(fields, mapping, [Said(message, train=False) for message in messages])
    if not any((one.message.content or "").strip() for one in asked if one.message.role == "user"):
        fields.notes.append(Note("empty_prompt", "the prompt holds no text"))
    kind = fields.optional_text(mapping["kind"][0]) if "kind" in mapping else ""
    return Prompt(messages=tuple(one.message for one in asked), kind=kind or None)


def _read_completion(fields: Fields, prompt: Prompt, column: str) -> list[tuple[str, Record]]:
    if isinstance(fields.get(column), list):
        asked = [Said(message, train=False) for message in prompt.messages]
        records, notes = demonstrate_conversation([*asked, *read_said(fields, column)], None)
        fields.notes += notes
        return [("", record) for record in records[1:]]
    text = fields.text(column)
    if not text.strip():
        fields.notes.append(Note("empty_output", f"{column!r} holds no text"))
    return [("", demonstrate(prompt, text))]


def _read_candidate(fields: Fields, prompt: Prompt, column: str) -> Candidate:
    return Candidate(prompt_id=prompt.prompt_id, completion=read_side(fields, column, "assistant"))


def _read_candidates(fields: Fields, prompt: Prompt, mapping: Mapped) -> list[tuple[str, Record]]:
    """The candidates whose columns are filled, who wrote them, and the ranking of them if any is mapped."""
    columns = mapping["candidate"]
    filled = [place for place, column in enumerate(columns) if fields.has(column) and fields.get(column) != ""]
    if not filled:
        raise RowFaultError("no_candidate", "none of the candidates' columns is filled", "give the prompt an answer")
    candidates = {place: _read_candidate(fields, prompt, columns[place]) for place in filled}
    parts: list[tuple[str, Record]] = [(columns[place], candidate) for place, candidate in candidates.items()]
    for place, column in enumerate(mapping.get("policy", ())):
        policy = fields.optional_text(column)
        if policy and place in candidates:
            parts.append(("", Sample(candidate_id=candidates[place].candidate_id, policy=policy)))
    tiers = _read_tiers(fields, candidates, mapping)
    return parts + (_judge(fields, list(candidates.values()), mapping, tiers) if tiers else [])


def _read_tiers(fields: Fields, candidates: Mapping[int, Candidate], mapping: Mapped) -> Tiers:
    """What the row says of its candidates; one without a rank or score is put up but unjudged."""
    for field in ("rank", "score"):
        if field in mapping:
            given = {place: fields.optional_number(mapping[field][place]) for place in candidates}
            scored = [(candidates[place], number) for place, number in given.items() if number is not None]
            tiers, notes = tier_scores(scored, best="lowest" if field == "rank" else "highest")
            fields.notes += notes
            return tiers
    if "best" not in mapping or not str(fields.get(mapping["best"][0]) or "").strip():
        return ()
    place = _read_place(fields, mapping["best"][0], len(mapping["candidate"]))
    if place is None:
        return tier_scores([(candidate, 0.0) for candidate in candidates.values()], best="lowest")[0]
    if place not in candidates:
        raise RowFaultError("unknown_verdict", "the best candidate's column is empty", "name one that is filled")
    return tier_choice(candidates[place], candidates.values())


def _read_place(fields: Fields, column: str, count: int) -> int | None:
    """Which candidate is the best, from 0; None for a tie of all."""
    said = fields.get(column)
    word = str(int(said) if isinstance(said, float) and said.is_integer() else said).strip().lower()
    if word in TIES:
        return None
    letters = {chr(ord("a") + place): place for place in range(min(count, 26))}
    places = letters | {str(place + 1): place for place in range(count)}
    if isinstance(said, bool) or word not in places:
        mend = f"write a number from 1 to {count}, a letter, or tie"
        raise RowFaultError("unknown_verdict", f"{column!r} names no candidate", mend)
    return places[word]


def _judge(fields: Fields, candidates: Sequence[Candidate], mapping: Mapped, tiers: Tiers) -> list[tuple[str, Record]]:
    named = fields.key(mapping["labeler"][0]) if "labeler" in mapping else UNKNOWN
    labeler = Labeler(labeler_id=f"{NAME}/{named}", kind="person")
    strength = fields.optional_number(mapping["strength"][0]) if "strength" in mapping else None
    return [("", labeler), ("", rank(candidates, labeler, tiers, strength=strength))]
