"""Turns rows of the Stanford Human Preferences sets (two comments on a post and their votes) into rankings."""

import re
from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, answer, ask, note_sides
from pipelines.sources.tiers import rank, tier_pair
from schemas.records import Labeler

SPLIT = re.compile(r"_(train|validation|test)\Z")


def convert_row(value: Mapping[str, Any]) -> Imported:
    """The post is the prompt, the comments are its candidates; the forum's readers prefer one of them."""
    fields = Fields(value)
    key = "/".join(fields.key(column) for column in ("post_id", "c_root_id_A", "c_root_id_B"))
    prompt = ask(fields.text("history"))
    first, second = answer(prompt, fields.answer("human_ref_A")), answer(prompt, fields.answer("human_ref_B"))
    label = fields.number("labels")
    if label not in (0, 1):
        raise RowFaultError("unknown_verdict", "'labels' is neither 0 nor 1", "write 1 where A is preferred, else 0")
    domain = fields.optional_text("domain")
    labeler = Labeler(labeler_id=f"shp/{SPLIT.sub('', domain) or 'unknown'}", kind="person")
    winner = 1 if label == 1 else 2
    ranking = rank(
        [first, second], labeler, tier_pair(first, second, winner),
        strength=fields.optional_number("score_ratio"), batch=domain or None,
    )  # fmt: skip
    notes = [*fields.notes, *note_sides({"human_ref_A": first, "human_ref_B": second}), *_check_votes(fields, winner)]
    records = (("", prompt), ("human_ref_A", first), ("human_ref_B", second), ("", labeler), ("", ranking))
    return Imported(records, tuple(notes), key)


def _check_votes(fields: Fields, winner: int) -> list[Note]:
    """A label that the votes contradict."""
    votes = fields.optional_number("score_A"), fields.optional_number("score_B")
    if votes[0] is None or votes[1] is None:
        return []
    if (votes[0] - votes[1]) * (1 if winner == 1 else -1) < 0:
        return [Note("label_against_votes", f"the one preferred has {votes[winner - 1]:g} votes, the other more")]
    return []


FORMAT = Format(
    name="shp",
    columns=frozenset(
        {
            "post_id", "domain", "history", "c_root_id_A", "c_root_id_B", "score_A", "score_B", "human_ref_A",
            "human_ref_B", "labels", "score_ratio",
        }
    ),
    required=frozenset({"post_id", "history", "human_ref_A", "human_ref_B", "labels"}),
    losses=(
        "who voted (a forum's readers are one labeler, such as shp/askculinary)",
        "the votes themselves: strength is their ratio (score_ratio)",
        "who wrote each comment, and when",
        "the order in which comments were read",
    ),
    convert=convert_row,
    repeats_prompts=True,
)  # fmt: skip
