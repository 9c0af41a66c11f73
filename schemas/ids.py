"""Turns the content of a row into its id: the same on every machine and in every turn."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MESSAGE_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id")


def hash_content(table: str, *parts: Any) -> str:
    """Name content by 128 bits of BLAKE2b over its canonical JSON, as 32 hex digits.

    Canonical JSON: keys sorted, no spaces, text as it stands (no Unicode normalisation), nulls in
    messages left out. The table's name is part of the content, so ids of two tables never meet.

    Raises:
        ValueError: the text holds a lone surrogate, or a number is not finite.
    """
    try:
        canonical = json.dumps(
            [table, *parts], ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
        ).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"{table}: text holds a lone surrogate and cannot be stored as UTF-8") from error
    return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def canonical_messages(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages with their null fields left out, so that a later optional field changes no id."""
    return [{field: m[field] for field in MESSAGE_FIELDS if m.get(field) is not None} for m in messages]


def prompt_id(messages: Sequence[Mapping[str, Any]], tools: str | None = None) -> str:
    """Id of a prompt: its messages and tools; where it came from, its kind and split are not content."""
    return hash_content("prompts", canonical_messages(messages), tools)


def conversation_id(messages: Sequence[Mapping[str, Any]]) -> str:
    """Id of the conversation a prompt belongs to: all messages up to and with the first user message.

    Two prompts of which one is a prefix of the other share it, whatever the source calls them.
    """
    opening = list(messages)
    for position, message in enumerate(messages):
        if message["role"] == "user":
            opening = list(messages[: position + 1])
            break
    return hash_content("conversations", canonical_messages(opening))


def demonstration_id(prompt: str, completion: Sequence[Mapping[str, Any]], rationale: str | None = None) -> str:
    """Id of a demonstration: prompt id, completion messages with their train mask, rationale."""
    masks = [bool(m.get("train", True)) for m in completion]
    return hash_content("demonstrations", prompt, canonical_messages(completion), masks, rationale)


def candidate_id(prompt: str, completion: Sequence[Mapping[str, Any]]) -> str:
    """Id of a candidate: prompt id and completion messages; the policy that wrote it is an event."""
    return hash_content("candidates", prompt, canonical_messages(completion))


def guideline_id(name: str, version: str, text: str) -> str:
    """Id of a labeling guideline."""
    return hash_content("guidelines", name, version, text)


def task_id(prompt: str, candidates: Iterable[str]) -> str:
    """Id of a labeling task: a prompt and the set of candidates that were put up, in any order."""
    return hash_content("tasks", prompt, sorted(set(candidates)))


def ranking_id(task: str, labeler: str, round_: int) -> str:
    """Id of a ranking: which task, by whom, the how-manieth time (from 1)."""
    return hash_content("rankings", task, labeler, round_)


def pair_id(prompt: str, first: str, second: str) -> str:
    """Id of a pair of candidates of one prompt; the order given does not matter."""
    return hash_content("pairs", prompt, sorted((first, second)))


def digest_rows(row_ids: Iterable[str]) -> str:
    """Digest of a set of row ids, in any order: names exactly the rows a model was trained on."""
    return hash_content("rows", sorted(set(row_ids)))
