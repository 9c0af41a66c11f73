import math

import pytest

from training.examples import Pair
from training.reward_checks import length_correlation, reward_accuracy


def pair(chosen, rejected):
    return Pair(chosen, rejected, 1.0, 0.0)


def test_accuracy_counts_equal_rewards_half():
    result = reward_accuracy([[2.0, 1.0, 1.0], [0.0, 3.0]], [[pair(0, 1), pair(1, 2)], [pair(0, 1)]])
    assert (result.accuracy, result.n_pairs, result.n_prompts) == (1.5 / 3, 3, 2)


def test_standard_error_takes_prompts_not_pairs_as_the_sample():
    # 3 of 3 right and 0 of 3: a = 1/2, residuals 1.5 and -1.5, sqrt(2/1 * 4.5) / 6 = .5; by pairs it were .2
    pairs = [pair(0, 1), pair(0, 2), pair(0, 3)]
    result = reward_accuracy([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 1.0]], [pairs, pairs])
    assert result.standard_error == pytest.approx(0.5)


def test_no_pairs_give_no_number():
    assert math.isnan(reward_accuracy([], []).accuracy)
    assert math.isnan(reward_accuracy([[1.0]], [[]]).accuracy)


def test_length_is_compared_within_prompts():
    # within each prompt the longer answer has the lower reward; across prompts it looks the other way round
    assert length_correlation([[1.0, 0.0], [11.0, 10.0]], [[1, 2], [101, 102]]) == pytest.approx(-1.0)
    assert math.isnan(length_correlation([[1.0, 0.0]], [[3, 3]]))
