"""Turns scores, choices and verdicts on a prompt's candidates into tiers and rankings that say no more than they do."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pipelines.sources.faults import Note
from schemas.records import Candidate, Labeler, Ranking, Tier

Tiers = tuple[Tier, ...]


def make_tier(candidates: Iterable[Candidate], *, tied: bool) -> Tier:
    """One tier; a single candidate is tied with nothing."""
    ids = tuple(sorted({candidate.candidate_id for candidate in candidates}))
    return Tier(candidate_ids=ids, tied=tied and len(ids) > 1)


def tier_scores(
    scored: Sequence[tuple[Candidate, float]], *, best: Literal["highest", "lowest"], tied: bool = True
) -> tuple[Tiers, list[Note]]:
    """Candidates by score, best first; those of equal score are tied, or with `tied` false not told apart.

    The same answer under two scores has no place that both allow: it is left unjudged, with a note.
    """
    given: dict[str, set[float]] = defaultdict(set)
    for candidate, score in scored:
        given[candidate.candidate_id].add(score)
    torn = {candidate for candidate, scores in given.items() if len(scores) > 1}
    placed: dict[float, list[Candidate]] = defaultdict(list)
    for candidate, score in scored:
        if candidate.candidate_id not in torn:
            placed[score].append(candidate)
    order = sorted(placed, reverse=best == "highest")
    tiers = tuple(make_tier(placed[score], tied=tied) for score in order)
    detail = f"{len(torn)} answers stand twice, with two places; they are left unjudged"
    return tiers, [Note("same_answer_two_places", detail)] if torn else []


def tier_choice(best: Candidate, candidates: Iterable[Candidate]) -> Tiers:
    """The chosen one above all others, of which nothing is said among themselves."""
    others = [candidate for candidate in candidates if candidate.candidate_id != best.candidate_id]
    return (make_tier([best], tied=False), *((make_tier(others, tied=False),) if others else ()))


def tier_pair(first: Candidate, second: Candidate, winner: int) -> Tiers:
    """A verdict on two: `winner` is 1, 2 or 0 for a tie; nothing is preferred where both are the same text."""
    if winner == 0 or first.candidate_id == second.candidate_id:
        return (make_tier([first, second], tied=True),)
    return tier_choice(*((first, [second]) if winner == 1 else (second, [first])))


def rank(candidates: Sequence[Candidate], labeler: Labeler, tiers: Tiers, **facts: Any) -> Ranking:
    """A labeler's ranking of all candidates put up for one prompt; `facts` are its further fields.

    Raises:
        ValidationError: a fact is not what the record wants, or a candidate is ranked twice.
    """
    ids = tuple(sorted({candidate.candidate_id for candidate in candidates}))
    prompt = candidates[0].prompt_id
    return Ranking(prompt_id=prompt, candidate_ids=ids, labeler_id=labeler.labeler_id, tiers=tiers, **facts)


def show_order(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Ids in the order shown, each once."""
    return tuple(dict.fromkeys(candidate.candidate_id for candidate in candidates))
