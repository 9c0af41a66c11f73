"""Turns rankings of all turns into preferences, what we think of each labeler, and the ledger of what is dropped."""

from curation.preferences import curate_preferences
from pipelines.stage import Stage


def run(stage: Stage) -> None:
    """Judge every ranking and candidate again, past ones included."""
    curated = curate_preferences(
        stage.rows("rankings"), stage.rows("ratings"), stage.rows("candidates"), stage.rows("samples"),
        stage.rows("prompts"), stage.rows("assignments"), stage.new_rows("dropped"), stage.rows("labelers"),
        params=stage.params.curate_preferences, turn=stage.turn, seed=stage.seed,
    )  # fmt: skip
    stage.write_table("preferences", curated.preferences)
    stage.write_table("labeler_stats", curated.labeler_stats)
    stage.write_table("dropped", curated.dropped)
    stage.write_metrics("agreement", curated.metrics)
