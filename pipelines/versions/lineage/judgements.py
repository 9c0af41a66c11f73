"""Reads from rankings who judged a pair of candidates and how, and which pairs became preferences."""

from collections.abc import Collection, Sequence
from typing import Any

from pipelines.versions.lineage.nodes import Node
from pipelines.versions.lineage.parts import list_drops, newest, tell_labeler
from pipelines.versions.lineage.shelves import Found, Shelves


def judge_pair(tiers: Sequence[dict[str, Any]], first: str, second: str) -> str | None:
    """What a ranking says of two candidates, as view `comparisons` does: first, second, tie, or nothing."""
    places = {each: place for place, tier in enumerate(tiers) for each in tier["candidate_ids"]}
    if first not in places or second not in places:
        return None
    if places[first] == places[second]:
        return "tie" if tiers[places[first]]["tied"] else None
    return "first" if places[first] < places[second] else "second"


def tell_votes(shelves: Shelves, prompt_id: str, chosen: str, rejected: str, pair: str) -> list[Node]:
    """Each judgement of a pair: by whom, for which side, and whether it counts."""
    nodes = []
    for ranking in _list_rankings(shelves, prompt_id, pair):
        verdict = judge_pair(ranking["tiers"], chosen, rejected) if ranking["skip_reason"] is None else None
        if verdict is None:
            continue
        words = {"first": "for chosen", "second": "for rejected", "tie": "tie"}
        nodes.append(_tell_ranking(shelves, ranking, {"says": words[verdict]}, pair))
    return nodes


def _list_rankings(shelves: Shelves, prompt_id: str, *pairs: str) -> list[Found]:
    """Rankings of a prompt, each as it was last; what was dropped of them, or of some pairs, is read with them."""
    by_id: dict[str, list[Found]] = {}
    for each in shelves.look_up("rankings", "prompt_id", [prompt_id]):
        by_id.setdefault(each["ranking_id"], []).append(each)
    latest = [newest(found, shelves) for _, found in sorted(by_id.items())]
    rankings = [each for each in latest if each is not None]
    ids = [each["ranking_id"] for each in rankings]
    compared = [f"{ranking_id}:{pair}" for pair in pairs for ranking_id in ids]
    shelves.gather("dropped", "row_id", [*pairs, *ids, *compared])
    for table in ("labelers", "labeler_stats"):
        shelves.gather(table, "labeler_id", [each["labeler_id"] for each in rankings])
    return rankings


def _tell_ranking(shelves: Shelves, ranking: Found, facts: dict[str, Any], pair: str | None = None) -> Node:
    drops = list_drops(shelves, "rankings", ranking["ranking_id"])
    if pair is not None:
        comparison = list_drops(shelves, "comparisons", f"{ranking['ranking_id']}:{pair}")
        drops = {name: [*drops.get(name, []), *comparison.get(name, [])] for name in {*drops, *comparison}}
    last = [name for name in shelves.revisions if name in drops][-1:]
    reasons = sorted({each["reason"] for name in last for each in drops[name]})
    facts = tell_labeler(shelves, ranking["labeler_id"]) | facts
    facts |= {"round": ranking["round"], "created_at": ranking["created_at"], "turn": ranking["turn"]}
    return Node("ranking", ranking["ranking_id"], facts | {"dropped": reasons or None, "dropped_in": last or None})


def count_rankings(shelves: Shelves, prompt_id: str, candidate_id: str | None = None) -> list[Node]:
    """Judgements of a prompt, or of one of its candidates."""
    return [
        _tell_ranking(shelves, each, {"skipped": each["skip_reason"]})
        for each in _list_rankings(shelves, prompt_id)
        if candidate_id is None or any(candidate_id in tier["candidate_ids"] for tier in each["tiers"])
    ]


def tell_preferences(
    shelves: Shelves, prompt_id: str, among: Collection[str] | None = None, side_of: str = ""
) -> list[Node]:
    """Preferences of a prompt: one reading of the column costs less than looking up each pair that could be one.

    Args:
        among: only those between these candidates.
        side_of: only those of this candidate, with its side.
    """
    by_id: dict[str, list[Found]] = {}
    for each in shelves.look_up("preferences", "prompt_id", [prompt_id]):
        both = {each["chosen_id"], each["rejected_id"]}
        if (among is None or both <= set(among)) and (not side_of or side_of in both):
            by_id.setdefault(each["pair_id"], []).append(each)
    nodes = []
    for pair, found in sorted(by_id.items()):
        last = newest(found, shelves)
        assert last is not None
        sides = {
            f"{side}_in": [
                name
                for name in shelves.revisions
                if any(each[f"{side}_id"] == side_of and name in each.revisions for each in found)
            ]
            for side in ("chosen", "rejected")
        }
        revisions = [name for name in shelves.revisions if any(name in each.revisions for each in found)]
        facts = {"votes": tell_counts(last), **(sides if side_of else {"in": revisions})}
        nodes.append(Node("preference", pair, facts))
    return nodes


def tell_counts(row: Found) -> str:
    """Votes of a preference."""
    return f"{row['votes_for']} for, {row['votes_against']} against, {row['votes_tie']} tie"
