"""Turns the demonstrations of named sources into the known answers that verifiers hold others against."""

from collections.abc import Sequence

import polars as pl

from curation.texts import completion_text


def comes_from(sources: Sequence[str]) -> pl.Expr:
    """Whether a row of `origins` is from one of the sources: of that name, or of that format ("gsm8k/train")."""
    source = pl.col("source")
    return source.is_in(sources) | source.str.split("/").list.first().is_in(sources)


def list_references(demonstrations: pl.DataFrame, origins: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """(prompt_id, reference), sorted: what the sources answer to a prompt; of two answers, neither is known."""
    known = origins.filter((pl.col("table_name") == "demonstrations") & comes_from(sources))
    return (
        demonstrations.join(known, left_on="demonstration_id", right_on="row_id", how="semi")
        .select("prompt_id", reference=completion_text())
        .unique()
        .filter(pl.len().over("prompt_id") == 1)
        .sort("prompt_id")
    )
