"""Names what a policy method is given and what comes out of it: plain data, no torch."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.examples import Example, Group, Sample

Prompt = tuple[str, list[dict[str, Any]]]
"""Prompt id and messages."""


@dataclass(frozen=True)
class PolicyInputs:
    """All that any method may read; each takes what it needs.

    `start` is the policy to improve, `reference` the one that KL is measured against. `groups` are curated
    preferences, `labelers_best` the labelers' top-ranked answers with their candidate ids as row ids.
    """

    start: Path
    reference: Path
    reward_model: Path
    prompts: list[Prompt]
    groups: list[Group]
    labelers_best: list[Example]


@dataclass(frozen=True)
class ScoredSample:
    """A sample with its reward and the id of the candidate that it is."""

    candidate_id: str
    sample: Sample
    reward: float


@dataclass(frozen=True)
class PolicyResult:
    """An improved policy, and the rows it saw.

    `trained_row_ids` name rows of `trained_table` (candidates, prompts or preferences); `skipped_row_ids` those left
    out as longer than fits. `best_samples` are the policy's own completions that it was trained on (best_of_n).
    `steps` holds measures of each step, ready for a plot.
    """

    model_md5: str
    trained_table: str
    trained_row_ids: list[str]
    skipped_row_ids: list[str]
    steps: list[dict[str, float]] = field(default_factory=list)
    best_samples: list[ScoredSample] = field(default_factory=list)
