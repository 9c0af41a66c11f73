"""Turns everything that a turn wrote into one page that opens offline, and what curation did into one metrics file."""

from pipelines.reporting.curation import summarise_curation
from pipelines.reporting.inputs import read_inputs
from pipelines.reporting.page import build_page
from pipelines.stage import Stage
from pipelines.store import write_bytes


def run(stage: Stage) -> None:
    """Write report/index.html and metrics/curation.json."""
    inputs = read_inputs(stage)
    write_bytes(build_page(inputs).encode("utf-8"), stage.out("report") / "index.html")
    stage.write_metrics("curation", summarise_curation(inputs))
