"""Turns rows of Chatbot Arena's conversations (two dialogues and a user's vote) into rankings.

Its releases differ: that of 33k names the user as `judge`, that of 100k as `judge_hash`, that of 140k not at all.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from pipelines.sources.conversations import looks_like_messages, read_messages
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, note_sides
from pipelines.sources.tiers import rank, show_order, tier_pair
from schemas.records import Candidate, Labeler, Message, Prompt, Rating, Record, Sample

BOTH_BAD = ("tie (bothbad)", "both_bad")
VERDICTS = {"model_a": 1, "model_b": 2, "tie": 0} | dict.fromkeys(BOTH_BAD, 0)
UNKNOWN = "unknown"


def convert_row(value: Mapping[str, Any]) -> Imported:
    """What stands before the first replies is the prompt; a candidate is the dialogue from there on."""
    fields = Fields(value)
    turns = fields.optional_number("turn")
    dialogues = [_cut_dialogue(read_messages(fields, c), turns) for c in ("conversation_a", "conversation_b")]
    opening, other = (_find_opening(dialogue) for dialogue in dialogues)
    if opening != other or not opening:
        detail = "the conversations do not begin with the same messages of the user"
        raise RowFaultError("no_shared_dialogue", detail, "give both the same messages before the first reply")
    prompt = Prompt(messages=opening)
    first, second = (_read_side(prompt, dialogue) for dialogue in dialogues)
    winner = fields.text("winner")
    if winner not in VERDICTS:
        raise RowFaultError("unknown_verdict", f"'winner' is {winner[:40]!r}", f"write one of {', '.join(VERDICTS)}")
    judge = _read_judge(fields)
    labeler = Labeler(labeler_id=f"chatbot-arena/{judge}", kind="llm" if judge.startswith("gpt") else "person")
    ranking = rank(
        [first, second], labeler, tier_pair(first, second, VERDICTS[winner]), shown_order=show_order([first, second]),
        created_at=_read_instant(fields),
    )  # fmt: skip
    records: list[tuple[str, Record]] = [("", prompt), ("", labeler), ("", ranking)]
    for side, candidate in (("a", first), ("b", second)):
        sample = Sample(candidate_id=candidate.candidate_id, policy=fields.text(f"model_{side}"))
        records += [(f"conversation_{side}", candidate), ("", sample)]
        if winner in BOTH_BAD:
            records.append(("", _rate_bad(candidate, labeler)))
    notes = (*fields.notes, *note_sides({"conversation_a": first, "conversation_b": second}))
    key = fields.key("question_id" if fields.has("question_id") else "id")
    named = (key, judge, fields.text("model_a"), fields.text("model_b"), f"{turns or 0:g}")
    return Imported(tuple(records), notes, "/".join(named))


def _read_judge(fields: Fields) -> str:
    column = next((name for name in ("judge", "judge_hash") if fields.has(name)), None)
    if column is None:
        fields.notes.append(Note("unknown_labeler", f"nothing says who voted: the labeler is chatbot-arena/{UNKNOWN}"))
        return UNKNOWN
    return fields.key(column)


def _cut_dialogue(dialogue: tuple[Message, ...], replies: float | None) -> tuple[Message, ...]:
    """The dialogue as far as the vote goes: MT-Bench, of the same layout, also judges first replies of longer ones."""
    places = [place for place, message in enumerate(dialogue) if message.role == "assistant"]
    return dialogue if replies is None or not 0 < replies < len(places) else dialogue[: places[int(replies) - 1] + 1]


def _find_opening(dialogue: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple(takewhile(lambda message: message.role != "assistant", dialogue))


def _read_side(prompt: Prompt, dialogue: tuple[Message, ...]) -> Candidate:
    replies = dialogue[len(prompt.messages) :]
    if not replies:
        raise RowFaultError("no_reply", "a conversation has no reply", "end both with a reply")
    return Candidate(prompt_id=prompt.prompt_id, completion=replies)


def _read_instant(fields: Fields) -> datetime | None:
    seconds = fields.optional_number("tstamp")
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise RowFaultError("wrong_type", "'tstamp' is no time in seconds since 1970", "write it so") from None


def _rate_bad(candidate: Candidate, labeler: Labeler) -> Rating:
    """A tie of which the user said that both are bad."""
    return Rating(
        candidate_id=candidate.candidate_id, labeler_id=labeler.labeler_id, aspect="bad", value=1.0, min=0.0, max=1.0
    )


def _is_row(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("winner"), str) and looks_like_messages(value.get("conversation_a"))


FORMAT = Format(
    name="chatbot-arena-conversations",
    columns=frozenset(
        {
            "question_id", "id", "model_a", "model_b", "winner", "judge", "judge_hash", "conversation_a",
            "conversation_b", "turn", "tstamp",
        }
    ),
    required=frozenset({"winner", "conversation_a", "conversation_b"}),
    losses=("how the replies were sampled (temperature, seed)", "whether the vote was given before names were shown"),
    convert=convert_row,
    repeats_prompts=True,
    recognise=_is_row,
)  # fmt: skip
