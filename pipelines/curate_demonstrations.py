"""Turns this turn's and all earlier demonstrations into the ledger of those that are dropped."""

from curation.demonstrations import curate_demonstrations
from pipelines.stage import Stage


def run(stage: Stage) -> None:
    """Judge every demonstration again, past ones included."""
    curated = curate_demonstrations(
        stage.rows("demonstrations"), stage.rows("prompts"), stage.rows("assignments"), stage.new_rows("dropped"),
        stage.rows("origins"), stage.new_rows("scores"),
        params=stage.params.curate_demonstrations, near=stage.params.near_duplicates, turn=stage.turn,
    )  # fmt: skip
    stage.write_table("dropped", curated.dropped)
    stage.write_metrics("demonstrations", curated.metrics)
