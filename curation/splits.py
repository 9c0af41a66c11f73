"""Turns prompts linked by likeness or conversation into clusters, and clusters into frozen splits."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from schemas.curation_params import Splits
from schemas.tables import conform_frame

_HELD_OUT_FIRST = {"benchmark": 0, "validation": 1, "train": 2}
_BRIDGES = {"row_id": pl.String(), "matched_id": pl.String()}


@dataclass(frozen=True)
class SplitPrompts:
    """assignments: the table. bridges: (row_id, matched_id), each prompt that is linked to one of another split."""

    assignments: pl.DataFrame
    bridges: pl.DataFrame


def assign_splits(
    prompts: pl.DataFrame,
    links: pl.DataFrame,
    past: pl.DataFrame,
    proposed: pl.DataFrame,
    *,
    shares: Splits,
    seed: int,
) -> SplitPrompts:
    """Give prompts a cluster and a split, so that no two linked prompts end in different splits.

    A split once given (past) stays; then one proposed counts; else it is drawn by hash of the cluster's first
    prompt, that of the earliest turn, then of the least id. Where links join several splits, the prompts
    are admitted one by one, held-out ones first; one that is linked to two splits is a bridge. A
    new bridge gets no assignment; a past one keeps its own, since splits are frozen, but is named too.

    Args:
        prompts: prompt_id, turn (its first).
        links: row_id, matched_id: prompts that must not be split apart. Within components that hold
            several given splits (`list_conflicts`) every direct link is needed, elsewhere any that connect.
        past: table `assignments` of earlier turns.
        proposed: prompt_id, split.
    """
    given = dict(proposed.select("prompt_id", "split").iter_rows())
    frozen = {p: (cluster, split) for p, cluster, split in past.select("prompt_id", "cluster_id", "split").iter_rows()}
    given |= {p: split for p, (_, split) in frozen.items()}
    ordered = [p for (p,) in prompts.sort("turn", "prompt_id").select("prompt_id").iter_rows()]
    neighbours = _list_neighbours(links, set(ordered))
    rows: list[tuple[str, str, str]] = []
    bridges: list[tuple[str, str]] = []
    for component in _list_components(ordered, neighbours):
        members, bridging = component, list[tuple[str, str]]()
        if len({given[p] for p in component if p in given}) > 1:
            members, bridging = _admit_one_by_one(component, neighbours, given, frozen)
        bridges += bridging
        named = {p for p, _ in bridging}
        kept = [p for p in members if p not in named]
        for cluster in _list_components(kept, neighbours):
            rows += _assign_cluster(cluster, given, frozen, shares, seed)
        rows += [(p, *frozen[p]) for p in component if p in named and p in frozen]
    assigned = pl.DataFrame(rows, schema=["prompt_id", "cluster_id", "split"], orient="row") if rows else past.clear()
    return SplitPrompts(
        conform_frame("assignments", assigned),
        pl.DataFrame(sorted(bridges), schema=_BRIDGES, orient="row"),
    )


def list_conflicts(prompts: pl.DataFrame, links: pl.DataFrame, past: pl.DataFrame, proposed: pl.DataFrame) -> list[str]:
    """Ids of prompts whose connected component holds several given splits; arguments as `assign_splits`."""
    given = dict(pl.concat([f.select("prompt_id", "split") for f in (proposed, past)]).iter_rows())
    ordered = prompts["prompt_id"].to_list()
    components = _list_components(ordered, _list_neighbours(links, set(ordered)))
    return [p for c in components if len({given[p] for p in c if p in given}) > 1 for p in c]


def draw_split(prompt_id: str, shares: Splits, seed: int) -> str:
    """Split of a prompt by hash of its id and the seed: the same on every machine and in every turn."""
    digest = hashlib.blake2b(f"{seed}:{prompt_id}".encode(), digest_size=8).digest()
    point = int.from_bytes(digest, "big") / 2**64
    if point < shares.benchmark:
        return "benchmark"
    return "validation" if point < shares.benchmark + shares.validation else "train"


def _assign_cluster(
    cluster: Sequence[str],
    given: Mapping[str, str],
    frozen: Mapping[str, tuple[str, str]],
    shares: Splits,
    seed: int,
) -> list[tuple[str, str, str]]:
    """Rows of a cluster, ordered as its prompts came; all given splits in it are the same one."""
    name = next((frozen[p][0] for p in cluster if p in frozen), cluster[0])
    split = next((given[p] for p in cluster if p in given), None) or draw_split(cluster[0], shares, seed)
    return [(p, *frozen.get(p, (name, split))) for p in cluster]


def _admit_one_by_one(
    component: Sequence[str],
    neighbours: Mapping[str, Sequence[str]],
    given: Mapping[str, str],
    frozen: Mapping[str, tuple[str, str]],
) -> tuple[list[str], list[tuple[str, str]]]:
    """Admitted prompts of a component with several splits, and its bridges beside the prompt they are linked to."""
    place = {p: i for i, p in enumerate(component)}
    roots: dict[str, str] = {}
    splits: dict[str, str | None] = {}
    bridges = []

    def find_root(prompt: str) -> str:
        while roots[prompt] != prompt:
            prompt = roots[prompt]
        return prompt

    def rank(prompt: str) -> tuple[bool, int, int]:
        return prompt not in frozen, _HELD_OUT_FIRST.get(given.get(prompt, ""), 3), place[prompt]

    for prompt in sorted(component, key=rank):
        linked = sorted({find_root(n) for n in neighbours[prompt] if n in roots}, key=lambda r: place[r])
        known = [s for s in (given.get(prompt), *(splits[r] for r in linked)) if s]
        if len(set(known)) > 1:
            own = given.get(prompt)
            strangers = [n for n in neighbours[prompt] if n in roots and splits[find_root(n)] not in (None, own)]
            held_out = min(strangers, key=lambda n: (_HELD_OUT_FIRST[splits[find_root(n)] or "train"], place[n]))
            bridges.append((prompt, held_out))
            continue
        roots[prompt], splits[prompt] = prompt, known[0] if known else None
        for root in linked:
            roots[root] = prompt
    return sorted(roots, key=lambda p: place[p]), bridges


def _list_neighbours(links: pl.DataFrame, known: set[str]) -> defaultdict[str, list[str]]:
    neighbours: defaultdict[str, list[str]] = defaultdict(list)
    for first, second in links.select("row_id", "matched_id").iter_rows():
        if first != second and first in known and second in known:
            neighbours[first].append(second)
            neighbours[second].append(first)
    return neighbours


def _list_components(prompts: Sequence[str], neighbours: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Connected components in the order of their first prompts, each in the order given."""
    place = {p: i for i, p in enumerate(prompts)}
    seen: set[str] = set()
    components = []
    for prompt in prompts:
        if prompt in seen:
            continue
        seen.add(prompt)
        component, stack = [prompt], [prompt]
        while stack:
            for other in neighbours.get(stack.pop(), ()):
                if other in place and other not in seen:
                    seen.add(other)
                    component.append(other)
                    stack.append(other)
        components.append(sorted(component, key=lambda p: place[p]))
    return components
