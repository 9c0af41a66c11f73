"""Tells the story of one row or model: where it came from, and where it went."""

from collections.abc import Callable
from pathlib import Path

from pipelines.versions.lineage.finding import KEYS, MODELS, find_target
from pipelines.versions.lineage.judgements import (
    count_rankings,
    tell_counts,
    tell_preferences,
    tell_votes,
)
from pipelines.versions.lineage.models import tell_model
from pipelines.versions.lineage.nodes import ID_DIGITS, Node, Story
from pipelines.versions.lineage.parts import (
    gather_candidates,
    newest,
    read_split,
    read_text,
    tell_candidate,
    tell_labeler,
    tell_life,
    tell_models,
    tell_origins,
    tell_prompt,
    tell_samples,
)
from pipelines.versions.lineage.shelves import Found, Shelves, open_shelves


def trace(root: Path, text: str) -> Story:
    """The story of what an id, the first digits of one, or a model's folder means.

    Raises:
        TraceError: it means nothing, or several things.
        RevisionError: a turn cannot be read.
    """
    shelves = open_shelves(root)
    target = find_target(shelves, text)
    if target.table == MODELS:
        story = tell_model(shelves, target.id)
    else:
        rows = shelves.look_up(target.table, KEYS[target.table], [target.id])
        story = TELLERS[target.table](shelves, target.id, rows)
    return Story(story.subject, story.came_from, story.went_to, tuple(dict.fromkeys(shelves.notes)))


def _tell_prompt(shelves: Shelves, row_id: str, rows: list[Found]) -> Story:
    last = newest(rows, shelves)
    facts = {"text": read_text(last["messages"]), "kind": last["kind"]} if last else {}
    demonstrations = {each["demonstration_id"] for each in shelves.look_up("demonstrations", "prompt_id", [row_id])}
    written = shelves.look_up("candidates", "prompt_id", [row_id])
    shelves.remember("candidates", "candidate_id", written)
    candidates = {each["candidate_id"] for each in written}
    shelves.gather("origins", "row_id", [row_id, *sorted(candidates)])
    gather_candidates(shelves, candidates)
    went_to = [
        Node("split", facts=read_split(shelves, row_id)),
        _list_under("demonstrations", [Node("demonstration", each) for each in sorted(demonstrations)]),
        _list_under("candidates", [tell_candidate(shelves, each) for each in sorted(candidates)]),
        _list_under("rankings", count_rankings(shelves, row_id)),
        _list_under("preferences", tell_preferences(shelves, row_id)),
    ]
    came_from = tell_origins(shelves, row_id)
    return _finish(shelves, "prompts", row_id, rows, Node("prompt", row_id, facts), came_from, went_to)


def _tell_demonstration(shelves: Shelves, row_id: str, rows: list[Found]) -> Story:
    last = newest(rows, shelves)
    facts = {"text": read_text(last["completion"])} if last else {}
    came_from = [*tell_origins(shelves, row_id), *([tell_prompt(shelves, last["prompt_id"])] if last else [])]
    went_to = [Node("split", facts=read_split(shelves, last["prompt_id"]))] if last else []
    return _finish(
        shelves, "demonstrations", row_id, rows, Node("demonstration", row_id, facts), came_from, went_to
    )  # fmt: skip


def _tell_candidate(shelves: Shelves, row_id: str, rows: list[Found]) -> Story:
    last = newest(rows, shelves)
    facts = {"text": read_text(last["completion"])} if last else {}
    shelves.gather("origins", "row_id", [row_id, *([last["prompt_id"]] if last else [])])
    came_from = [*tell_samples(shelves, row_id), *tell_origins(shelves, row_id)]
    went_to = []
    if last:
        prompt = last["prompt_id"]
        came_from.append(tell_prompt(shelves, prompt))
        scores = {each["model"]: each for each in shelves.look_up("scores", "candidate_id", [row_id])}
        went_to = [
            Node("split", facts=read_split(shelves, prompt)),
            _list_under("rankings", count_rankings(shelves, prompt, row_id)),
            _list_under("preferences", tell_preferences(shelves, prompt, side_of=row_id)),
            *(
                Node("scored", model, {"is": shelves.name_model(model), "score": each["score"]})
                for model, each in sorted(scores.items())
            ),
        ]
    return _finish(shelves, "candidates", row_id, rows, Node("candidate", row_id, facts), came_from, went_to)


def _tell_preference(shelves: Shelves, row_id: str, rows: list[Found]) -> Story:
    last = newest(rows, shelves)
    if last is None:  # a pair that was judged and never became a preference
        return _finish(shelves, "preferences", row_id, rows, Node("preference", row_id), [], [])
    prompt, chosen, rejected = last["prompt_id"], last["chosen_id"], last["rejected_id"]
    shelves.gather("origins", "row_id", [prompt, chosen, rejected])
    gather_candidates(shelves, [chosen, rejected])
    found = shelves.look_up("pair_findings", "pair_id", [row_id])
    findings = {each["reason"]: each for each in found}
    came_from = [
        tell_prompt(shelves, prompt),
        tell_candidate(shelves, chosen, "chosen"),
        tell_candidate(shelves, rejected, "rejected"),
        _list_under("judged by", tell_votes(shelves, prompt, chosen, rejected, row_id)),
        *(
            Node("audit", facts={"is": reason, "action": each["action"], "value": each["value"],
                                 "threshold": each["threshold"], "weight": each["weight"], "in": list(each.revisions)})
            for reason, each in sorted(findings.items())
        ),
    ]  # fmt: skip
    went_to = [Node("split", facts=read_split(shelves, prompt))]
    went_to += [
        Node("the other way round", facts={"chosen": each["chosen_id"], "in": list(each.revisions)})
        for each in rows
        if each["chosen_id"] != chosen
    ]
    subject = Node("preference", row_id, {"votes": tell_counts(last)})
    return _finish(shelves, "preferences", row_id, rows, subject, came_from, went_to)


def _tell_ranking(shelves: Shelves, row_id: str, rows: list[Found]) -> Story:
    last = newest(rows, shelves)
    if last is None:
        return _finish(shelves, "rankings", row_id, rows, Node("ranking", row_id), [], [])
    ties = [" = " if tier["tied"] else " ? " for tier in last["tiers"]]
    named = [[each[:ID_DIGITS] for each in tier["candidate_ids"]] for tier in last["tiers"]]
    order = " > ".join(tie.join(ids) for tie, ids in zip(ties, named, strict=True))
    names = ("round", "created_at", "seconds", "guideline_id", "skip_reason", "batch", "turn")
    placed = [each for tier in last["tiers"] for each in tier["candidate_ids"]]
    shelves.gather("origins", "row_id", [row_id, last["prompt_id"], *placed])
    gather_candidates(shelves, placed)
    came_from = [
        Node("judged", facts=tell_labeler(shelves, last["labeler_id"])),
        tell_prompt(shelves, last["prompt_id"]),
        *tell_origins(shelves, row_id),
        *(tell_candidate(shelves, each) for each in placed),
    ]
    went_to = [_list_under("preferences", tell_preferences(shelves, last["prompt_id"], placed))]
    subject = Node("ranking", row_id, {"order": order} | {name: last[name] for name in names})
    return _finish(shelves, "rankings", row_id, rows, subject, came_from, went_to)


def _list_under(what: str, nodes: list[Node]) -> Node:
    return Node(what, facts={"count": len(nodes)}, branches=nodes)


def _finish(
    shelves: Shelves, table: str, row_id: str, rows: list[Found], subject: Node, came_from: list[Node],
    went_to: list[Node],
) -> Story:  # fmt: skip
    """The story with what every row has: the models trained on it, and its life over the turns."""
    models = _list_under("models", tell_models(shelves, row_id))
    life = Node("turns", branches=tell_life(shelves, table, row_id, rows))
    return Story(subject, came_from, [*went_to, models, life])


TELLERS: dict[str, Callable[[Shelves, str, list[Found]], Story]] = {
    "prompts": _tell_prompt, "demonstrations": _tell_demonstration, "candidates": _tell_candidate,
    "preferences": _tell_preference, "rankings": _tell_ranking,
}  # fmt: skip
