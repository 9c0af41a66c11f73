from typing import Any

import numpy as np
import polars as pl
import pytest
from windows import window

from curation import buckets
from curation.near_duplicates import cluster_near_duplicates, drop_near_duplicates
from curation.remembering import Memory, remember_bands
from schemas.curation_params import NearDuplicates

NEAR = NearDuplicates(
    threshold=0.8, column_threshold=0.5, shingle_words=3, shingle_characters=5, bands=25, rows_per_band=5, seed=1
)


ROWS = pl.DataFrame(
    {
        "row_id": [f"r{n:03}" for n in range(60)],
        "prompt": [window(n // 6 * 9) for n in range(60)],
        "text": [window(n % 7, 12) if n % 5 else "" for n in range(60)],
        "setting": ["a" if n % 4 else "b" for n in range(60)],
    }
)


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call of `sign_all` was given."""
    counts: list[int] = []
    sign_all = buckets.sign_all

    def count(columns: Any, *arguments: Any) -> buckets.Bands:
        counts.append(len(columns[0]))
        return sign_all(columns, *arguments)

    monkeypatch.setattr(buckets, "sign_all", count)
    return counts


def find(rows: pl.DataFrame, near: NearDuplicates = NEAR) -> tuple[pl.DataFrame, pl.DataFrame]:
    dropped = drop_near_duplicates(rows, near, columns=("prompt", "text"), within="setting")
    return dropped, cluster_near_duplicates(rows, near, columns=("prompt",))


def test_only_new_texts_are_signed_and_nothing_else_changes(signed: list[int]) -> None:
    expected = find(ROWS)
    assert expected[0].height > 5
    first, unchanged = Memory({}), Memory({})
    with remember_bands(first):
        find(ROWS[:50])
    # equal texts of one setting are signed once; the ten prompts of the clusters once each
    groups = [ROWS[:50].select(c).n_unique() for c in (("prompt", "text", "setting"), "prompt")]
    assert signed == groups
    with remember_bands(second := Memory(first.used)):
        found = find(ROWS.sample(fraction=1, shuffle=True, seed=1))
    assert all(a.equals(b) for a, b in zip(found, expected, strict=True))
    assert signed[2:] == [ROWS.select("prompt", "text", "setting").n_unique() - groups[0], 10 - groups[1]]
    with remember_bands(unchanged := Memory(second.used)):
        assert all(a.equals(b) for a, b in zip(find(ROWS), expected, strict=True))
    assert signed[4:] == [0, 0]
    assert {name: frame.height for name, frame in unchanged.used.items()} == {
        name: frame.height for name, frame in second.used.items()
    }


def test_other_settings_do_not_use_what_is_remembered(signed: list[int]) -> None:
    memory = Memory({})
    with remember_bands(memory):
        find(ROWS)
    for changes in ({"seed": 2}, {"shingle_words": 4}, {"bands": 20}):
        near = NEAR.model_copy(update=changes)
        expected = find(ROWS, near)
        with remember_bands(Memory(memory.used)):
            assert all(a.equals(b) for a, b in zip(find(ROWS, near), expected, strict=True))
    with remember_bands(Memory(memory.used)):
        find(ROWS, NEAR.model_copy(update={"threshold": 0.9}))
    assert signed[-2:] == [0, 0]


def test_digests_tell_texts_apart() -> None:
    from curation.remembering import _digest_rows

    texts = ["", "a", "a\0", "abcdefgh", "abcdefg", "abcdefghi", "hgfedcba", "é", "e"]
    column = pl.Series([*texts, *texts])
    digests = _digest_rows([column], None)
    assert len(set(digests.tolist())) == len(texts) and (digests[:9] == digests[9:]).all()
    assert set(_digest_rows([column], np.ones(18, np.uint64))).isdisjoint(digests)
    # where one column ends and the next begins makes a difference
    first, second = (_digest_rows([pl.Series([a]), pl.Series([b])], None) for a, b in (("ab", "c"), ("a", "bc")))
    assert first != second
