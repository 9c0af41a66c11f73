"""Curates what a project has imported, without training: rows dropped by reason, and the labelers' agreement.

    python benchmarks/curate_imports.py PROJECT

The same functions that the stages call, over all imported rows as if they were of one turn.
"""

import argparse
import json
from pathlib import Path

from curation.demonstrations import curate_demonstrations
from curation.funnel import count_rows
from curation.preferences import curate_preferences
from curation.prompts import curate_prompts
from pipelines.sources.imports import read_imports
from pipelines.sources.sandbox import no_splits
from pipelines.stage import read_yaml
from schemas.params import parse_params
from schemas.tables import empty_frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    project = parser.parse_args().project
    params = parse_params(read_yaml(project / "params.yaml"))
    names = ("prompts", "demonstrations", "candidates", "samples", "rankings", "ratings", "labelers", "origins")
    tables = {name: read_imports(project, name) for name in names}
    prompts = curate_prompts(
        tables["prompts"], empty_frame("assignments"), no_splits(),
        past_ids=(), params=params.prompts, near=params.near_duplicates, turn=1, seed=params.seed,
    )  # fmt: skip
    demonstrations = curate_demonstrations(
        tables["demonstrations"], tables["prompts"], prompts.assignments, prompts.dropped, tables["origins"],
        empty_frame("scores"), params=params.curate_demonstrations, near=params.near_duplicates, turn=1,
    )  # fmt: skip
    preferences = curate_preferences(
        tables["rankings"], tables["ratings"], tables["candidates"], tables["samples"], tables["prompts"],
        prompts.assignments, prompts.dropped, tables["labelers"],
        params=params.curate_preferences, near=params.near_duplicates, turn=1, seed=params.seed,
    )  # fmt: skip
    counts = count_rows("demonstrations", tables["demonstrations"], demonstrations)
    found = {"prompts": prompts.metrics, "demonstrations": counts}
    found |= {"preferences": preferences.metrics, "audit": preferences.audited}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
