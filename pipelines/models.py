"""Seals a trained policy with its lineage, and names the rows that a model saw."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from pipelines.stage import Stage
from schemas.sections import Section
from training.models import model_digest, write_lineage


def seal_policy(
    stage: Stage, directory: Path, *, rows: Iterable[str], params: Section, parent: Path | None = None
) -> str:
    """Write lineage.json into a policy's directory; returns the md5 that names the policy everywhere."""
    write_lineage(
        directory, kind="policy", rows=rows, parent=model_digest(parent) if parent else None, reference=None,
        params=params.model_dump(mode="json"), seed=stage.seed, threads=stage.params.threads,
    )  # fmt: skip
    return model_digest(directory)


def name_training_rows(model: str, row_ids: Iterable[str], table: str) -> pl.DataFrame:
    """Rows of `training_rows`: exactly what a model saw, each once."""
    ids = sorted(set(row_ids))
    schema = {"model": pl.String, "row_id": pl.String, "table_name": pl.String}
    return pl.DataFrame({"model": [model] * len(ids), "row_id": ids, "table_name": [table] * len(ids)}, schema=schema)
