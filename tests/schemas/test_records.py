"""Records refuse what no table should hold, name themselves, and lay themselves out as rows of their table."""

from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from schemas import ids
from schemas.records import (
    Candidate,
    Demonstration,
    Labeler,
    Message,
    Origin,
    Prompt,
    Ranking,
    Rating,
    Record,
    Sample,
    Tier,
    TrainedMessage,
)
from schemas.tables import TABLES, conform_frame

PROMPT = Prompt(messages=(Message(role="user", content="Name a fruit."),))
APPLE, PEAR = (
    Candidate(prompt_id=PROMPT.prompt_id, completion=(Message(role="assistant", content=text),))
    for text in ("Apple.", "Pear.")
)
PAIR = (APPLE.candidate_id, PEAR.candidate_id)


def rank(**fields: Any) -> Ranking:
    tiers = (Tier(candidate_ids=PAIR[:1], tied=False), Tier(candidate_ids=PAIR[1:], tied=False))
    given = {"prompt_id": PROMPT.prompt_id, "candidate_ids": PAIR, "labeler_id": "x/1", "tiers": tiers, **fields}
    return Ranking(**given)


RECORDS: list[Record] = [
    PROMPT,
    APPLE,
    Demonstration(prompt_id=PROMPT.prompt_id, completion=(TrainedMessage(role="assistant", content="Apple."),)),
    Sample(candidate_id=APPLE.candidate_id, policy="llama-7b"),
    rank(shown_order=PAIR, seconds=1.5),
    Rating(candidate_id=APPLE.candidate_id, labeler_id="x/1", aspect="helpful", value=3.0, flags=("rude",)),
    Labeler(labeler_id="x/1", kind="person"),
    Origin(row_id=PROMPT.prompt_id, source="s", external_id="1", table_name="prompts"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.table)
def test_a_record_is_a_row_of_its_table(record: Record) -> None:
    row = record.row()
    assert set(row) == set(TABLES[record.table].columns)
    frame = conform_frame(record.table, pl.DataFrame([row], dict(TABLES[record.table].columns)))
    assert frame.height == 1


def test_records_name_themselves_by_the_shared_ids() -> None:
    user, apple = {"role": "user", "content": "Name a fruit."}, {"role": "assistant", "content": "Apple."}
    assert PROMPT.prompt_id == ids.prompt_id([user])
    assert PROMPT.row()["conversation_id"] == ids.conversation_id([user])
    assert APPLE.candidate_id == ids.candidate_id(PROMPT.prompt_id, [apple])
    assert RECORDS[2].row()["demonstration_id"] == ids.demonstration_id(PROMPT.prompt_id, [apple])
    assert rank(round=2).ranking_id == ids.ranking_id(ids.task_id(PROMPT.prompt_id, PAIR[::-1]), "x/1", 2)


@pytest.mark.parametrize(
    ("text", "reason"), [("a\0b", "nul_character"), ("\ud800", "lone_surrogate"), (5, "string_type")]
)
def test_text_that_cannot_be_stored_is_refused_by_reason(text: Any, reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Message(role="user", content=text)
    assert caught.value.errors(include_input=False)[0]["type"] == reason


def test_a_message_says_something() -> None:
    assert Message(role="assistant", content=None, tool_calls="[]").content is None
    assert Message(role="assistant", content="").content == ""
    with pytest.raises(ValidationError, match="neither content nor tool calls"):
        Message(role="assistant", content=None)


def test_unknown_fields_roles_and_coercion_are_refused() -> None:
    with pytest.raises(ValidationError):
        Message(role="user", content="x", weight=1)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Message(role="gpt", content="x")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Sample(candidate_id=APPLE.candidate_id, policy="m", sample_index="0")  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Prompt(messages=())


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        PROMPT.kind = "fruit"  # type: ignore[misc]


def test_a_ranking_ranks_each_candidate_put_up_once_at_most() -> None:
    once = Tier(candidate_ids=PAIR[:1], tied=False)
    assert rank(tiers=(once,)).row()["tiers"] == [{"candidate_ids": [PAIR[0]], "tied": False}]
    with pytest.raises(ValidationError, match="twice"):
        rank(tiers=(once, once))
    with pytest.raises(ValidationError, match="not put up"):
        rank(candidate_ids=PAIR[1:])


def test_order_within_a_tier_and_zone_of_a_time_are_canonical() -> None:
    tied = rank(tiers=(Tier(candidate_ids=tuple(sorted(PAIR, reverse=True)), tied=True),))
    assert tied.row()["tiers"] == [{"candidate_ids": sorted(PAIR), "tied": True}]
    noon = datetime(2023, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert rank(created_at=noon).row()["created_at"].isoformat() == "2023-05-01T10:00:00+00:00"
