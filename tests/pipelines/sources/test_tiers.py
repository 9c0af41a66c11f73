"""Tiers say what scores, choices and verdicts say, and no more."""

from pipelines.sources.buckets import order_buckets
from pipelines.sources.importing import answer, ask
from pipelines.sources.tiers import Tiers, rank, show_order, tier_choice, tier_pair, tier_scores
from schemas.records import Candidate, Labeler

PROMPT = ask("Add.")
A, B, C = (answer(PROMPT, text) for text in "abc")


def spell(tiers: Tiers) -> list[tuple[set[str], bool]]:
    names = {candidate.candidate_id: name for name, candidate in (("A", A), ("B", B), ("C", C))}
    return [({names[candidate] for candidate in tier.candidate_ids}, tier.tied) for tier in tiers]


def score(*scored: tuple[Candidate, float], tied: bool = True) -> tuple[list[tuple[set[str], bool]], list[str]]:
    tiers, notes = tier_scores(scored, best="lowest", tied=tied)
    return spell(tiers), [note.note for note in notes]


def test_equal_scores_are_tied_and_others_ordered() -> None:
    assert score((A, 2), (B, 1), (C, 2)) == ([({"B"}, False), ({"A", "C"}, True)], [])
    assert score((A, 2), (B, 1), (C, 2), tied=False)[0] == [({"B"}, False), ({"A", "C"}, False)]
    highest, _ = tier_scores([(A, 2), (B, 1)], best="highest")
    assert spell(highest) == [({"A"}, False), ({"B"}, False)]


def test_the_same_answer_in_two_places_is_unjudged_and_in_one_place_is_one() -> None:
    assert score((A, 1), (B, 2), (A, 3)) == ([({"B"}, False)], ["same_answer_two_places"])
    assert score((A, 1), (B, 2), (A, 1)) == ([({"A"}, False), ({"B"}, False)], [])


def test_a_choice_says_nothing_of_the_others() -> None:
    assert spell(tier_choice(B, [A, B, C])) == [({"B"}, False), ({"A", "C"}, False)]
    assert spell(tier_choice(B, [B])) == [({"B"}, False)]


def test_a_verdict_on_two() -> None:
    assert [spell(tier_pair(A, B, winner)) for winner in (0, 1, 2)] == [
        [({"A", "B"}, True)], [({"A"}, False), ({"B"}, False)], [({"B"}, False), ({"A"}, False)]
    ]  # fmt: skip
    assert spell(tier_pair(A, A, 1)) == [({"A"}, False)]


def test_all_candidates_put_up_make_the_task_whatever_is_judged() -> None:
    labeler = Labeler(labeler_id="l", kind="person")
    some, all_ = (rank([A, B, C], labeler, tiers) for tiers in (tier_pair(A, B, 1), tier_choice(C, [A, B, C])))
    assert some.task_id == all_.task_id != rank([A, B], labeler, tier_pair(A, B, 1)).task_id
    assert show_order([C, A, C]) == (C.candidate_id, A.candidate_id)


def test_buckets_are_ordered_by_names_that_say_an_order() -> None:
    places = order_buckets(["rank_10", "rank_2", "Rank 1"])
    assert places and places.best_first == ("Rank 1", "rank_2", "rank_10") and places.are_places
    words = order_buckets(["Bad", "best", "good"])
    assert words and words.best_first == ("best", "good", "Bad") and not words.are_places


def test_buckets_whose_names_say_no_order_have_none() -> None:
    for names in (["good", "biased"], ["score_1", "score_2"], ["good", "relevant"], ["1", "rank_1"], ["1", "good"]):
        assert order_buckets(names) is None
