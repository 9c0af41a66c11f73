"""Turns everything that a turn wrote into one page that opens offline."""

from pipelines.reporting.inputs import read_inputs
from pipelines.reporting.page import build_page
from pipelines.stage import Stage
from pipelines.store import write_bytes


def run(stage: Stage) -> None:
    """Write report/index.html."""
    page = build_page(read_inputs(stage))
    write_bytes(page.encode("utf-8"), stage.out("report") / "index.html")
