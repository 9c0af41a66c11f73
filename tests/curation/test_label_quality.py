import math
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from curation.label_quality import LabelQuality, list_votes, measure_labels
from curation.views import read_view
from schemas.curation_params import Bootstrap

BOOTSTRAP = Bootstrap(n_samples=50, confidence=0.95)


@pytest.fixture
def measure(table: Any) -> Callable[..., LabelQuality]:
    """measure(rankings, ratings): all measures; labeler `gold` is gold."""

    def run(rankings: list[dict[str, Any]], ratings: list[dict[str, Any]] | None = None) -> LabelQuality:
        frames = table("rankings", rankings), table("ratings", ratings or [])
        lengths = pl.DataFrame({"candidate_id": list("abcd"), "n_characters": [1, 2, 3, 4]})
        return measure_labels(*frames, lengths, gold_labelers=["gold"], bootstrap=BOOTSTRAP, seed=1)

    return run


def by_labeler(quality: LabelQuality, column: str) -> dict[str, Any]:
    return dict(quality.labelers.select("labeler_id", column).iter_rows())


def test_overall_and_each_labeler_by_hand(measure: Any, ranking_row: Any) -> None:
    rows = []
    for number in range(8):
        prompt, shown = f"p{number}", ["a", "b"]
        rows.append(ranking_row(prompt, "l", [["a"], ["b"]], shown_order=shown))
        rows.append(ranking_row(prompt, "m", [["a"], ["b"]] if number < 6 else [["a", "b"]], shown_order=shown))
        rows.append(ranking_row(prompt, "n", [["b"], ["a"]] if number < 2 else [["a"], ["b"]], shown_order=shown))
    rows.append(ranking_row("p0", "gold", [["a"], ["b"]]))
    rows.append(ranking_row("p1", "gold", [["b"], ["a"]]))
    rows.append(ranking_row("p0", "m", [["b"], ["a"]], round=2))
    quality = measure(rows)
    found = quality.overall
    assert (found["n_rankings"], found["n_labelers"], found["n_items"], found["n_votes"]) == (25, 3, 9, 25)
    # l with m: 6 + 2 * .5 of 8; l with n: 6; m with n: 4 + 2 * .5
    assert found["agreement"] == pytest.approx((7 + 6 + 5) / 24) and found["n_vote_pairs"] == 24
    assert by_labeler(quality, "agreement") == {"l": 13 / 16, "m": 12 / 16, "n": 11 / 16}
    assert found["majorities"] == {"first": 8, "second": 1, "none": 0}
    assert (found["repeat_agreement"], found["n_repeats"]) == (0.0, 1)
    # gold says a, then b: l is right once of two, m twice of three strict votes (its second round too), n once of two
    assert by_labeler(quality, "gold_accuracy") == pytest.approx({"l": 0.5, "m": 1 / 3, "n": 0.5})
    assert found["n_gold_votes"] == 7 and found["gold_accuracy"] == pytest.approx(3 / 7)
    assert set(by_labeler(quality, "n_votes").items()) == {("l", 8), ("m", 9), ("n", 8)}


def test_sides_are_named_as_most_were_shown_them(table: Any, ranking_row: Any) -> None:
    rows = [
        ranking_row("p", "l", [["a"], ["b"]], shown_order=["b", "a"]),
        ranking_row("p", "m", [["a"], ["b"]], shown_order=["b", "a"]),
        ranking_row("p", "n", [["b"], ["a"]], shown_order=["a", "b"]),
        ranking_row("q", "l", [["a"], ["b"]]),
    ]
    comparisons = read_view("comparisons", {"rankings": table("rankings", rows)})
    votes = list_votes(comparisons.filter(pl.col("first_id") < pl.col("second_id")))
    said = {(p, labeler): (v, place) for p, labeler, v, place in votes.drop("item_id").iter_rows()}
    assert said == {
        ("p", "l"): ("second", -1), ("p", "m"): ("second", -1), ("p", "n"): ("first", 1), ("q", "l"): ("first", 1)
    }  # fmt: skip


def test_skipped_and_no_labels(measure: Any, ranking_row: Any) -> None:
    quality = measure([ranking_row("p", "l", [["a"], ["b"]], skip_reason="not_rankable")])
    assert (quality.overall["n_rankings"], quality.overall["n_skipped"], quality.labelers.height) == (0, 1, 0)
    assert quality.overall["agreement"] is None and quality.overall["kendall_w"] is None
    assert quality.overall["gold_accuracy"] is None and quality.overall["tie_share"] is None


def test_ratings_are_measured_by_aspect(measure: Any) -> None:
    rows = [
        {"candidate_id": c, "labeler_id": labeler, "aspect": "help", "round": 1, "value": value}
        for c, values in {"a": (1, 1), "b": (3, 3), "c": (5, 4)}.items()
        for labeler, value in zip("lm", map(float, values), strict=True)
    ]
    rated = measure([], rows).overall["ratings"]["help"]
    # squares within: 2 * 1 over 6 votes; in all 2 * (6 * 61 - 17^2) over 6 * 5
    assert rated["n_ratings"] == 6 and rated["alpha_interval"] == pytest.approx(1 - (2 / 6) / (2 * (6 * 61 - 289) / 30))


def test_everything_is_finite_and_rows_may_come_in_any_order(measure: Any, ranking_row: Any) -> None:
    rows = [
        ranking_row(f"p{i}", labeler, [[x] for x in order], shown_order=list("abc"))
        for i in range(4) for labeler, order in (("l", "abc"), ("m", "acb"), ("n", "bca"))
    ]  # fmt: skip
    one, other = measure(rows), measure(rows[::-1])
    assert one.overall == other.overall and one.labelers.equals(other.labelers) and one.pairs.equals(other.pairs)
    assert all(math.isfinite(v) for v in one.overall.values() if isinstance(v, float))
