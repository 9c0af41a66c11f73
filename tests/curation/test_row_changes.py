"""Rows are paired by key and compared: every row counts once, whatever the order and however often a key comes."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.row_changes import RowChanges, RowHashes, match_rows
from curation.row_edits import Edits, pair_edits, pair_preferences

Row = tuple[int, int, float]
ROWS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2), st.sampled_from([0.0, 1.0, float("nan")])))


def hashed(rows: list[Row], checks: list[int] | None = None) -> RowHashes:
    """Key, a column `text`, a float column `score`."""
    keys = np.array([row[0] for row in rows], dtype=np.uint64)
    texts = np.array([row[1] for row in rows], dtype=np.uint64)
    return RowHashes(
        keys, keys if checks is None else np.array(checks, dtype=np.uint64), texts,
        {"text": texts.astype(np.uint32), "score": np.zeros(len(rows), dtype=np.uint32)},
        {"score": np.array([row[2] for row in rows], dtype=np.float64)},
    )  # fmt: skip


def counts(changes: RowChanges) -> tuple[int, int, int, int]:
    return len(changes.added), len(changes.removed), changes.changed, changes.unchanged


def expected(old: list[Row], new: list[Row]) -> tuple[int, int, int, int]:
    """Counted by hand: keys that are single on both sides are compared, others are paired where they are equal."""
    sides = [[(key, text, str(score)) for key, text, score in rows] for rows in (old, new)]
    often = {key for rows in sides for key, n in Counter(row[0] for row in rows).items() if n > 1}
    single = [{row[0]: row for row in rows if row[0] not in often} for rows in sides]
    both = single[0].keys() & single[1].keys()
    changed = sum(single[0][key] != single[1][key] for key in both)
    copies = [Counter(row for row in rows if row[0] in often) for rows in sides]
    equal = (copies[0] & copies[1]).total()
    return (
        len(single[1]) - len(both) + copies[1].total() - equal,
        len(single[0]) - len(both) + copies[0].total() - equal,
        changed,
        len(both) - changed + equal,
    )


@settings(max_examples=300, deadline=None)
@given(ROWS, ROWS)
def test_every_row_counts_once(old: list[Row], new: list[Row]) -> None:
    found = match_rows(hashed(old), hashed(new))
    assert counts(found) == expected(old, new)
    assert len(found.added) + found.changed + found.unchanged == len(new)
    assert len(found.removed) + found.changed + found.unchanged == len(old)


@settings(max_examples=100, deadline=None)
@given(ROWS, ROWS, st.randoms())
def test_the_order_of_rows_never_matters(old: list[Row], new: list[Row], chance: object) -> None:
    shuffled = [*new]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert counts(match_rows(hashed(old), hashed(new))) == counts(match_rows(hashed(old), hashed(shuffled)))


def test_changed_columns_are_named() -> None:
    found = match_rows(hashed([(1, 1, 0.5), (2, 1, 0.5), (3, 1, 0.5)]), hashed([(3, 2, 1.5), (1, 1, 0.6), (2, 1, 0.5)]))
    assert found.old_changed.tolist() == [0, 2]
    assert found.new_changed.tolist() == [1, 0]
    assert {name: mask.tolist() for name, mask in found.columns.items()} == {
        "text": [False, True], "score": [True, True],
    }  # fmt: skip


def test_floats_within_the_tolerance_are_equal() -> None:
    old, new = hashed([(1, 1, 1e6), (2, 1, 0.1)]), hashed([(1, 1, 1e6 + 1e-4), (2, 1, 0.1 + 1e-8)])
    assert match_rows(old, new).changed == 2
    assert match_rows(old, new, tolerance=1e-9).changed == 1  # 1e-4 of 1e6 is 1e-10
    infinite = hashed([(1, 1, float("inf"))])
    assert match_rows(infinite, infinite, tolerance=1e-9).unchanged == 1
    assert match_rows(infinite, hashed([(1, 1, 5.0)]), tolerance=1e-9).changed == 1


def test_two_keys_of_one_hash_are_two_rows() -> None:
    old, new = hashed([(7, 1, 0.0), (8, 1, 0.0)], [70, 80]), hashed([(7, 1, 0.0), (8, 1, 0.0)], [71, 80])
    assert counts(match_rows(old, new)) == (1, 1, 0, 1)


def ids(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def test_an_edit_is_one_row_that_left_a_place_and_one_that_came() -> None:
    # place 1: row 10 became 20; place 2 was left by two rows; at place 4 came two
    found = pair_edits(ids(10, 11, 12, 14), ids(1, 2, 2, 4), ids(20, 21, 23, 24), ids(1, 2, 4, 4))
    assert (found.old.tolist(), found.new.tolist()) == ([10], [20])


def test_an_edited_pair_is_found_flipped_or_not() -> None:
    edits = Edits(ids(1, 5), ids(2, 6))  # prompt 1 is now 2, candidate 5 is now 6
    old = (ids(1, 1), ids(5, 8), ids(7, 9))
    new = (ids(2, 3), ids(7, 8), ids(6, 9))
    before, after = pair_preferences(edits, old, new)
    assert (before.tolist(), after.tolist()) == ([0], [0])
