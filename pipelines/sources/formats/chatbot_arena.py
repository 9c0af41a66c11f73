"""Turns rows of Chatbot Arena's 55k battles (a user's messages, two models' replies, a vote) into rankings."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, note_sides
from pipelines.sources.tiers import rank, show_order, tier_pair
from schemas.records import Candidate, Labeler, Message, Prompt, Record, Sample

LABELER = Labeler(labeler_id="chatbot-arena/unknown", kind="person")
"""All rankings are by one labeler of this name: the data does not say which visitor voted."""
VERDICTS: dict[tuple[float, ...], int] = {(1, 0, 0): 1, (0, 1, 0): 2, (0, 0, 1): 0}
"""winner_model_a, winner_model_b, winner_tie."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """The user's first message is the prompt; a candidate is the model's replies with the messages between them."""
    fields = Fields(value)
    key = fields.key("id")
    asked = _read_list(fields, "prompt")
    opening = next((text for text in asked[:1] if text is not None), None)
    if opening is None:
        raise RowFaultError("no_prompt", "'prompt' holds no message", "give the user's messages as a JSON list")
    prompt = Prompt(messages=(Message(role="user", content=opening),))
    first, second = (_read_side(prompt, asked, _read_list(fields, side), side) for side in ("response_a", "response_b"))
    verdict = tuple(fields.number(column) for column in ("winner_model_a", "winner_model_b", "winner_tie"))
    if verdict not in VERDICTS:
        detail = f"winner_model_a, winner_model_b and winner_tie are {', '.join(f'{said:g}' for said in verdict)}"
        raise RowFaultError("unknown_verdict", detail, "write 1 for one of them and 0 for the others")
    tiers = tier_pair(first, second, VERDICTS[verdict])
    ranking = rank([first, second], LABELER, tiers, shown_order=show_order([first, second]))
    records: list[tuple[str, Record]] = [("", prompt), ("", LABELER), ("", ranking)]
    for side, candidate in (("a", first), ("b", second)):
        sample = Sample(candidate_id=candidate.candidate_id, policy=fields.text(f"model_{side}"))
        records += [(f"response_{side}", candidate), ("", sample)]
    notes = (*fields.notes, *note_sides({"response_a": first, "response_b": second}))
    return Imported(tuple(records), notes, key)


def _read_list(fields: Fields, column: str) -> list[str | None]:
    """A list of texts, written as JSON inside a text (as in the CSV file) or as a list."""
    said = fields.get(column)
    if not isinstance(said, list):
        try:
            said = json.loads(fields.text(column))
        except (ValueError, RecursionError):
            said = None
    if not isinstance(said, list) or not all(text is None or isinstance(text, str) for text in said):
        raise RowFaultError("wrong_type", f"{column!r} is no list of texts", 'write it as ["..."], or as JSON of that')
    if None in said:
        fields.notes.append(Note("null_message", f"{column!r} holds a null, read as no text"))
    return said


def _read_side(prompt: Prompt, asked: list[str | None], replies: list[str | None], side: str) -> Candidate:
    """Replies with the user's later messages between them."""
    if len(replies) != len(asked):
        detail = f"{side!r} has {len(replies)} replies to {len(asked)} messages"
        raise RowFaultError("uneven_lists", detail, "give each message a reply")
    messages: list[Message] = []
    for text, reply in zip(asked, replies, strict=True):
        messages += [Message(role="user", content=text or ""), Message(role="assistant", content=reply or "")]
    return Candidate(prompt_id=prompt.prompt_id, completion=tuple(messages[1:]))


FORMAT = Format(
    name="chatbot-arena",
    columns=frozenset(
        {
            "id", "model_a", "model_b", "prompt", "response_a", "response_b", "winner_model_a", "winner_model_b",
            "winner_tie",
        }
    ),
    required=frozenset({"prompt", "response_a", "response_b", "winner_model_a", "winner_model_b", "winner_tie"}),
    losses=(
        f"who voted (all rankings are by {LABELER.labeler_id})",
        'whether a tie was "both are good" or "both are bad"',
        "how the replies were sampled (temperature, seed)",
        "when the vote was given",
    ),
    convert=convert_row,
    repeats_prompts=True,
)  # fmt: skip
