"""Turns a project's Parquet files into the rows to export: curated or raw, of the last turn or as imported."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from curation.consensus import decide_consensus, make_preferences
from curation.ledger import keep_rows
from curation.views import read_view
from pipelines.sources.exporting.exporter import ExportError
from pipelines.sources.imports import read_imports
from pipelines.stage import read_yaml
from pipelines.store import list_files
from schemas.curation_params import TiedConsensus
from schemas.params import parse_params
from schemas.tables import TABLES, empty_frame, union_rows

EXPORTED = ("demonstrations", "preferences", "rankings")
CONTENT = ("prompts", "demonstrations", "candidates", "rankings", "labelers", "origins", "samples", "assignments")
JUDGEMENT = ("preferences", "pair_findings", "labeler_stats", "dropped")
ALL = "all"
UNSPLIT = "train"
"""What rows of prompts without a split are called where a format must name one."""
TIED, DROPPED, OTHER_SPLIT = "pairs held equal (ties)", "dropped by curation", "of another split"


@dataclass(frozen=True)
class Holdings:
    """All tables of a project, by name.

    Attributes:
        imports_only: no turn has been run: the rows are those of imports/, and nothing has judged them.
        turn: number of the turn whose rows they are; None where no turn has been run.
        tied: how a consensus is decided where the turn's own is not used.
    """

    frames: Mapping[str, pl.DataFrame]
    imports_only: bool
    turn: int | None
    tied: TiedConsensus

    def __getitem__(self, table: str) -> pl.DataFrame:
        return self.frames[table]

    @cached_property
    def decided(self) -> pl.DataFrame:
        """What the most of all labelers say of each judged pair, every one of them believed alike."""
        votes = read_view("pair_votes", {"rankings": self["rankings"]})
        return decide_consensus(votes.with_columns(modelled=pl.lit(False)), self.tied)


def read_holdings(root: Path, *, imports: bool = False) -> Holdings:
    """Read the tables of the last turn that was run, or those of imports/ where none was or where they are asked for.

    Raises:
        ExportError: there is neither.
    """
    params = parse_params(read_yaml(root / "params.yaml"))
    tied = params.curate_preferences.rules.tied_consensus
    if not imports and (root / "data").is_dir():
        frames = {name: _read_table(root, name, past=name in CONTENT) for name in (*CONTENT, *JUDGEMENT)}
        if frames["prompts"].height:
            return Holdings(frames, False, params.turn.number, tied)
    frames = {name: read_imports(root, name) for name in (*CONTENT, *JUDGEMENT)}
    if frames["prompts"].is_empty():
        mend = "take a file in (`flywheel ingest`), run a turn (`dvc repro`) or bring one back (`dvc checkout`)"
        raise ExportError(f"there are no rows here, neither in data/ nor in imports/; {mend}")
    return Holdings(frames, True, None, tied)


def _read_table(root: Path, name: str, *, past: bool) -> pl.DataFrame:
    folders = [root / "data" / "past" / name] if past else []
    paths = [*folders, root / "data" / f"{name}.parquet", root / "data" / name]
    files = [file for path in paths if path.exists() for file in list_files(path) if file.suffix == ".parquet"]
    frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
    for file, frame in zip(files, frames, strict=True):
        missing = [column for column in TABLES[name].columns if column not in frame.columns]
        if missing:
            mend = "it is of an earlier version of flywheel; `dvc repro` writes it anew"
            raise ExportError(f"{file.relative_to(root)}: has no column {missing[0]!r}; {mend}")
    return union_rows(name, *frames)


@dataclass(frozen=True)
class Selection:
    """The rows of one table that are exported, with their prompts' messages, by id.

    Attributes:
        split: of the prompts, or `all`.
        rows: columns as `select_rows` says.
        left_out: rows of the table that are not, by why.
    """

    table: str
    split: str
    rows: pl.DataFrame
    left_out: Mapping[str, int]


def select_rows(holdings: Holdings, table: str, *, split: str | None, raw: bool) -> Selection:
    """Rows of a table with messages, tools, kind, split; of `preferences` as the view preference_pairs has them.

    Args:
        split: of the prompts; `all` is every split; None is train, and every row where no prompt has a split yet.
        raw: True takes also what curation dropped.

    Raises:
        ExportError: the split is not there.
    """
    wanted = _choose_split(holdings, split)
    judged = not raw and not holdings.imports_only
    kept = _list_rows(holdings, table, raw=not judged)
    rows = kept if wanted == ALL else kept.filter(pl.col("split") == wanted)
    everything = holdings.decided if table == "preferences" else holdings[table]
    tied = _count_tied(holdings, judged=judged) if table == "preferences" else 0
    left_out = {
        TIED: tied, DROPPED: everything.height - tied - kept.height, OTHER_SPLIT: kept.height - rows.height,
    }  # fmt: skip
    return Selection(table, wanted, rows, {why: count for why, count in left_out.items() if count})


def _count_tied(holdings: Holdings, *, judged: bool) -> int:
    """Judged pairs that labelers together hold equal: by the turn's ledger, or by the most of all labelers."""
    if not judged:
        return holdings.decided.filter(pl.col("consensus") == "tie").height
    ledger = holdings["dropped"].filter(pl.col("table_name") == "preferences", pl.col("reason") == "tied_consensus")
    return ledger.height


def _choose_split(holdings: Holdings, split: str | None) -> str:
    if split is None:
        return UNSPLIT if holdings["assignments"].height else ALL
    known = sorted(TABLES["assignments"].allowed["split"])
    if split not in (*known, ALL):
        raise ExportError(f"--split {split}: no such split; there are {', '.join(known)} and {ALL}")
    if split != ALL and holdings["assignments"].is_empty():
        raise ExportError(f"--split {split}: no prompt has a split yet; run `dvc repro`, or leave --split out")
    return split


def _list_rows(holdings: Holdings, table: str, *, raw: bool) -> pl.DataFrame:
    dropped = empty_frame("dropped") if raw else holdings["dropped"]
    if table == "preferences":
        return read_view("preference_pairs", {**_judged(holdings, raw=raw), "dropped": dropped})
    key = TABLES[table].key[0]
    asked = holdings["prompts"].select("prompt_id", "messages", "tools", "kind")
    rows = keep_rows(table, holdings[table], dropped).join(asked, on="prompt_id")
    return rows.join(holdings["assignments"].select("prompt_id", "split"), on="prompt_id", how="left").sort(key)


def _judged(holdings: Holdings, *, raw: bool) -> dict[str, pl.DataFrame]:
    """Tables for the view preference_pairs; where the turn's preferences are not wanted, from all rankings alike."""
    frames = {name: holdings[name] for name in ("prompts", "candidates", "assignments", "rankings")}
    if not raw and not holdings.imports_only:
        return frames | {name: holdings[name] for name in ("preferences", "pair_findings", "labeler_stats")}
    return {**frames, "preferences": make_preferences(holdings.decided)}
