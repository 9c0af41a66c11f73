"""Tells what a new version of a source changed: which rows came, stayed, went, or say something else under their id."""

from pathlib import Path

import polars as pl

from pipelines.sources.collecting import Source
from pipelines.sources.imports import Ledger, Part, TableChanges, read_part

SHARED = 0.5
"""A file is a new version of another of its source where it has this share of the rows of the smaller of the two."""
VANISHED = {
    "table_name": pl.String, "row_id": pl.String, "external_id": pl.String, "source_row": pl.Int64,
    "matched_id": pl.String,
}  # fmt: skip
"""Rows of the version before that the new one lacks; `matched_id` is the row that now stands under their id."""


def find_earlier(
    root: Path, ledger: Ledger, source: Source, format_: str, origins: pl.DataFrame, *, have_ids: bool
) -> Part | None:
    """The version of a source that a file with these origins follows: of those not yet followed, the most alike.

    Rows are alike where their content is, or where the source gave them the same id of its own. None where the source
    is new, or where the file has little in common with its others: then it is one more file of it.

    Args:
        have_ids: True where the source gave each row an id; else a number that is also the row's place may be no id.
    """
    ours = [part for part in ledger.parts if (part.source, part.format) == (source.name, format_)]
    followed = {part.supersedes for part in ours}
    shares = {
        part.sha256: _share_rows(
            read_part(root, part.tables["origins"]), origins, have_ids=have_ids and _may_have_ids(part)
        )
        for part in ours
        if part.sha256 not in followed and part.sha256 != source.sha256 and "origins" in part.tables
    }  # fmt: skip
    best = max(shares, key=lambda sha256: (shares[sha256], sha256), default=None)
    return next(part for part in ours if part.sha256 == best) if best and shares[best] >= SHARED else None


def _may_have_ids(part: Part) -> bool:
    """False where a mapping named no column of ids: its rows then have their numbers for ids."""
    return not part.mapping or any(option.startswith("id=") for option in part.mapping)


def _share_rows(earlier: pl.DataFrame, origins: pl.DataFrame, *, have_ids: bool) -> float:
    """The larger of the shares by content and by id; a number that is also the row's counts where all rows have ids."""
    own = pl.lit(have_ids) | (
        pl.col("external_id").str.split("/").list.first() != pl.col("source_row").cast(pl.String)
    )  # fmt: skip
    shares = []
    for wanted, column in ((pl.lit(True), "row_id"), (own, "external_id")):
        before, after = (set(frame.filter(wanted)[column]) for frame in (earlier, origins))
        shares.append(len(before & after) / max(1, min(len(before), len(after))))
    return max(shares)


def compare_versions(earlier: pl.DataFrame, origins: pl.DataFrame) -> tuple[dict[str, TableChanges], pl.DataFrame]:
    """Changes by table, from the origins of two versions; and the vanished rows as VANISHED says, edited ones too.

    A row was edited where the same id of the source (its row's number where it gives none) now stands for other
    content; it counts neither as added nor as vanished.
    """
    key = ["table_name", "row_id"]
    gone, new = earlier.join(origins, on=key, how="anti"), origins.join(earlier, on=key, how="anti")
    place = ["table_name", "external_id"]
    named = new.group_by(place).agg(matched_id=pl.col("row_id").min())
    vanished = gone.join(named, on=place, how="left").sort("table_name", "row_id", "external_id")
    edits = vanished.filter(pl.col("matched_id").is_not_null())
    changes = {}
    for table in sorted(set(earlier["table_name"]) | set(origins["table_name"])):
        before, after, lost = (_list_ids(frame, table) for frame in (earlier, origins, edits))
        found = _list_ids(edits.select("table_name", row_id="matched_id"), table)
        changes[table] = TableChanges(
            added=len(after - before - found), unchanged=len(after & before), vanished=len(before - after - lost),
            edited=len(lost),
        )  # fmt: skip
    return changes, vanished.select(pl.col(column).cast(dtype) for column, dtype in VANISHED.items())


def _list_ids(frame: pl.DataFrame, table: str) -> set[str]:
    return set(frame.filter(pl.col("table_name") == table)["row_id"])
