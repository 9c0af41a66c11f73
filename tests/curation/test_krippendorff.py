import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verdicts import votes

from curation.krippendorff import bootstrap_alpha, krippendorff_alpha


def test_krippendorff_alpha_by_hand() -> None:
    # coincidences: xx 2, yy 2, xy 2 of 6; marginals 3 and 3: observed 2/6, expected 18/30
    frame = votes("1 a x", "1 b x", "2 a x", "2 b y", "3 a y", "3 b y", "4 a x")
    assert krippendorff_alpha(frame) == pytest.approx(1 - (2 / 6) / (18 / 30))


def test_levels_by_hand() -> None:
    # values 0 0 | 0 2 | 2 3 | 3 3; of 8 votes three are 0, two 2, three 3; middle ranks 2, 4.5 and 7
    frame = votes("1 a 0", "1 b 0", "2 a 0", "2 b 2", "3 a 2", "3 b 3", "4 a 3", "4 b 3")
    frame = frame.with_columns(pl.col("verdict").cast(pl.Int64))
    # observed: one pair 0 2, one 2 3; expected: 6 pairs 0 2, 9 pairs 0 3, 6 pairs 2 3; alpha = 1 - 7 * o / e
    by_hand = {
        "nominal": 1 - 7 * (1 + 1) / (6 + 9 + 6),
        "interval": 1 - 7 * (4 + 1) / (6 * 4 + 9 * 9 + 6 * 1),
        "ordinal": 1 - 7 * (2.5**2 + 2.5**2) / (6 * 2.5**2 + 9 * 5**2 + 6 * 2.5**2),
    }
    levels: tuple[Any, ...] = ("nominal", "interval", "ordinal")
    assert {level: krippendorff_alpha(frame, level) for level in levels} == pytest.approx(by_hand)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([1, 2, 5, 7, None]), min_size=3, max_size=3), min_size=2, max_size=12),
    st.sampled_from(["nominal", "ordinal", "interval"]),
)
def test_alpha_equals_evalica(table: list[list[int | None]], level: Any) -> None:
    import evalica

    pandas = pytest.importorskip("pandas")

    rows = [(str(i), str(j), v) for i, row in enumerate(table) for j, v in enumerate(row) if v is not None]
    schema = {"item_id": pl.String, "labeler_id": pl.String, "verdict": pl.Int64}
    ours = krippendorff_alpha(pl.DataFrame(rows, schema=schema, orient="row"), level)
    if ours is None:
        return
    matrix = pandas.DataFrame(table).T
    assert ours == pytest.approx(evalica.alpha(matrix, distance=level).alpha, abs=1e-6)


def test_nothing_to_disagree_about_is_null() -> None:
    for frame in (votes("1 a x", "2 b y"), votes("1 a x", "1 b x"), votes("1 a x").clear()):
        assert krippendorff_alpha(frame) is None
        assert bootstrap_alpha(frame, n_samples=9, confidence=0.9, seed=1) is None
    equal = votes("1 a 3", "1 b 3", "2 a 3", "2 b 3").with_columns(pl.col("verdict").cast(pl.Float64) / 10)
    assert krippendorff_alpha(equal, "interval") is None and krippendorff_alpha(equal, "ordinal") is None


@pytest.mark.parametrize("level", ["ordinal", "interval"])
def test_the_interval_is_of_the_level_asked_for(level: Any) -> None:
    rng, rows = random.Random(3), []
    for i in range(200):
        quality = rng.random()
        rows += [(str(i), labeler, round(4 * quality + rng.random())) for labeler in "abc"]
    frame = pl.DataFrame(rows, schema=["item_id", "labeler_id", "verdict"], orient="row")
    interval = bootstrap_alpha(frame, level, n_samples=300, confidence=0.95, seed=1)
    alpha = krippendorff_alpha(frame, level)
    assert interval is not None and alpha is not None and interval[0] < alpha < interval[1]
    assert interval[1] - interval[0] < 0.15 and interval[0] > (krippendorff_alpha(frame) or 1)


def test_the_interval_of_alpha_covers_it_and_narrows() -> None:
    rng, widths = random.Random(2), []
    for n in (40, 640):
        rows = [(str(i), labeler, rng.choice("xxxy")) for i in range(n) for labeler in "abc"]
        frame = pl.DataFrame(rows, schema=["item_id", "labeler_id", "verdict"], orient="row")
        interval = bootstrap_alpha(frame, n_samples=400, confidence=0.95, seed=1)
        assert interval is not None and interval[0] < (krippendorff_alpha(frame) or 9) < interval[1]
        assert bootstrap_alpha(frame[::-1], n_samples=400, confidence=0.95, seed=1) == pytest.approx(interval)
        widths.append(interval[1] - interval[0])
    # sixteen times the items: a quarter of the width
    assert 2.5 < widths[0] / widths[1] < 6
    one = frame.with_columns(prompt_id=pl.lit("p"))
    assert bootstrap_alpha(one, n_samples=9, confidence=0.9, seed=1, cluster="prompt_id") is None
