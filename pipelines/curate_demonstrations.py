"""Turns this turn's and all earlier demonstrations into the ledger of those that are dropped."""

from curation.demonstrations import curate_demonstrations
from curation.funnel import count_rows
from pipelines.stage import Stage
from pipelines.tokens import token_counter


def run(stage: Stage) -> None:
    """Judge every demonstration again, past ones included."""
    rows = stage.rows("demonstrations")
    dropped = curate_demonstrations(
        rows, stage.rows("prompts"), stage.rows("assignments"), stage.new_rows("dropped"), stage.rows("origins"),
        stage.new_rows("scores"), params=stage.params.curate_demonstrations, near=stage.params.near_duplicates,
        turn=stage.turn, count_tokens=token_counter(stage),
    )  # fmt: skip
    stage.write_table("dropped", dropped)
    stage.write_metrics("demonstrations", count_rows("demonstrations", rows, dropped))
