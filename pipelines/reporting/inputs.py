"""Gathers what the report shows: tables, the ledger, metrics, plots, lineage and earlier turns."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.reporting.history import PastTurn, read_history
from pipelines.stage import Stage
from schemas.params import Report

ROWS = ("prompts", "assignments", "demonstrations", "candidates", "rankings", "labelers")
"""Tables whose rows of all turns are shown; of the next only this turn's."""
NEW_ROWS = ("dropped", "labeler_stats", "pair_findings", "preferences", "samples", "training_rows")
LINEAGES = {"start": "models/start/policy", "reward_model": "models/reward_model", "policy": "models/policy"}


@dataclass(frozen=True)
class Inputs:
    """Everything that the page is made of; nothing else is read.

    `answers` and `answer_scores` are the rows of `samples` and `scores` that `evaluate` wrote. `metrics` and `plots`
    are by file name, empty for a file that is not there. `lineages` are the lineage.json files by model, `new_rows` the
    numbers of rows that this turn brought; `tie_tolerance` is that of win rates.
    """

    turn: int
    parent: str | None
    params: Report
    tie_tolerance: float
    tables: Mapping[str, pl.DataFrame]
    new_rows: Mapping[str, int]
    answers: pl.DataFrame
    answer_scores: pl.DataFrame
    metrics: Mapping[str, Mapping[str, Any]]
    plots: Mapping[str, list[dict[str, str]]]
    lineages: Mapping[str, Mapping[str, Any]]
    earlier_models: list[dict[str, Any]] = field(default_factory=list)
    history: list[PastTurn] = field(default_factory=list)

    def metric(self, name: str, key: str) -> Any:
        """A value of metrics/<name>.json, or None."""
        return self.metrics.get(name, {}).get(key)


def read_inputs(stage: Stage) -> Inputs:
    """Read what dvc.yaml lists for the stage, and the metrics of earlier turns through git."""
    tables = {name: stage.rows(name) for name in ROWS} | {name: stage.new_rows(name) for name in NEW_ROWS}
    metrics = {Path(dep).stem: read_object(stage.dep(dep)) for dep in stage.deps if dep.startswith("metrics/")}
    plots = {path.stem: read_csv(path) for path in sorted(stage.dep("plots").glob("*.csv"))}
    return Inputs(
        turn=stage.turn, parent=stage.params.turn.parent, params=stage.params.report,
        tie_tolerance=stage.params.evaluate.tie_tolerance, tables=tables,
        new_rows={name: stage.new_rows(name).height for name in ROWS},
        answers=read_table(stage, "data/samples/evaluate.parquet"),
        answer_scores=read_table(stage, "data/scores/evaluate.parquet"),
        metrics=metrics, plots=plots,
        lineages={name: read_object(stage.dep(f"{path}/lineage.json")) for name, path in LINEAGES.items()},
        earlier_models=json.loads(stage.dep("data/past/turns.json").read_bytes()),
        history=read_history(stage.root, stage.params.turn.parent),
    )  # fmt: skip


def read_table(stage: Stage, path: str) -> pl.DataFrame:
    """One file of a table that several stages write."""
    return pl.read_parquet(stage.dep(path), hive_partitioning=False)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is no file."""
    return json.loads(path.read_bytes()) if path.exists() else {}


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a plot, all values as text."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
