"""Conversations of a real file stay on one side of every split: shared openings, and prompts that go on from others."""

import os
from pathlib import Path

import polars as pl
import pytest
import yaml

from curation.prompts import curate_prompts
from pipelines.ingest import ingest_file
from pipelines.sources.imports import read_imports
from pipelines.sources.sandbox import no_splits
from schemas.params import parse_params
from schemas.tables import empty_frame

ROOT = Path(__file__).parents[2]
PUBLIC = Path(os.environ.get("FLYWHEEL_PUBLIC_DATA", ROOT.parent / "shared" / "data"))
HH = PUBLIC / "hh-rlhf" / "harmless-base" / "test.jsonl.gz"


@pytest.mark.skipif(not HH.exists(), reason=f"no public data at {HH}; set FLYWHEEL_PUBLIC_DATA")
def test_hh_rlhf_openings_and_prefixes_share_a_split_over_two_turns(tmp_path: Path) -> None:
    params = parse_params(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8")))
    (tmp_path / "imports").mkdir()
    (tmp_path / "imports" / "imports.json").write_text('{"parts": []}')
    ingest_file(tmp_path, HH, track=False)
    prompts = read_imports(tmp_path, "prompts").sort("prompt_id")
    early = prompts.sample(fraction=0.5, seed=1).sort("prompt_id")  # takes many a conversation apart
    assigned, past = empty_frame("assignments"), empty_frame("prompts")
    for turn, rows in enumerate((early, prompts), start=1):
        curated = curate_prompts(
            rows, assigned, no_splits(), past_ids=past["prompt_id"], params=params.prompts, near=params.near_duplicates,
            turn=turn, seed=1,
        )  # fmt: skip
        assigned, past = curated.assignments, rows
        assert curated.metrics["largest_cluster"] < 10
    bridges = curated.dropped.filter(pl.col("reason") == "bridges_splits")["row_id"]
    given = prompts.filter(~pl.col("prompt_id").is_in(bridges.implode())).join(assigned, on="prompt_id", how="left")
    assert given["split"].null_count() == 0 and set(given["split"]) == {"train", "validation", "benchmark"}
    messages = [tuple((m["role"], m["content"]) for m in row) for row in prompts["messages"].to_list()]
    openings = pl.Series([row[0][1] for row in messages]).is_duplicated().sum()
    assert 250 < openings <= 265  # two of the file's repeated prompts are one row here
    split = dict(zip(given["prompt_id"], given["split"], strict=True))
    by_messages = dict(zip(messages, prompts["prompt_id"], strict=True))
    prefixed = [(row, row[:n]) for row in messages for n in range(1, len(row)) if row[:n] in by_messages]
    assert len({prefix for _, prefix in prefixed}) == 128
    first_of: dict[str, str] = {}
    for row in messages:
        prompt = by_messages[row]
        if prompt in split:
            assert first_of.setdefault(row[0][1], split[prompt]) == split[prompt]
    for _, members in given.group_by("cluster_id"):
        assert members["split"].n_unique() == 1
