"""Turns what was typed (an id, the start of one, a model's folder) into the one row or model that it means."""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from pipelines.versions.lineage.shelves import Shelves
from schemas.errors import UserError

KEYS = {
    "preferences": "pair_id", "candidates": "candidate_id", "prompts": "prompt_id",
    "demonstrations": "demonstration_id", "rankings": "ranking_id",
}  # fmt: skip
"""Tables whose rows can be traced, those that are asked for most first, with their keys."""
WHOLE_DIGITS = 32
MODELS = "models"
LEAST_DIGITS = 6
SHOWN = 4
_HEX = re.compile(r"[0-9a-f]+")


class TraceError(UserError):
    """Nothing, or more than one thing, has that name; the message is one line."""


class Target(NamedTuple):
    """What is traced."""

    table: str
    """A table, or `models`."""
    id: str


def find_target(shelves: Shelves, text: str) -> Target:
    """The row or model that a text means.

    Raises:
        TraceError: there is none, or several.
    """
    folder = Path(text)
    if folder.is_dir():
        return Target(MODELS, _digest_model(folder))
    lowered = text.strip().lower()
    digits = len(lowered) if _HEX.fullmatch(lowered) else 0
    if 0 < digits < LEAST_DIGITS and not _list_matches(shelves, text, prefix=False):
        raise TraceError(f"{text}: too short, the first {LEAST_DIGITS} digits of an id are needed")
    prefix = LEAST_DIGITS <= digits < WHOLE_DIGITS
    found = _list_matches(shelves, lowered if digits >= LEAST_DIGITS else text.strip(), prefix=prefix)
    if not found:
        raise TraceError(
            f"{text}: no prompt, demonstration, candidate, preference, ranking or model of any turn has this id"
        )
    if len(found) > 1:
        shown = ", ".join(f"{table} {row}" for table, row in found[:SHOWN])
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise TraceError(f"{text}: several ids start like this: {shown}{more}")
    return found[0]


def _list_matches(shelves: Shelves, text: str, *, prefix: bool) -> list[Target]:
    if text in shelves.models:  # known from listings alone, no file of rows is opened
        return [Target(MODELS, text)]
    found: dict[Target, None] = {}
    for table, key in KEYS.items():
        for each in shelves.look_up(table, key, [text], prefix=prefix):
            found[Target(table, each[key])] = None
        if found and len(text) == WHOLE_DIGITS:
            return list(found)  # an id has the name of its table hashed in: no other can have it
    for each in shelves.look_up("dropped", "row_id", [text], prefix=prefix):
        if each["table_name"] in KEYS and ":" not in each["row_id"]:  # a pair that never was a preference
            found[Target(each["table_name"], each["row_id"])] = None
    known = [md5 for md5 in shelves.models if md5 == text or (prefix and md5.startswith(text))]
    for md5 in known or ([] if found else _list_policies(shelves, text, prefix=prefix)):
        found[Target(MODELS, md5)] = None
    return list(found)


def _list_policies(shelves: Shelves, text: str, *, prefix: bool) -> list[str]:
    """Models that only samples or training rows know, such as an API's."""
    known = {each["model"] for each in shelves.look_up("training_rows", "model", [text], prefix=prefix)}
    return sorted(known | {each["policy"] for each in shelves.look_up("samples", "policy", [text], prefix=prefix)})


def _digest_model(folder: Path) -> str:
    shards = [folder / "model.safetensors"]
    shards = shards if shards[0].is_file() else sorted(folder.glob("model-*.safetensors"))
    if not shards:
        raise TraceError(f"{folder}: no model is in this folder, it has no model.safetensors")
    digests = []
    for shard in shards:
        with shard.open("rb") as file:
            digests.append(hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest())
    joined = "".join(digests).encode()
    return digests[0] if len(digests) == 1 else hashlib.md5(joined, usedforsecurity=False).hexdigest()
