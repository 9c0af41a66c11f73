"""Turns rankings of all turns into preferences, what we think of each labeler, and the ledger of what is dropped."""

from curation.preferences import curate_preferences
from pipelines.stage import Stage


def run(stage: Stage) -> None:
    """Judge every ranking and candidate again, past ones included."""
    names = ("rankings", "ratings", "candidates", "samples", "prompts", "assignments")
    curated = curate_preferences(
        *(stage.rows(name) for name in names), stage.new_rows("dropped"), stage.rows("labelers"),
        params=stage.params.curate_preferences, turn=stage.turn, seed=stage.seed,
    )  # fmt: skip
    stage.write_table("preferences", curated.preferences)
    stage.write_table("labeler_stats", curated.labeler_stats)
    stage.write_table("dropped", curated.dropped)
    stage.write_metrics("agreement", curated.metrics)
