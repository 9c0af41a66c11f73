import numpy as np
import polars as pl
import pytest

from curation.plackett_luce import fit_plackett_luce, list_choices


def place(*rankings: str) -> pl.DataFrame:
    """Rankings such as "0>1=2>3~4": tiers by >, tied by =, of unknown order by ~."""
    rows = [
        (number, tier, "=" in members, int(item), 1.0)
        for number, ranking in enumerate(rankings)
        for tier, members in enumerate(ranking.split(">"))
        for item in members.replace("~", "=").split("=")
    ]
    return pl.DataFrame(rows, schema=["ranking", "tier", "tied", "item", "weight"], orient="row")


def spell(ranking: str) -> set[tuple[int, frozenset[int]]]:
    """Each choice as its winner and those it was chosen from."""
    choices = list_choices(place(ranking), 9)
    sets: dict[int, set[int]] = {}
    for choice, item in zip(choices.choice.tolist(), choices.item.tolist(), strict=True):
        sets.setdefault(choice, set()).add(item)
    return {(int(choices.winner[choice]), frozenset(items)) for choice, items in sets.items()}


def test_a_ranking_is_a_series_of_choices() -> None:
    assert spell("2>0>1") == {(2, frozenset({0, 1, 2})), (0, frozenset({0, 1}))}


def test_a_tied_tier_is_chosen_from_as_a_whole_and_an_unordered_one_member_by_member() -> None:
    assert spell("0=1>2") == {(0, frozenset({0, 1, 2})), (1, frozenset({0, 1, 2}))}
    assert spell("0~1>2") == {(0, frozenset({0, 2})), (1, frozenset({1, 2}))}
    assert spell("0>1=2") == {(0, frozenset({0, 1, 2})), (1, frozenset({1, 2})), (2, frozenset({1, 2}))}
    assert spell("0>1~2") == {(0, frozenset({0, 1, 2}))}


def test_two_items_by_hand() -> None:
    # 0 was chosen twice of three times: a ratio of strengths of 2
    logs = fit_plackett_luce(list_choices(place("0>1", "0>1", "1>0"), 2), invented_wins=0, tolerance=1e-12)
    assert logs[0] - logs[1] == pytest.approx(np.log(2))
    tied = fit_plackett_luce(list_choices(place("0=1", "0>1"), 2), invented_wins=0, tolerance=1e-12)
    assert tied[0] - tied[1] == pytest.approx(np.log(2))  # two choices of 0, one of 1


def test_equals_choix() -> None:
    choix = pytest.importorskip("choix")
    rng = np.random.default_rng(1)
    rankings = [[int(i) for i in rng.choice(7, rng.integers(2, 6), replace=False)] for _ in range(120)]
    ours = fit_plackett_luce(
        list_choices(place(*(">".join(map(str, r)) for r in rankings)), 7), invented_wins=0, tolerance=1e-12
    )
    theirs = choix.mm_rankings(7, rankings, tol=1e-12)
    assert ours - ours.mean() == pytest.approx(theirs - theirs.mean(), abs=1e-6)


def test_a_weight_counts_like_repeats_and_order_of_rows_does_not() -> None:
    twice = place("0>1>2", "0>1>2", "2>1>0")
    once = place("0>1>2", "2>1>0").with_columns(weight=pl.when(pl.col("ranking") == 0).then(2.0).otherwise(1.0))
    fits = [fit_plackett_luce(list_choices(frame, 3), invented_wins=1.0) for frame in (twice, once, once[::-1])]
    assert fits[0] == pytest.approx(fits[1]) and (fits[1] == fits[2]).all()


def test_nobody_ranked() -> None:
    assert fit_plackett_luce(list_choices(place("0"), 2), invented_wins=1.0).tolist() == [0, 0]
