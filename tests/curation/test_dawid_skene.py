import dataclasses

import numpy as np
import polars as pl
import pytest

from curation.dawid_skene import Coins, believe_others, fit_coins, weigh_votes
from curation.votes import Votes


def draw_votes(
    coins: Coins, *, n_pairs: int, seed: int, shared_order: bool = False, per_pair: int | None = None
) -> tuple[Votes, np.ndarray]:
    """Votes of labelers with those coins, and for each pair +1 where the first side is better, else -1."""
    rng = np.random.default_rng(seed)
    n = len(coins.earlier)
    truth = rng.choice([-1.0, 1.0], n_pairs)
    pair, labeler = np.repeat(np.arange(n_pairs), n), np.tile(np.arange(n), n_pairs)
    if per_pair:
        some = (rng.permuted(np.tile(np.arange(n), (n_pairs, 1)), axis=1) < per_pair).ravel()
        pair, labeler = pair[some], labeler[some]
    shown = rng.choice([-1.0, 1.0], n_pairs)[pair] if shared_order else rng.choice([-1.0, 1.0], len(pair))
    chance = np.where(shown == truth[pair], coins.earlier[labeler], coins.later[labeler])
    sign = np.where(rng.random(len(pair)) < chance, truth[pair], -truth[pair])
    names = [f"l{number:02}" for number in range(n)]
    return Votes(pl.DataFrame(), names, pair, labeler, sign, pair, shown, np.zeros(n_pairs)), truth


def coins(*pairs: tuple[float, float]) -> Coins:
    return Coins(*np.array(pairs).T)


def test_both_coins_of_each_labeler_are_found() -> None:
    true = coins((0.9, 0.9), (0.95, 0.6), (0.5, 0.8), (0.5, 0.5), (0.2, 0.2), (0.8, 0.8))
    votes, _ = draw_votes(true, n_pairs=6000, seed=1)
    found = fit_coins(votes)
    assert found.earlier == pytest.approx(true.earlier, abs=0.03)
    assert found.later == pytest.approx(true.later, abs=0.03)
    assert found.position_bias[1] == pytest.approx(0.35, abs=0.05)


def test_without_an_order_both_coins_are_one() -> None:
    votes, _ = draw_votes(coins((0.9, 0.7), (0.8, 0.8), (0.7, 0.7)), n_pairs=4000, seed=1)
    found = fit_coins(dataclasses.replace(votes, towards_earlier=np.zeros_like(votes.sign)))
    assert found.earlier == pytest.approx(found.later)
    assert found.earlier == pytest.approx([0.8, 0.8, 0.7], abs=0.04)


def test_votes_of_unknown_order_count_for_both_coins() -> None:
    true = coins((0.95, 0.65), (0.85, 0.85), (0.8, 0.8), (0.75, 0.75))
    votes, _ = draw_votes(true, n_pairs=8000, seed=2)
    hidden = np.where(votes.pair % 2, votes.towards_earlier, 0.0)
    found = fit_coins(dataclasses.replace(votes, towards_earlier=hidden))
    assert found.earlier[0] == pytest.approx(0.95, abs=0.04) and found.later[0] == pytest.approx(0.65, abs=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_labelers_who_follow_one_order_that_all_were_shown_are_no_consensus(seed: int) -> None:
    # seven of twelve take what is shown first, and agree with each other in it: with one coin they would be the truth
    true = coins(*[(0.98, 0.06)] * 7, *[(0.8, 0.8)] * 5)
    votes, _ = draw_votes(true, n_pairs=1500, seed=seed, shared_order=True, per_pair=4)
    found = fit_coins(votes)
    assert (found.informedness[:7] < 0.2).all() and (found.informedness[7:] > 0.35).all()
    one_coin = fit_coins(dataclasses.replace(votes, towards_earlier=np.zeros_like(votes.sign)))
    assert (one_coin.informedness[:7] > 0.8).all() and (one_coin.informedness[7:] < 0.3).all()


@pytest.mark.parametrize("seed", range(3))
def test_gold_tells_a_world_from_its_mirror_image(seed: int) -> None:
    votes, truth = draw_votes(coins(*[(0.15, 0.15)] * 7, *[(0.85, 0.85)] * 5), n_pairs=800, seed=seed, per_pair=4)
    contrary = np.arange(12) < 7
    mirrored = fit_coins(votes).informedness > 0
    assert (mirrored == contrary).all()  # by agreement alone the contrary majority is right
    gold = np.where(np.arange(800) % 20 == 0, truth, 0.0)
    told = fit_coins(dataclasses.replace(votes, gold=gold)).informedness > 0
    assert (told == ~contrary).all()


def test_evidence_is_the_ratio_of_chances() -> None:
    votes = Votes(
        pl.DataFrame(), ["a"], np.arange(3), np.zeros(3, int), np.array([1.0, 1, -1]), np.arange(3),
        np.array([1.0, -1, 0]), np.zeros(3),
    )  # fmt: skip
    # said first, shown earlier: .9 if that is right, else 1 - .6; shown later: .6 against .1; unknown: .75 against .25
    expected = [np.log(0.9 / 0.4), np.log(0.6 / 0.1), -np.log(3)]
    assert weigh_votes(votes, coins((0.9, 0.6))) == pytest.approx(expected)


def test_belief_on_a_gold_pair_is_gold() -> None:
    votes, truth = draw_votes(coins((0.8, 0.8), (0.8, 0.8), (0.8, 0.8)), n_pairs=50, seed=3)
    gold = np.where(np.arange(50) < 10, -truth, 0.0)  # gold is right even where all say otherwise
    belief = believe_others(dataclasses.replace(votes, gold=gold))
    assert (belief[votes.pair < 10] == gold[votes.pair[votes.pair < 10]]).all()


def test_many_labelers_go_another_way_to_the_same_end() -> None:
    few = coins(*[(0.85, 0.85)] * 3, *[(0.5, 0.5)] * 2, (0.2, 0.2))
    many = Coins(np.tile(few.earlier, 90), np.tile(few.later, 90))
    votes, _ = draw_votes(many, n_pairs=3000, seed=1, per_pair=8)
    informedness = fit_coins(votes).informedness.reshape(90, 6)
    assert informedness.mean(axis=0) == pytest.approx(few.informedness, abs=0.08)


@pytest.mark.parametrize("contrary", [0, 60])
def test_many_labelers_of_whom_half_contradict_the_others(contrary: int) -> None:
    n, n_pairs = 120, 40
    pair, labeler = np.repeat(np.arange(n_pairs), n), np.tile(np.arange(n), n_pairs)
    sign = np.where(labeler < contrary, -1.0, 1.0)
    votes = Votes(pl.DataFrame(), [str(i) for i in range(n)], pair, labeler, sign, pair, 0 * sign, np.ones(n_pairs))
    assert (fit_coins(votes).informedness > 0).tolist() == [i >= contrary for i in range(n)]


def test_many_labelers_who_only_follow_the_order_know_nothing() -> None:
    n, n_pairs = 120, 40
    pair, labeler = np.repeat(np.arange(n_pairs), n), np.tile(np.arange(n), n_pairs)
    shown = np.where(pair % 2, 1.0, -1.0)
    votes = Votes(pl.DataFrame(), [str(i) for i in range(n)], pair, labeler, shown, pair, shown, np.zeros(n_pairs))
    assert fit_coins(votes).informedness == pytest.approx(np.zeros(n), abs=1e-6)


def test_labelers_who_share_no_pair_are_worlds_of_their_own() -> None:
    true = coins((0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.2, 0.2), (0.85, 0.85))
    one, truth = draw_votes(true, n_pairs=800, seed=1)
    other, _ = draw_votes(true, n_pairs=800, seed=2)
    arrays = ("sign", "cluster", "towards_earlier")
    both = Votes(
        pl.DataFrame(), [f"{part}{name}" for part in "ab" for name in one.labelers],
        np.concatenate([one.pair, 800 + other.pair]), np.concatenate([one.labeler, 5 + other.labeler]),
        *(np.concatenate([getattr(one, name), getattr(other, name)]) for name in arrays),
        np.concatenate([-truth, np.zeros(800)]),
    )  # fmt: skip
    found = fit_coins(both).informedness
    # the first part's gold says the opposite of what its labelers were drawn from; the second part has none
    assert np.sign(found).tolist() == [-1, -1, -1, 1, -1, 1, 1, 1, -1, 1]
