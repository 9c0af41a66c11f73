from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.rank_agreement import correlate_with_others, kendall_w, rank_candidates


def rankings(*rows: str) -> pl.DataFrame:
    """Rows "task labeler a>b=c~d": tiers by >, tied by =, of unknown order by ~."""
    table: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        task, labeler, tiers = row.split()
        table.append(
            {
                "ranking_id": f"r{number}", "task_id": task, "labeler_id": labeler, "skip_reason": None,
                "tiers": [
                    {"candidate_ids": members.replace("~", "=").split("="), "tied": "=" in members}
                    for members in tiers.split(">")
                ],
            }
        )  # fmt: skip
    return pl.DataFrame(table, schema_overrides={"skip_reason": pl.String})


def tau(*rows: str) -> list[float | None]:
    return correlate_with_others(rankings(*rows)).sort("ranking_id")["tau"].to_list()


def w(*rows: str) -> list[float | None]:
    return kendall_w(rankings(*rows))["w"].to_list()


def test_tied_candidates_share_a_rank_and_open_ones_say_so() -> None:
    placed = rank_candidates(rankings("t l a>b=c>d~e"))
    rows = placed.sort("candidate_id").select("candidate_id", "rank", "tie_size", "open").rows()
    assert rows == [
        ("a", 1.0, 1, False), ("b", 2.5, 2, False), ("c", 2.5, 2, False), ("d", 4.5, 2, True), ("e", 4.5, 2, True)
    ]  # fmt: skip


def test_concordance_by_hand() -> None:
    assert w("t l a>b>c", "t m a>b>c") == [1.0]
    assert w("t l a>b", "t m b>a") == [0.0]
    # ranks 1, 2.5, 2.5 and 1, 2, 3: sums 2, 4.5, 5.5 about 4, squares 6.5; one tie of two: 12 * 6.5 / (4 * 24 - 2 * 6)
    assert w("t l a>b=c", "t m a>b>c") == pytest.approx([78 / 84])
    assert w("t l a=b", "t m a=b") == [None]


def test_only_full_rankings_of_the_task_count_for_concordance() -> None:
    found = kendall_w(rankings("t l a>b>c", "t m a>b>c", "t n c>b", "t o c~b>a", "u l a>b"))
    assert found.rows() == [("t", 2, 3, 1.0)]


def test_tau_against_the_others_by_hand() -> None:
    # n against l and m, who say a>b>c with one tie each: the others' order is a, b, c; of n's pairs ab and ac disagree
    assert tau("t l a>b=c", "t m a=b>c", "t n b>c>a")[2] == pytest.approx((1 - 2) / 3)
    # nobody else, all ties, or others whose votes cancel out
    assert tau("t l a>b", "u m a>b") == [None, None]
    assert tau("t l a=b", "t m a>b") == [None, None]
    assert tau("t l a>b", "t m a>b", "t n b>a") == [None, None, -1.0]


def test_what_a_ranking_leaves_open_is_not_held_against_it() -> None:
    assert tau("t l a>b~c", "t m a>c>b")[0] == 1.0
    assert tau("t l a>b", "t m b>a>c") == [-1.0, -1.0]  # l did not judge c


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=2, max_size=6))
def test_tau_of_two_rankings_equals_scipys(places: list[tuple[int, int]]) -> None:
    from scipy.stats import kendalltau

    def spell(side: int) -> str:
        tiers: dict[int, list[str]] = {}
        for name, place in zip("abcdef", places, strict=False):
            tiers.setdefault(place[side], []).append(name)
        return ">".join("=".join(members) for _, members in sorted(tiers.items()))

    theirs = kendalltau(*zip(*places, strict=True)).statistic
    expected = None if theirs != theirs else pytest.approx(theirs)
    assert tau(f"t l {spell(0)}", f"t m {spell(1)}") == [expected, expected]
