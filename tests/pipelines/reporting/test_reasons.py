"""Every reason that a rule of params.yaml can give is put into words, and no other is."""

from pathlib import Path
from typing import Any

from pipelines.reporting.reasons import MEANINGS
from pipelines.stage import read_yaml

ALWAYS = {"no_votes_left"}
"""Reasons that no rule switches."""


def list_rules(values: Any, name: str = "") -> set[str]:
    if not isinstance(values, dict):
        return set()
    found = {name} if "enabled" in values else set()
    return found.union(*(list_rules(value, key) for key, value in values.items()))


def test_reasons_are_the_rules_of_params() -> None:
    params = read_yaml(Path(__file__).parents[3] / "params.yaml")
    assert set(MEANINGS) == list_rules(params) | ALWAYS
