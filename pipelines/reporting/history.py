"""Turns the chain of parent commits into the metrics of earlier turns, oldest first."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.revisions import Revision, RevisionError, read_revision

LONGEST = 50
TURN_METRICS = "metrics/turn.json"


@dataclass(frozen=True)
class PastTurn:
    """A turn before this one: its commit and its metrics/turn.json, empty where the commit has none."""

    turn: int
    commit: str
    metrics: Mapping[str, Any]


def read_history(root: Path, parent: str | None) -> list[PastTurn]:
    """The turns that this one goes on from, as far back as the clone reaches; [] in a cold start.

    Raises:
        RevisionError: the parent itself cannot be read; `start` could not have run either.
    """
    turns: list[PastTurn] = []
    while parent is not None and len(turns) < LONGEST:
        try:
            revision = read_revision(root, parent)
            turns.append(PastTurn(revision.turn, revision.commit, _read_metrics(revision)))
        except RevisionError:
            if not turns:
                raise
            break
        parent = (revision.params.get("turn") or {}).get("parent")
    return turns[::-1]


def _read_metrics(revision: Revision) -> dict[str, Any]:
    try:
        values = json.loads(revision.read_text(TURN_METRICS))
    except (RevisionError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
