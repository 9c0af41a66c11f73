"""Makes the parts of a story that rows of several tables share: origins, prompts, drops, models, judgements."""

from collections.abc import Iterable
from typing import Any

from pipelines.versions.lineage.finding import KEYS
from pipelines.versions.lineage.nodes import Node
from pipelines.versions.lineage.shelves import Found, Shelves

DROP_FACTS = ("value", "threshold", "matched_id", "stage")


def newest(found: Iterable[Found], shelves: Shelves) -> Found | None:
    """Of several states of a row the one that was last."""
    order = {name: place for place, name in enumerate(shelves.revisions)}
    return max(found, key=lambda each: max(order[name] for name in each.revisions), default=None)


def read_text(messages: Any) -> str:
    """What the last message of a prompt or completion says."""
    return str(messages[-1].get("content") or "") if messages else ""


def tell_prompt(shelves: Shelves, prompt_id: str) -> Node:
    """A prompt, its split, and where it came from."""
    row = newest(shelves.look_up("prompts", "prompt_id", [prompt_id]), shelves)
    facts = {"text": read_text(row["messages"]) if row else None, "kind": row["kind"] if row else None}
    return Node("prompt", prompt_id, facts | read_split(shelves, prompt_id), tell_origins(shelves, prompt_id))


def read_split(shelves: Shelves, prompt_id: str) -> dict[str, Any]:
    """Split and cluster of a prompt."""
    row = newest(shelves.look_up("assignments", "prompt_id", [prompt_id]), shelves)
    return {"split": row["split"], "cluster": row["cluster_id"]} if row else {}


def tell_origins(shelves: Shelves, row_id: str) -> list[Node]:
    """The events that brought a row: source, file, teacher."""
    names = ("external_id", "teacher", "source_sha256", "source_row", "licence", "consent", "turn")
    rows: dict[str, Node] = {}
    for each in shelves.look_up("origins", "row_id", [row_id]):
        facts = {name: each[name] for name in names}
        node = Node(f"source {each['source']}", facts=facts)
        rows.setdefault(repr(node), node)
    return sorted(rows.values(), key=lambda node: (node.facts["turn"] or 0, node.what, str(node.facts)))


def tell_candidate(shelves: Shelves, candidate_id: str, what: str = "candidate") -> Node:
    """A candidate, and the policies that wrote it."""
    row = newest(shelves.look_up("candidates", "candidate_id", [candidate_id]), shelves)
    facts = {"text": read_text(row["completion"])} if row else {}
    branches = [*tell_samples(shelves, candidate_id), *tell_origins(shelves, candidate_id)]
    return Node(what, candidate_id, facts, branches)


def gather_candidates(shelves: Shelves, candidate_ids: Iterable[str]) -> None:
    """Read at once what `tell_candidate` asks of several."""
    ids = sorted(set(candidate_ids))
    shelves.gather("candidates", "candidate_id", ids)
    shelves.gather("samples", "candidate_id", ids)
    shelves.gather("origins", "row_id", ids)


def tell_samples(shelves: Shelves, candidate_id: str) -> list[Node]:
    """Each draw of a candidate from a policy, with the settings."""
    names = ("checkpoint", "temperature", "top_p", "seed", "sample_index", "finish_reason", "n_tokens", "turn")
    found = shelves.look_up("samples", "candidate_id", [candidate_id])
    nodes = {
        (each["turn"], each["sample_index"], each["policy"]): Node(
            "policy", each["policy"],
            {"is": shelves.name_model(each["policy"])} | {name: each[name] for name in names},
        )
        for each in found
    }  # fmt: skip
    return [nodes[key] for key in sorted(nodes, key=str)]


def tell_labeler(shelves: Shelves, labeler_id: str) -> dict[str, Any]:
    """Who a labeler is and how reliable they are; simulated ones say so."""
    known = newest(shelves.look_up("labelers", "labeler_id", [labeler_id]), shelves)
    stats = newest(shelves.look_up("labeler_stats", "labeler_id", [labeler_id]), shelves)
    return {
        "labeler": labeler_id, "kind": known["kind"] if known else None, "vendor": known["vendor"] if known else None,
        "consent": known["consent"] if known else None, "reliability": stats["reliability"] if stats else None,
    }  # fmt: skip


def list_drops(shelves: Shelves, table: str, row_id: str) -> dict[str, list[Found]]:
    """Ledger entries of a row by revision."""
    drops: dict[str, list[Found]] = {}
    for each in shelves.look_up("dropped", "row_id", [row_id]):
        if each["table_name"] == table:
            for name in each.revisions:
                drops.setdefault(name, []).append(each)
    return drops


def tell_life(shelves: Shelves, table: str, row_id: str, rows: Iterable[Found]) -> list[Node]:
    """For each turn and the workspace: kept, dropped by which rules, or not there."""
    held = {name for each in rows for name in each.revisions}
    drops = list_drops(shelves, table, row_id)
    nodes = []
    for name in shelves.revisions:
        found = sorted(drops.get(name, []), key=lambda each: each["reason"])
        if found:
            told = [_tell_drop(shelves, table, each) for each in found]
            nodes.append(Node(name, facts={"how": "dropped"}, branches=told))
        else:
            nodes.append(Node(name, facts={"how": "kept" if name in held else "not there"}))
    return nodes


def _tell_drop(shelves: Shelves, table: str, drop: Found) -> Node:
    facts = {name: drop[name] for name in DROP_FACTS}
    matched = drop["matched_id"]
    branches = []
    if matched is not None and table in ("prompts", "demonstrations", "candidates"):
        row = newest(shelves.look_up(table, KEYS[table], [matched]), shelves)
        column = "messages" if table == "prompts" else "completion"
        branches = [Node("matched row", matched, {"text": read_text(row[column])})] if row else []
    return Node(drop["reason"], facts=facts, branches=branches)


def tell_models(shelves: Shelves, row_id: str) -> list[Node]:
    """Models that were trained on a row, oldest first."""
    seen: dict[str, Found] = {}
    for each in shelves.look_up("training_rows", "row_id", [row_id]):
        seen.setdefault(each["model"], each)
    order = {name: place for place, name in enumerate(shelves.revisions)}
    ordered = sorted(seen.values(), key=lambda each: (order[each.revisions[0]], each["model"]))
    return [
        Node("trained", each["model"], {"is": shelves.name_model(each["model"]), "as": each["table_name"]})
        for each in ordered
    ]
