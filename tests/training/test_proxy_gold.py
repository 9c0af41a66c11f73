import math
from itertools import combinations

import pytest

from training.proxy_gold import best_of_curve, rank_values, relate_proxy_gold


def test_best_of_n_is_the_mean_over_all_subsets():
    rewards, golds = [0.3, -1.0, 2.0, 0.5, 1.0], [1.0, 0.0, 0.25, 0.5, 0.75]
    for point in best_of_curve([rewards], [golds], [1, 2, 4]):
        best = [max(subset, key=lambda row: rewards[row]) for subset in combinations(range(5), point.n)]
        assert point.reward == pytest.approx(sum(rewards[row] for row in best) / len(best))
        assert point.gold == pytest.approx(sum(golds[row] for row in best) / len(best))
        assert point.kl == pytest.approx(math.log(point.n) - (point.n - 1) / point.n)


def test_equal_rewards_are_chosen_equally_often():
    (point,) = best_of_curve([[1.0, 1.0, 0.0]], [[1.0, 0.0, 0.0]], [2])
    assert point.gold == pytest.approx(0.5), "whichever pair is drawn, one of the two ones wins, each in half the cases"


def test_too_few_samples_are_an_error():
    with pytest.raises(ValueError, match="one has 2"):
        best_of_curve([[1.0, 2.0]], [[0.0, 0.0]], [4])


def test_equal_values_share_their_mean_rank():
    assert rank_values([3.0, 1.0, 3.0, 0.0]) == [3.5, 2.0, 3.5, 1.0]


def test_bins_go_from_low_reward_to_high_and_lose_nobody():
    result = relate_proxy_gold([3.0, 1.0, 2.0, 5.0, 4.0], [0.75, 0.25, 0.5, 0.0, 1.0], n_bins=2)
    assert [bin.n for bin in result.bins] == [2, 3]
    assert result.bins[0].reward == 1.5
    assert result.bins[1].gold == pytest.approx((0.75 + 0.0 + 1.0) / 3)
    # ranks 3 1 2 5 4 against 4 2 3 1 5: sum of squared differences 1+1+1+16+1 = 20, 1 - 6 * 20 / (5 * 24) = 0
    assert result.rank_correlation == pytest.approx(0.0)


def test_a_constant_side_has_no_correlation():
    assert math.isnan(relate_proxy_gold([1.0, 1.0], [0.0, 1.0], n_bins=1).correlation)
