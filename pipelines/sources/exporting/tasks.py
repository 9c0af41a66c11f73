"""Turns rankings into labeling tasks: a prompt with the candidates put up, and what each labeler said of them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from curation.ledger import keep_rows
from pipelines.sources.exporting.tables import Holdings, Selection
from schemas import ids

TASK_LOSSES = (
    "where a row came from (source, licence, consent), its split, and which policy wrote an answer",
    "whether labelers are people, models or simulated",
)
"""What no labeling tool's tasks carry."""


def list_tasks(holdings: Holdings, selection: Selection, *, unranked: pl.DataFrame) -> list[dict[str, Any]]:
    """Tasks by id: task_id, prompt_id, messages, tools, kind, candidates (in the order shown), rankings, ties.

    Candidates are rows of `candidates`; rankings are rows of the selection, by id; `ties` says whether any ranking of
    any task holds two candidates equal.

    Args:
        unranked: prompts whose kept candidates make a task without a ranking, as `find_unranked` says.
    """
    by_id = {row["candidate_id"]: row for row in holdings["candidates"].to_dicts()}
    rankings = _group_tasks(selection.rows)
    put_up_in = dict(list_put_up(selection.rows, holdings["candidates"]).iter_rows())
    ties = any(tier["tied"] for row in selection.rows["tiers"].to_list() for tier in row)
    tasks = []
    for task, judged in rankings.items():
        put_up = _order_shown(judged, put_up_in[task])
        tasks.append(_make_task(task, judged[0], put_up, judged, by_id, ties=ties))
    for row in unranked.to_dicts():
        put_up = row["candidate_ids"]
        tasks.append(_make_task(ids.task_id(row["prompt_id"], put_up), row, put_up, [], by_id, ties=ties))
    return sorted(tasks, key=lambda task: task["task_id"])


def _group_tasks(rankings: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rankings.to_dicts():
        groups.setdefault(row["task_id"], []).append(row)
    return groups


def list_put_up(rankings: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """(task_id, candidate_id: sorted list) of the candidates put up in each task."""
    of_prompt = dict(candidates.group_by("prompt_id").agg("candidate_id").iter_rows())
    tasks = _group_tasks(rankings.select("task_id", "prompt_id", "tiers", "shown_order"))
    put_up = [_find_put_up(judged, of_prompt.get(judged[0]["prompt_id"], [])) for judged in tasks.values()]
    return pl.DataFrame(
        {"task_id": list(tasks), "candidate_id": put_up},
        {"task_id": pl.String, "candidate_id": pl.List(pl.String)},
    )


def _make_task(
    task: str, asked: Mapping[str, Any], put_up: Iterable[str], rankings: list[dict[str, Any]],
    by_id: Mapping[str, Any], *, ties: bool,
) -> dict[str, Any]:  # fmt: skip
    values = {column: asked[column] for column in ("prompt_id", "messages", "tools", "kind")}
    candidates = [by_id[candidate] for candidate in put_up if candidate in by_id]
    return {"task_id": task, **values, "candidates": candidates, "rankings": rankings, "ties": ties}


def _find_put_up(rankings: Iterable[Mapping[str, Any]], of_prompt: list[str]) -> list[str]:
    """The candidates of a task, sorted: its id tells whether they are those judged or shown, or all of the prompt."""
    named: set[str] = set()
    for row in rankings:
        named |= {candidate for tier in row["tiers"] for candidate in tier["candidate_ids"]} | set(
            row["shown_order"] or ()
        )
        task, prompt = row["task_id"], row["prompt_id"]
    everyone = set(of_prompt)
    return sorted(everyone if ids.task_id(prompt, named) != task == ids.task_id(prompt, everyone) else named)


def _order_shown(rankings: Iterable[Mapping[str, Any]], put_up: list[str]) -> list[str]:
    """The order that all labelers saw; by id where they saw several, or where it is not known."""
    orders = {tuple(row["shown_order"] or ()) for row in rankings}
    shown = list(orders.pop()) if len(orders) == 1 else []
    return shown if sorted(shown) == put_up else put_up


def find_unranked(holdings: Holdings, *, split: str | None, raw: bool) -> pl.DataFrame:
    """prompt_id, messages, tools, kind and candidate_ids of prompts with two kept candidates or more and no ranking.

    Args:
        split: of the prompts; None is any.
    """
    dropped = holdings["dropped"].clear() if raw else holdings["dropped"]
    prompts = keep_rows("prompts", holdings["prompts"], dropped)
    if split is not None:
        prompts = prompts.join(holdings["assignments"].filter(pl.col("split") == split), on="prompt_id", how="semi")
    candidates = keep_rows("candidates", holdings["candidates"], dropped)
    waiting = candidates.join(holdings["rankings"], on="prompt_id", how="anti")
    put_up = waiting.group_by("prompt_id").agg(candidate_ids=pl.col("candidate_id").sort())
    return (
        put_up.filter(pl.col("candidate_ids").list.len() > 1)
        .join(prompts, on="prompt_id")
        .select("prompt_id", "messages", "tools", "kind", "candidate_ids")
        .sort("prompt_id")
    )


def has_unknown_order(ranking: Mapping[str, Any]) -> bool:
    """True where the candidates of some tier were not held equal, but their order was not given."""
    return any(len(tier["candidate_ids"]) > 1 and not tier["tied"] for tier in ranking["tiers"])


def is_plain(messages: list[dict[str, Any]], role: str) -> bool:
    """True for one message that is no more than a text by that role."""
    first = messages[0]
    extras = ("name", "tool_calls", "tool_call_id")
    return len(messages) == 1 and first["role"] == role and all(first[field] is None for field in extras)


def say_messages(messages: list[dict[str, Any]], role: str) -> str | list[dict[str, Any]]:
    """The text of one plain message by that role; other messages as a list, tool calls as the text that they are."""
    return messages[0]["content"] if is_plain(messages, role) else list(_keep_messages(messages))


def _keep_messages(messages: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        fields = ("role", "content", "name", "tool_calls", "tool_call_id")
        yield {field: message[field] for field in fields if message[field] is not None}
