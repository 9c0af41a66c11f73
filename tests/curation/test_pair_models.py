import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.pair_models import PairCounts, fit_davidson, fit_rao_kupper, predict_davidson, predict_rao_kupper


def draw_counts(seed: int, n: int = 6) -> tuple[PairCounts, np.ndarray, np.ndarray]:
    """Random wins and ties of all pairs, also as matrices: wins of row over column, ties in both places."""
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(n, 1)
    wins_first, wins_second, ties = (rng.integers(1, 9, len(first)).astype(float) for _ in range(3))
    wins, tied = np.zeros((n, n)), np.zeros((n, n))
    wins[first, second], wins[second, first] = wins_first, wins_second
    tied[first, second] = tied[second, first] = ties
    return PairCounts(n, first, second, wins_first, wins_second, ties), wins, tied


def centre(logs: np.ndarray) -> np.ndarray:
    return logs - logs.mean()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_davidson_equals_evalicas_newman(seed: int) -> None:
    import evalica

    counts, wins, ties = draw_counts(seed)
    naive = evalica.newman  # over comparisons: spell out the counts
    xs, ys, winners, weights = [], [], [], []
    for i, j in zip(counts.first, counts.second, strict=True):
        sides = ((evalica.Winner.X, wins[i, j]), (evalica.Winner.Y, wins[j, i]), (evalica.Winner.Draw, ties[i, j]))
        for winner, weight in sides:
            xs.append(str(i)), ys.append(str(j)), winners.append(winner), weights.append(weight)
    theirs = naive(xs, ys, winners, weights=weights, tie_weight=1.0, tolerance=1e-12, limit=100_000)
    ours = fit_davidson(counts, invented_wins=0, tolerance=1e-12)
    scores = np.log(np.array([theirs.scores[str(i)] for i in range(counts.n_items)]))
    assert centre(ours.log_strengths) == pytest.approx(centre(scores), abs=1e-6)
    assert ours.tie == pytest.approx(theirs.v, abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_without_ties_both_are_the_same_model(seed: int) -> None:
    counts, _, _ = draw_counts(seed)
    plain = PairCounts(
        counts.n_items, counts.first, counts.second, counts.wins_first, counts.wins_second, 0 * counts.ties
    )
    one, other = (fit(plain, invented_wins=0, tolerance=1e-12) for fit in (fit_rao_kupper, fit_davidson))
    assert centre(one.log_strengths) == pytest.approx(centre(other.log_strengths), abs=1e-7)
    assert (one.tie, other.tie) == (1.0, pytest.approx(0.0, abs=1e-9))


@pytest.mark.parametrize(("fit", "predict"), [(fit_rao_kupper, predict_rao_kupper), (fit_davidson, predict_davidson)])
def test_two_items_come_out_as_they_were_counted(fit: object, predict: object) -> None:
    # three chances and two free parameters that span them: the likeliest are the shares themselves
    counts = PairCounts(2, np.array([0]), np.array([1]), np.array([5.0]), np.array([2.0]), np.array([3.0]))
    model = fit(counts, invented_wins=0, tolerance=1e-12)  # type: ignore[operator]
    chances = predict(model, np.array([0]), np.array([1]))  # type: ignore[operator]
    assert [float(chance[0]) for chance in chances] == pytest.approx([0.5, 0.2, 0.3], abs=1e-6)


@pytest.mark.parametrize("fit", [fit_rao_kupper, fit_davidson])
def test_the_likelihood_is_at_its_maximum(fit: object) -> None:
    counts, _, _ = draw_counts(4)
    predict = predict_rao_kupper if fit is fit_rao_kupper else predict_davidson
    model = fit(counts, invented_wins=0.7, tolerance=1e-12)  # type: ignore[operator]

    def likelihood(shift: np.ndarray, tie: float) -> float:
        moved = type(model)(model.log_strengths + shift, tie)
        won = predict(moved, counts.first, counts.second)
        said = (counts.wins_first, counts.wins_second, counts.ties)
        alone = 1 / (1 + np.exp(-moved.log_strengths))
        invented = 0.7 * (np.log(alone) + np.log(1 - alone)).sum()
        return float(sum((w * np.log(p)).sum() for w, p in zip(said, won, strict=True)) + invented)

    best = likelihood(np.zeros(6), model.tie)
    for step in (1e-3, -1e-3):
        assert all(likelihood(step * unit, model.tie) < best for unit in np.eye(6))
        assert likelihood(np.zeros(6), model.tie + step) < best


def test_davidson_settles_where_pairs_that_only_tied_pull_its_ties_about() -> None:
    # 0 and 1 only tied, 2 only lost to 1: strengths and ties, moved by whole steps, traded places for ever
    wins_first, wins_second, ties = np.array([0, 3.7]), np.zeros(2), np.array([2.0, 0])
    counts = PairCounts(3, np.array([0, 1]), np.array([1, 2]), wins_first, wins_second, ties)
    model = fit_davidson(counts, invented_wins=0.1)
    # as scipy's BFGS finds them from the likelihood
    assert model.log_strengths == pytest.approx([0.756137, 1.512595, -10.133977], abs=1e-4)
    assert model.tie == pytest.approx(9.6556, abs=1e-3)


def test_weights_count_like_repeats_and_parts_do_not_meet() -> None:
    counts, _, _ = draw_counts(5)
    n = counts.n_items
    other = PairCounts(
        2 * n, np.concatenate([counts.first, counts.first + n]), np.concatenate([counts.second, counts.second + n]),
        *(np.tile(values, 2) for values in (counts.wins_first, counts.wins_second, counts.ties)),
    )  # fmt: skip
    whole, part = (fit_rao_kupper(c, invented_wins=1, tolerance=1e-12) for c in (other, counts))
    assert whole.log_strengths[n:] == pytest.approx(part.log_strengths, abs=1e-8)
    assert whole.tie == pytest.approx(part.tie, abs=1e-8)


@pytest.mark.parametrize("fit", [fit_rao_kupper, fit_davidson])
@pytest.mark.parametrize("said", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)])
def test_one_sided_votes_stay_finite(fit: object, said: tuple[float, float, float]) -> None:
    counts = PairCounts(2, np.array([0]), np.array([1]), *(np.array([value]) for value in said))
    model = fit(counts, invented_wins=1.0)  # type: ignore[operator]
    assert np.isfinite(model.log_strengths).all() and np.isfinite(model.tie)
    assert np.sign(round(model.log_strengths[0] - model.log_strengths[1], 6)) == said[0]
