"""Every query of docs/sql.md gives, over the two turns of tests/judged.py, what one counts there by hand."""

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.versions.sql import open_query

PAGE = (Path(__file__).parents[3] / "docs" / "sql.md").read_text(encoding="utf-8")
QUERIES = dict(re.findall(r"^## (.+?)$(?:(?!^## ).)*?```sql\n(.+?)```", PAGE, flags=re.MULTILINE | re.DOTALL))
THIRD = pytest.approx(1 / 3)


def day(month: int, number: int) -> datetime.date:
    return datetime.date(2026, month, number)


# Judged: r1 ann a1>b1>c1, r2 bob b1>a1, r3 ann b2>a2, r4 bob a2=b2, r5 cyd c1>a1 (dropped, unreliable); in turn 2
# r6 ann b4>a4, r7 bob b4>a4, r8 dan c1>b1, r9 eve c1>b1. Written: a by base, b1 by base and tuned, the others by tuned.
EXPECTED: dict[str, list[tuple[Any, ...]]] = {
    # week of 5 January: ann and bob on a1/b1, ann and cyd on a1/c1; of 12 January: ann and bob on a2/b2, a tie only for
    # bob; of 2 February: ann and bob agree, dan and eve agree, each of these two and ann do not
    "Labelers' agreement by week": [(day(1, 5), 2, 0.0), (day(1, 12), 1, 0.0), (day(2, 2), 4, 0.5)],
    # base, list: a1>c1, b1>c1 won, b1<c1 lost twice; tuned, list: b1<a1 and c1<a1 lost, b1>a1 won
    "Win rate by policy and kind": [
        ("base", "list", 4, 0.5), ("base", "rewrite", 4, 0.125), ("tuned", "list", 3, THIRD),
        ("tuned", "rewrite", 4, 0.875),
    ],
    # turn 1: only a1>b1 goes to the shorter; turn 2: b4 twice to the longer, c1 twice to the shorter
    "Length bias by turn": [(1, 5, 0.8), (2, 4, 0.5)],
    # a1>c1 and b2>a2 unseen; b4>a4 seen, but rm2 has a4 above; c1>b1 seen
    "Reward model against people, by length": [
        ("longer", False, 2, 1.0), ("longer", True, 1, 0.0), ("shorter", True, 1, 1.0)
    ],
    "Models trained on a labeler's judgements": [("turn-1", "rm1", 2), ("turn-2", "rm2", 2)],
    "Models trained on rows of a licence": [("rm2", "preferences", 1), ("sft2", "demonstrations", 1)],
    # ann rates b1 over a1 and ranks a1 over b1
    "Ratings against ranks": [("ann", "overall", 3, pytest.approx(2 / 3)), ("bob", "overall", 1, 1.0)],
    "Whose rankings became which preferences": [
        ("ann", 4, 3, 1, 0), ("bob", 2, 1, 0, 1), ("dan", 1, 1, 0, 0), ("eve", 1, 1, 0, 0)
    ],
    # d2 has url_share too
    "Rows that would return without a rule": [
        ("demonstrations", "d3", "d1", 0.9, 0.8), ("prompts", "p3", "p1", 0.9, 0.8)
    ],
    "Preferences that flipped between two turns": [("List two colours.", "no", "Red and blue and also green.", 1, 2)],
    "What each rule drops, turn by turn": [
        ("candidates", "empty", 1, 1), ("candidates", "too_short", 1, 0), ("demonstrations", "near_duplicate", 2, 2),
        ("demonstrations", "url_share", 1, 1), ("preferences", "tied_consensus", 1, 1),
        ("prompts", "near_duplicate", 1, 1), ("rankings", "unreliable_labeler", 1, 1),
    ],
    "Rows that a later turn took back": [("candidates", "f2", "too_short", 0.9, 0.8)],
    # shown in the order of the alphabet: ann's first three, then b2 and b4 win from the second place
    "Position bias by labeler": [("ann", 5, 0.6), ("bob", 2, 0.0), ("cyd", 1, 0.0), ("dan", 1, 0.0), ("eve", 1, 0.0)],
    "Contested preferences, to read": [("List two colours.", "no", "Red and blue and also green.", 2, 1)],
    # tokens are characters: a1 10, b1 28, c1 2, a2 13, b2 27, a4 2, b4 20; tuned drew b1 twice
    "Answer lengths by policy and turn": [
        ("turn-1", "base", 3, 17.0), ("turn-1", "tuned", 4, 21.25), ("turn-2", "base", 4, 13.25),
        ("turn-2", "tuned", 5, 21.0),
    ],
    "A metric over the turns": [("turn-1", 1, 0.6), ("turn-2", 2, 0.7)],
}  # fmt: skip


def test_every_query_of_the_page_is_here() -> None:
    assert len(QUERIES) >= 12 and set(QUERIES) == set(EXPECTED)
    assert PAGE.count("```sql") == len(QUERIES)


@pytest.mark.parametrize("title", EXPECTED)
def test_query_gives_what_is_counted_by_hand(judged_project: Path, title: str) -> None:
    with open_query(judged_project, QUERIES[title]) as answer:
        assert list(answer.list_rows()) == EXPECTED[title]
