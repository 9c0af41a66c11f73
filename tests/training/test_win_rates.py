import math

import pytest

from training.win_rates import compare_answers


def compare(scores_a, scores_b, prompt_ids=None, seed=1):
    return compare_answers(
        scores_a, scores_b, prompt_ids or [f"p{row}" for row in range(len(scores_a))],
        tie_tolerance=0.01, resamples=500, confidence=0.95, seed=seed,
    )  # fmt: skip


def test_ties_count_half():
    result = compare([1.0, 0.5, 0.505, 0.0], [0.0, 0.5, 0.5, 1.0])
    assert (result.n_wins, result.n_ties, result.n_losses) == (1, 2, 1)
    assert result.rate == (1 + 0.5 + 0.5 + 0) / 4
    assert result.low < 0.5 < result.high


def test_an_interval_of_equal_outcomes_has_no_width():
    result = compare([1.0] * 5, [0.0] * 5)
    assert (result.low, result.rate, result.high) == (1.0, 1.0, 1.0)


def test_answers_to_one_prompt_are_one_draw():
    # 2 prompts of 50 equal outcomes each: a resample has rate 0, .5 or 1, so the interval is all of it
    scores = [1.0] * 50 + [0.0] * 50
    result = compare(scores, scores[::-1], ["a"] * 50 + ["b"] * 50)
    assert (result.low, result.rate, result.high) == (0.0, 0.5, 1.0)


def test_the_seed_alone_decides_the_interval():
    scores = [float(row % 3) for row in range(30)]
    assert compare(scores, scores[::-1]) == compare(scores, scores[::-1])


def test_nothing_to_compare_and_rows_that_do_not_align():
    assert math.isnan(compare([], []).rate)
    with pytest.raises(ValueError, match="align"):
        compare([1.0], [])
