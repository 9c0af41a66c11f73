"""Turns records of Argilla (fields, and users' responses to questions about them) into rankings and ratings."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.sources.conversations import read_side, refuse_media
from pipelines.sources.dialogues import GIVEN, SETTING, find_asked, read_prompt
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields, lists_objects
from pipelines.sources.formats.argilla_records import ArgillaRecord, Response, is_record, read_record
from pipelines.sources.importing import Format, Imported, note_sides
from pipelines.sources.tiers import Tiers, make_tier, rank, tier_choice, tier_scores
from schemas.records import Candidate, Labeler, Rating, Record

NAME = "argilla"
NUMBERED = re.compile(
    r"chosen|rejected"
    r"|(response|reply|completion|answer|generation|output|candidate|summary)([-_ ]?[0-9]+|[-_ ][a-z])",
    re.IGNORECASE,
)
"""Names of fields that hold one of several answers, where no response names them."""
TIE = "tie"
EXPORT_MEND = (
    "export the records by Argilla's API (GET /api/v1/datasets/ID/records?include=responses), whose rankings are"
    ' [{"value", "rank"}]'
)
Options = dict[str, Candidate]
"""Candidates by the name of their field, as `name_option` spells it."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt, a candidate for each field that holds an answer, and what each user responded."""
    record = read_record(value)
    columns = _find_candidates(record)
    asked = find_asked([column for column in record.fields if column not in columns and _holds_text(record, column)])
    if asked is None or not columns:
        what = "answers" if asked else "a prompt"
        detail = (
            f"no field is told by its name to hold {what}: {', '.join(map(repr, record.fields)) or 'there are none'}"
        )
        mend = "name the fields 'prompt', 'response_1', 'response_2', as the ranking's values do"
        raise RowFaultError("no_prompt" if asked is None else "no_candidates", detail, mend)
    refuse_media(record.fields)
    fields = Fields(record.fields)
    prompt = read_prompt(fields, asked)
    sides = {
        column: Candidate(prompt_id=prompt.prompt_id, completion=read_side(fields, column, "assistant"))
        for column in columns
    }
    records: list[tuple[str, Record]] = [("", prompt), *sides.items()]
    notes = [*fields.notes, *note_sides(sides), *_note_unread(record, {asked, GIVEN, *SETTING, *columns})]
    options = {name_option(column): candidate for column, candidate in sides.items()}
    for response in record.responses:
        said, unread = _read_response(response, options)
        records += [(f"{response.question}/{response.user}", each) for each in said]
        notes += unread
    return Imported(tuple(records), tuple(notes), record.key)


def name_option(text: str) -> str:
    """A field's or option's name without what a tool may have changed of it: `response-1` is `response_1`."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def _find_candidates(record: ArgillaRecord) -> list[str]:
    """Fields that a response ranks or chooses by name, and those named as numbered answers are."""
    named = {name_option(text) for response in record.responses for text in _list_options(response.value)}
    return [
        column for column in record.fields
        if (name_option(column) in named or NUMBERED.fullmatch(column)) and _holds_text(record, column)
    ]  # fmt: skip


def _list_options(value: Any) -> list[str]:
    """The texts that a response's value names."""
    items = value if isinstance(value, list) else [value]
    texts = (item.get("value") if isinstance(item, dict) else item for item in items)
    return [text for text in texts if isinstance(text, str)]


def _holds_text(record: ArgillaRecord, column: str) -> bool:
    return isinstance(record.fields[column], str | list)


def _note_unread(record: ArgillaRecord, read: set[str]) -> list[Note]:
    unread = [column for column in record.fields if column not in read and record.fields[column] is not None]
    return [Note("unread_field", f"the field {unread[0]!r} is neither prompt nor answer")] if unread else []


def _read_response(response: Response, options: Options) -> tuple[list[Record], list[Note]]:
    """The labeler and their ranking or rating; a discarded response is a skip, a draft is no response yet."""
    labeler = Labeler(labeler_id=f"{NAME}/{response.user}", kind="person")
    candidates = list(options.values())
    if response.status == "draft":
        return [], [Note("draft_response", f"a response to {response.question!r} is a draft; it is left out")]
    if response.status == "discarded":
        skip = rank(candidates, labeler, (), skip_reason="discarded", created_at=response.created_at)
        return [labeler, skip], []
    rating = _read_rating(response, options, labeler)
    if rating:
        return [labeler, rating], []
    tiers, notes = _read_tiers(response, options)
    if tiers is None:
        return [], [Note("unread_response", f"a response to {response.question!r} ranks and rates no answer")]
    return [labeler, rank(candidates, labeler, tiers, created_at=response.created_at)], notes


def _read_tiers(response: Response, options: Options) -> tuple[Tiers | None, list[Note]]:
    """Tiers of a ranking ([{value, rank}], rank 1 best), of a choice or of a tie; None where the value is neither."""
    value, question = response.value, response.question
    if isinstance(value, str):
        if name_option(value) in options:
            return tier_choice(options[name_option(value)], options.values()), []
        return ((make_tier(options.values(), tied=True),) if name_option(value) == TIE else None), []
    if not isinstance(value, list) or not value:
        return None, []
    if all(isinstance(item, str) and name_option(item) in options for item in value) and len(value) > 1:
        detail = f"the ranking {question!r} is a bare list, as Argilla's SDK gives it: it lost ranks and ties"
        raise RowFaultError("ranks_lost", detail, EXPORT_MEND)
    if not all(isinstance(item, dict) and "value" in item for item in value):
        return None, []
    ranked = []
    for item in map(Fields, value):
        place = item.optional_number("rank")
        if name_option(item.text("value")) not in options:
            detail = f"the ranking {question!r} names {item.text('value')!r}, which is no field"
            raise RowFaultError("unknown_candidate", detail, "name the fields as the ranking's values do")
        if place is not None:
            ranked.append((options[name_option(item.text("value"))], place))
    if not ranked:
        raise RowFaultError("ranks_lost", f"no value of the ranking {question!r} has a rank", EXPORT_MEND)
    return tier_scores(ranked, best="lowest")


def _read_rating(response: Response, options: Options, labeler: Labeler) -> Rating | None:
    """A number given to the one answer there is, or to the one that the question names."""
    if isinstance(response.value, bool) or not isinstance(response.value, int | float):
        return None
    question = name_option(response.question)
    named = [name for name in options if name in question] if len(options) > 1 else list(options)
    named = [name for name in named if not any(name != longer and name in longer for longer in named)]
    if len(named) != 1:
        return None
    value = Fields({"value": response.value}).number("value")
    return Rating(
        candidate_id=options[named[0]].candidate_id,
        labeler_id=labeler.labeler_id,
        aspect=response.question,
        value=value,
    )


FORMAT = Format(
    name=NAME,
    columns=frozenset({"id", "external_id", "fields", "responses"}),
    required=frozenset({"fields", "responses"}),
    losses=(
        "suggestions, metadata and vectors",
        "in exports by the SDK, whether a response was submitted, a draft or discarded (nested records name no status)",
        "the order in which the answers were shown, and how long a response took",
        "the scale of a rating (it is in the dataset's settings)",
        "which policy wrote each answer (no samples)",
    ),
    convert=convert_row,
    repeats_prompts=True,
    recognise=is_record,
    list_rows=lambda value: value["items"] if lists_objects(value, "items", "responses") else None,
)
