"""Turns selected rows into Parquet files, one a table and split, that need no other table to be read."""

import io
from collections.abc import Mapping

import polars as pl

from pipelines.sources.exporting.tables import UNSPLIT, Holdings, Selection
from pipelines.sources.exporting.tasks import list_put_up
from pipelines.store import ROW_GROUP_ROWS
from schemas.tables import TABLES

SPLITS = ("train", "validation", "benchmark")
ASKED = ("tools", "kind")
COLUMNS = {
    "demonstrations": ("demonstration_id", "prompt_id", "prompt", "completion", *ASKED, "rationale"),
    "preferences": (
        "pair_id", "prompt_id", "chosen_id", "rejected_id", "prompt", "chosen", "rejected", *ASKED, "margin", "weight",
        "votes_for", "votes_against", "votes_tie",
    ),
    "rankings": (
        "ranking_id", "task_id", "prompt_id", "labeler_id", "labeler_kind", "round", "prompt", "candidates", "tiers",
        *ASKED, "strength", "shown_order", "created_at", "seconds", "rationale", "skip_reason", "batch",
    ),
}  # fmt: skip
LOSSES = {
    "demonstrations": (),
    "preferences": ("who judged, when and how", "which policy wrote an answer"),
    "rankings": ("the text of guidelines", "ratings of single answers", "which policy wrote an answer"),
}
"""What no Parquet export carries, by table."""


def frame_rows(holdings: Holdings, selection: Selection) -> pl.DataFrame:
    """A table's rows with all they speak of: prompts as `prompt`, candidates with their texts, sources, split."""
    rows = selection.rows.rename({"messages": "prompt"})
    if selection.table == "rankings":
        rows = _bring_labelers(_bring_candidates(rows, holdings["candidates"]), holdings["labelers"])
    key = TABLES[selection.table].key[0]
    named = _bring_sources(rows, holdings["origins"], key)
    return named.select(*COLUMNS[selection.table], "sources", "licences", pl.col("split").fill_null(UNSPLIT)).sort(key)


def _bring_candidates(rows: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    """`candidates`: those put up in each ranking's task, with their completions, by id."""
    put_up = list_put_up(rows, candidates).explode("candidate_id")
    texts = put_up.join(candidates.select("candidate_id", "completion"), on="candidate_id").sort("candidate_id")
    grouped = texts.group_by("task_id", maintain_order=True).agg(candidates=pl.struct("candidate_id", "completion"))
    return rows.join(grouped, on="task_id", how="left")


def _bring_labelers(rows: pl.DataFrame, labelers: pl.DataFrame) -> pl.DataFrame:
    return rows.join(labelers.select("labeler_id", labeler_kind="kind"), on="labeler_id", how="left")


def _bring_sources(rows: pl.DataFrame, origins: pl.DataFrame, key: str) -> pl.DataFrame:
    """`sources` and `licences` of each row, or of its prompt where it has none of its own (a pair's, say)."""
    told = origins.group_by("row_id").agg(
        sources=pl.col("source").unique().sort(), licences=pl.col("licence").drop_nulls().unique().sort()
    )
    own = rows.join(told, left_on=key, right_on="row_id", how="left")
    asked = rows.select(key, "prompt_id").join(told, left_on="prompt_id", right_on="row_id", how="left")
    both = own.join(asked.select(key, pl.col("sources", "licences").name.suffix("_asked")), on=key)
    return both.with_columns(pl.coalesce(c, f"{c}_asked").fill_null([]).alias(c) for c in ("sources", "licences"))


def split_frame(frame: pl.DataFrame) -> Mapping[str, pl.DataFrame]:
    """The rows of each split that has some, without the column."""
    parts = {split: frame.filter(pl.col("split") == split).drop("split") for split in SPLITS}
    return {split: rows for split, rows in parts.items() if rows.height}


def encode_frame(frame: pl.DataFrame) -> bytes:
    """A frame as zstd Parquet with fixed row groups: equal frames give equal bytes."""
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS)
    return buffer.getvalue()
