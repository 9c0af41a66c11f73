"""Turns judgements of the same thing by the same labeler into rounds, whatever the order of rows and of files."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.ids import ranking_id
from schemas.records import Ranking, Rating

JUDGED = {Ranking.table: ("task_id", "labeler_id"), Rating.table: ("candidate_id", "labeler_id", "aspect")}
"""Tables whose rows are judgements, and what each judges by whom: their key but for the round."""
GIVEN = frozenset({"ranking_id", "task_id", "prompt_id", "candidate_id", "labeler_id", "aspect", "round", "turn"})
"""Names and numbers that are given to a judgement, and say nothing of it."""


def number_rounds(judgements: Mapping[str, str], earlier: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Give each judgement of one thing by one labeler its round.

    A judgement that an earlier file has too keeps that round, so that a file's next version adds only what is
    new; the others follow on, in the order of the source's own ids, whatever the order of rows.

    Args:
        judgements: what each says as `spell_judgement` writes it, by its row's id and what it says.
        earlier: rounds and judgements that were taken in before.
    """
    free = sorted(earlier)
    following = max((number for number, _ in earlier), default=0) + 1
    for verdict in sorted(judgements):
        same = next((round_ for round_ in free if round_[1] == judgements[verdict]), None)
        if same:
            free.remove(same)
            yield same[0], verdict
        else:
            yield following, verdict
            following += 1


def set_round(table: str, values: dict[str, Any], round_: int) -> dict[str, Any]:
    """The row of a judgement in that round; a ranking's id has its round in it."""
    if round_ == values["round"]:
        return values
    changed = {**values, "round": round_}
    if table == Ranking.table:
        changed["ranking_id"] = ranking_id(values["task_id"], values["labeler_id"], round_)
    return changed


def spell_judgement(values: Mapping[str, Any]) -> str:
    """What a ranking or rating says, without what was given to it, and without what is null."""
    said = {column: value for column, value in values.items() if column not in GIVEN and value is not None}
    return spell(said)


def sort_key(key: str | None) -> list[Any]:
    """A source's own id so that 9 comes before 10; nothing where it has none."""
    return [] if key is None else [f"{len(key):06}", key]


def spell(values: Any) -> str:
    """Values as JSON, the same for equal ones."""
    return json.dumps(values, sort_keys=True, default=str)
