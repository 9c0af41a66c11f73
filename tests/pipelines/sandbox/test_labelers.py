"""Simulated labelers: their traits can be measured, and skilled ones agree about as much as people do."""

import random
from collections import Counter
from itertools import combinations

import pytest

from pipelines.sandbox.answers import write_answer
from pipelines.sandbox.flaws import pick_flaws
from pipelines.sandbox.gold import gold_score
from pipelines.sandbox.labelers import LIKING, Labeler, Ranked, make_labelers, rank_candidates
from pipelines.sandbox.prompts import write_prompts
from pipelines.sandbox.tasks import parse_task
from schemas.params import Sandbox

Candidates = list[tuple[str, str]]


@pytest.fixture(scope="module")
def tasks(params: Sandbox) -> list[tuple[str, Candidates]]:
    """Prompts with four different answers each, most of them flawed."""
    rng, made = random.Random(1), []
    for prompt in write_prompts("validation", 300, params=params, turn_seed=1, exclude=set()):
        task = parse_task(prompt)
        assert task is not None
        texts = {
            write_answer(task, rng, pick_flaws(task, rng, form=rng.random() < 0.7, content=rng.random() < 0.3))
            for _ in range(12)
        }
        made.append((prompt, [(f"c{i}", text) for i, text in enumerate(sorted(texts)[:4])]))
    return made


def verdicts(ranked: Ranked) -> dict[tuple[str, str], int]:
    """1, 0 or -1 for each pair of candidates: the first is better, tied, worse."""
    place = {name: tier for tier, (names, _) in enumerate(ranked.tiers) for name in names}
    return {(a, b): (place[a] < place[b]) - (place[a] > place[b]) for a, b in combinations(sorted(place), 2)}


def agreement(first: str, second: str, tasks: list[tuple[str, Candidates]]) -> float:
    """Chance that two labelers agree on a pair; a tie against a preference agrees by half."""
    agreed, total = 0.0, 0
    for prompt, answers in tasks:
        judges = (Labeler(f"{trait}-{number}", trait) for number, trait in enumerate((first, second)))
        a, b = (verdicts(rank_candidates(judge, prompt, answers, seed=1)) for judge in judges)
        agreed += sum(1 - abs(a[pair] - b[pair]) / 2 for pair in a)
        total += len(a)
    return agreed / total


def test_traits_are_shared_out_as_asked(params: Sandbox) -> None:
    labelers = make_labelers(params)
    # 12 * (.5, .16, .09, .09, .16) = 6, 1.92, 1.08, 1.08, 1.92
    assert Counter(labeler.trait for labeler in labelers) == {
        "skilled": 6, "careless": 2, "contrary": 1, "length_biased": 1, "position_biased": 2,
    }  # fmt: skip
    assert [labeler.labeler_id for labeler in labelers][:2] == ["sandbox-01", "sandbox-02"]
    assert labelers == make_labelers(params)


def test_skilled_labelers_agree_like_people(tasks: list[tuple[str, Candidates]]) -> None:
    assert 0.75 <= agreement("skilled", "skilled", tasks) <= 0.87


def test_careless_agree_at_chance_and_contrary_against(tasks: list[tuple[str, Candidates]]) -> None:
    assert 0.4 <= agreement("skilled", "careless", tasks) <= 0.6
    assert agreement("skilled", "contrary", tasks) < 0.35


def test_skilled_labelers_follow_gold_and_tie_equals(tasks: list[tuple[str, Candidates]]) -> None:
    right = wrong = 0
    ties: Counter[bool] = Counter()
    for prompt, answers in tasks:
        gold = {name: gold_score(prompt, text) or 0.0 for name, text in answers}
        for (a, b), verdict in verdicts(rank_candidates(Labeler("s", "skilled"), prompt, answers, seed=1)).items():
            right += verdict * (gold[a] - gold[b]) > 0
            wrong += verdict * (gold[a] - gold[b]) < 0
            if verdict == 0:
                ties[abs(gold[a] - gold[b]) < 0.25] += 1
    assert right > 4 * wrong
    assert ties[True] > 4 * ties[False]


def test_length_and_position_biases_show(tasks: list[tuple[str, Candidates]]) -> None:
    def share(trait: str, prefers_first: str) -> float:
        hits = total = 0
        for prompt, answers in tasks:
            ranked = rank_candidates(Labeler("x", trait), prompt, answers, seed=1)
            words = {name: len(text.split()) for name, text in answers}
            for (a, b), verdict in verdicts(ranked).items():
                order = (
                    words[a] - words[b]
                    if prefers_first == "longer"
                    else ranked.shown_order.index(b) - ranked.shown_order.index(a)
                )
                hits, total = hits + (verdict * order > 0), total + (verdict * order != 0)
        return hits / total

    assert share("length_biased", "longer") > 0.8 > share("skilled", "longer")
    assert share("position_biased", "earlier") > 0.8 > share("skilled", "earlier")


@pytest.mark.parametrize("trait", sorted(LIKING))
def test_a_ranking_names_each_candidate_once_in_any_order(trait: str, tasks: list[tuple[str, Candidates]]) -> None:
    prompt, answers = tasks[0]
    ranked = rank_candidates(Labeler("x", trait), prompt, answers, seed=1)
    assert ranked == rank_candidates(Labeler("x", trait), prompt, answers[::-1], seed=1)
    named = [name for names, _ in ranked.tiers for name in names]
    assert sorted(named) == sorted(ranked.shown_order) == sorted(name for name, _ in answers)
    assert all(tied == (len(names) > 1) for names, tied in ranked.tiers) and ranked.seconds > 0


def test_prompts_outside_the_world_are_ranked_too() -> None:
    ranked = rank_candidates(Labeler("x", "skilled"), "What is love?", [("a", "x"), ("b", "y")], seed=1)
    assert {name for names, _ in ranked.tiers for name in names} == {"a", "b"}
