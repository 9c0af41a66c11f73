"""Lists the formats that rows can be exported to."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.exporting import openai, sharegpt, trl
from pipelines.sources.exporting.exporter import Exporter, ExportError

EXPORTERS: dict[str, Exporter] = {module.EXPORTER.name: module.EXPORTER for module in (trl, openai, sharegpt)}
PARQUET = "parquet"
NAMES = (*EXPORTERS, PARQUET)


def find_exporter(name: str) -> Exporter:
    """The exporter of that name.

    Raises:
        ExportError: there is none.
    """
    if name in EXPORTERS:
        return EXPORTERS[name]
    close = difflib.get_close_matches(name.lower().replace("_", "-"), NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    raise ExportError(f"{name}: no such format; {hint}There are {', '.join(NAMES)}")


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
    """Every row of a table as the format says it."""
    exported = [exporter.convert[table](row) for row in rows]
    values = [row.value for row in exported if row.value is not None]
    losses = Counter(loss for row in exported for loss in row.losses)
    return Converted(values, len(exported) - len(values), losses)
