"""Lists the formats that rows can be exported to."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.sources.exporting import argilla, label_studio, openai, sharegpt, trl
from pipelines.sources.exporting.exporter import Exporter, ExportError
from pipelines.sources.faults import RowFaultError, hint_format
from schemas.records import Candidate, Demonstration, Ranking

MODULES = (trl, openai, sharegpt, label_studio, argilla)
EXPORTERS: dict[str, Exporter] = {module.EXPORTER.name: module.EXPORTER for module in MODULES}
OTHER_IDS = "ids: an import of these rows gives others"
OTHER_RANKINGS = "ids of rankings: an import gives others, since it names their labelers anew"
PARQUET = "parquet"
NAMES = (*EXPORTERS, PARQUET)


def find_exporter(name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        ExportError: there is none.
    """
    if name in EXPORTERS:
        return EXPORTERS[name]
    raise ExportError(f"{name}: no such format; {hint_format(name, NAMES)}There are {', '.join(NAMES)}")


def choose_table(exporter: Exporter, table: str | None, out: Path) -> str:
    """The table to export: the one that is named, or the format's first.

    Raises:
        ExportError: the format has no such table, or does not go into a file of that name.
    """
    chosen = table or next(iter(exporter.convert))
    if chosen not in exporter.convert:
        raise ExportError(f"--table {chosen}: {exporter.name} carries {' and '.join(exporter.convert)} only")
    if not out.name.lower().endswith(exporter.endings):
        raise ExportError(f"--out {out}: {exporter.name} goes into a file named *{' or *'.join(exporter.endings)}")
    return chosen


@dataclass(frozen=True)
class Converted:
    """Rows of a format, how many it could not say at all, and of how many rows it lost what."""

    values: list[dict[str, Any]]
    n_unsaid: int
    losses: Mapping[str, int]


def convert_rows(exporter: Exporter, table: str, rows: Iterable[Mapping[str, Any]]) -> Converted:
    """Every row of a table as the format says it; each is read back, and those whose ids do not stay are counted."""
    values, n_unsaid, losses = [], 0, Counter[str]()
    for row in rows:
        exported = exporter.convert[table](row)
        losses.update(exported.losses)
        if exported.value is None:
            n_unsaid += 1
            continue
        values.append(exported.value)
        read = _read_ids(exporter, exported.value)
        losses[OTHER_IDS] += not _list_ids(table, row) <= read
        losses[OTHER_RANKINGS] += not {ranking["ranking_id"] for ranking in row.get("rankings", ())} <= read
    return Converted(values, n_unsaid, +losses)


def _list_ids(table: str, row: Mapping[str, Any]) -> set[str]:
    """Ids of what a row says: its demonstration, or its candidates."""
    if table == "rankings":
        return {candidate["candidate_id"] for candidate in row["candidates"]}
    return {row[column] for column in ("demonstration_id", "chosen_id", "rejected_id") if column in row}


def _read_ids(exporter: Exporter, value: Mapping[str, Any]) -> set[str]:
    """Ids of demonstrations, candidates and rankings that an import of the row gives."""
    try:
        records = [record for _, record in exporter.reads.convert(value).records]
    except (RowFaultError, ValidationError):
        return set()
    ids = {r.demonstration_id for r in records if isinstance(r, Demonstration)}
    ids |= {r.candidate_id for r in records if isinstance(r, Candidate)}
    return ids | {r.ranking_id for r in records if isinstance(r, Ranking)}
