"""Frames, rules and public files for the tests of curation."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from schemas import ids
from schemas.messages import assistant_completion, user_prompt
from schemas.noise_rules import Rule
from schemas.params import Params, parse_params
from schemas.sections import Section
from schemas.tables import TABLES, conform_frame

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def params() -> Params:
    """params.yaml as it is committed."""
    return parse_params(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def public_file() -> Callable[[str], Path]:
    """Path of a file of the public data; skips the test where it is not there."""
    folder = Path(os.environ.get("FLYWHEEL_PUBLIC_DATA", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"no public data at {folder / name}; set FLYWHEEL_PUBLIC_DATA")
        return folder / name

    return find


@pytest.fixture(scope="session")
def only() -> Callable[..., Any]:
    """only(rules, name={changes}, ...): the section with just the named rules on, changed as told."""

    def switch(rules: Section, **wanted: dict[str, Any]) -> Any:
        changed = {}
        for name in type(rules).model_fields:
            rule = getattr(rules, name)
            if isinstance(rule, Rule):
                changed[name] = rule.model_copy(update={"enabled": name in wanted, **wanted.get(name, {})})
        return rules.model_copy(update=changed)

    return switch


@pytest.fixture(scope="session")
def table() -> Callable[..., pl.DataFrame]:
    """table(name, rows): a checked frame of the table; fields that a row leaves out are null."""

    def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
        full = [{c: row.get(c) for c in TABLES[name].columns} for row in rows]
        return conform_frame(name, pl.DataFrame(full, schema=dict(TABLES[name].columns)))

    return make


@pytest.fixture(scope="session")
def prompt_row() -> Callable[..., dict[str, Any]]:
    """prompt_row(text): a row of `prompts`; conversation_id can be given."""

    def make(text: str, **fields: Any) -> dict[str, Any]:
        messages = user_prompt(text)
        row = {"prompt_id": ids.prompt_id(messages), "messages": messages}
        return row | {"conversation_id": ids.conversation_id(messages)} | fields

    return make


@pytest.fixture(scope="session")
def candidate_row() -> Callable[[str, str], dict[str, Any]]:
    """candidate_row(prompt_id, text): a row of `candidates`."""

    def make(prompt_id: str, text: str) -> dict[str, Any]:
        completion = assistant_completion(text)
        return {
            "candidate_id": ids.candidate_id(prompt_id, completion), "prompt_id": prompt_id, "completion": completion
        }  # fmt: skip

    return make


@pytest.fixture(scope="session")
def ranking_row() -> Callable[..., dict[str, Any]]:
    """ranking_row(prompt_id, labeler_id, tiers): a row of `rankings`; tiers are lists of ids, ties within each."""

    def make(prompt_id: str, labeler_id: str, tiers: list[list[str]], /, **fields: Any) -> dict[str, Any]:
        shown = [candidate for tier in tiers for candidate in tier]
        task, round_ = ids.task_id(prompt_id, shown), fields.get("round", 1)
        row = {
            "ranking_id": ids.ranking_id(task, labeler_id, round_), "task_id": task, "labeler_id": labeler_id,
            "round": round_, "prompt_id": prompt_id, "turn": 1,
            "tiers": [{"candidate_ids": tier, "tied": True} for tier in tiers],
        }  # fmt: skip
        return row | fields

    return make
