"""Writes a project's rows as files of a format of the field, and says what the format could not carry."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.progress import count_off, show_progress
from pipelines.sources.exporting.card import Part, write_card
from pipelines.sources.exporting.exporter import Exporter, ExportError
from pipelines.sources.exporting.exporters import (
    NAMES,
    PARQUET,
    Converted,
    choose_table,
    convert_rows,
    find_exporter,
)
from pipelines.sources.exporting.parquet import LOSSES, encode_frame, frame_rows, split_frame
from pipelines.sources.exporting.tables import ALL, EXPORTED, Holdings, Selection, read_holdings, select_rows
from pipelines.sources.exporting.tasks import find_unranked, list_tasks
from pipelines.sources.exporting.writing import Written, spell_rows, write_file, write_folder

__all__ = ["NAMES", "ExportError", "ExportReport", "export_rows", "format_report"]
CARD = "README.md"


@dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        path: the file or folder, as it was named.
        curated: False where rows are exported that no rule has judged, or that rules dropped.
        imports_only: True where the rows are those of imports/, not of a turn.
        rows: rows written, by table.
        left_out: rows that were not, by table and by why.
        losses: what the format does not carry of how many rows, by table.
    """

    format: str
    path: str
    curated: bool
    imports_only: bool
    rows: Mapping[str, int]
    left_out: Mapping[str, Mapping[str, int]]
    losses: Mapping[str, Mapping[str, int]]
    files: list[Written]

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return asdict(self)


def export_rows(
    root: Path, format_name: str, out: Path, *, table: str | None = None, split: str | None = None, raw: bool = False,
    imports: bool = False,
) -> ExportReport:  # fmt: skip
    """Export a project's rows.

    Args:
        format_name: a name in NAMES.
        table: demonstrations, preferences or rankings; None is the format's first, and for Parquet all that have rows.
        split: of the prompts, or `all`; None is train in a file, and for Parquet a file for each split.
        raw: True exports also what curation dropped.
        imports: True exports the rows of imports/ where a turn has rows too.

    Raises:
        ExportError: what is asked for is not there, or the format cannot say it; nothing is then written.
    """
    if table is not None and table not in EXPORTED:
        raise ExportError(f"--table {table}: no such table; there are {', '.join(EXPORTED)}")
    if format_name == PARQUET:
        holdings = read_holdings(root, imports=imports)
        tables = EXPORTED if table is None else (table,)
        selections = [select_rows(holdings, name, split=split or ALL, raw=raw) for name in tables]
        return _export_folder(holdings, selections, out, curated=not raw and not holdings.imports_only)
    exporter = find_exporter(format_name)
    table = choose_table(exporter, table, out)
    holdings = read_holdings(root, imports=imports)
    selection = select_rows(holdings, table, split=split, raw=raw)
    return _export_file(exporter, holdings, selection, out, curated=not raw and not holdings.imports_only)


def _export_file(
    exporter: Exporter, holdings: Holdings, selection: Selection, out: Path, *, curated: bool
) -> ExportReport:
    table = selection.table
    rows = _list_items(holdings, selection, raw=not curated)
    with show_progress(out.name) as show:
        converted = convert_rows(exporter, table, count_off(rows, show, len(rows)))
    left_out = _add_unsaid(selection.left_out, exporter, converted)
    if not converted.values:
        _refuse_nothing([selection], left_out)
    content = spell_rows(converted.values, array=out.name.lower().endswith(".json"))
    written = write_file(content, len(converted.values), out)
    losses = dict.fromkeys(exporter.losses[table], selection.rows.height) | dict(sorted(converted.losses.items()))
    return ExportReport(
        format=exporter.name, path=str(out), curated=curated, imports_only=holdings.imports_only,
        rows=_count_written(selection, len(converted.values)), left_out={table: left_out}, losses={table: losses},
        files=[written],
    )  # fmt: skip


def _count_written(selection: Selection, n_values: int) -> dict[str, int]:
    if selection.table != "rankings":
        return {selection.table: n_values}
    return {"tasks": n_values, "rankings": selection.rows.height}


def _list_items(holdings: Holdings, selection: Selection, *, raw: bool) -> Sequence[Mapping[str, Any]]:
    """What becomes a row of a format: rows of the table, but tasks for `rankings`, those that nobody ranked too."""
    if selection.table != "rankings":
        return selection.rows.to_dicts()
    unranked = find_unranked(holdings, split=None if selection.split == ALL else selection.split, raw=raw)
    return list_tasks(holdings, selection, unranked=unranked)


def _add_unsaid(left_out: Mapping[str, int], exporter: Exporter, converted: Converted) -> dict[str, int]:
    return {**left_out, **({f"that {exporter.name} cannot say": converted.n_unsaid} if converted.n_unsaid else {})}


def _export_folder(holdings: Holdings, selections: list[Selection], out: Path, *, curated: bool) -> ExportReport:
    files: dict[str, tuple[bytes, int | None]] = {}
    parts: list[Part] = []
    with show_progress(out.name) as show:
        for done, selection in enumerate(selections):
            show(done, len(selections))
            for split, frame in split_frame(frame_rows(holdings, selection)).items():
                path, content = f"{selection.table}/{split}.parquet", encode_frame(frame)
                files[path] = content, frame.height
                parts.append(Part(selection.table, split, path, frame, len(content)))
    if not parts:
        _refuse_nothing(selections, {why: n for selection in selections for why, n in selection.left_out.items()})
    files[CARD] = write_card(out.name, parts, holdings, curated=curated).encode(), None
    rows = {selection.table: selection.rows.height for selection in selections if selection.rows.height}
    return ExportReport(
        format=PARQUET, path=str(out), curated=curated, imports_only=holdings.imports_only, rows=rows,
        left_out={selection.table: selection.left_out for selection in selections},
        losses={table: dict.fromkeys(LOSSES[table], count) for table, count in rows.items()},
        files=write_folder(files, out),
    )  # fmt: skip


def _refuse_nothing(selections: list[Selection], left_out: Mapping[str, int]) -> None:
    names = " or ".join(selection.table for selection in selections)
    why = f"{_tell_counts(left_out)} (see --split and --raw)" if left_out else "there are none; see --table"
    raise ExportError(f"no row of {names} to export: {why}")


def format_report(report: ExportReport) -> str:
    """The report for people, a few lines."""
    judged = "curated" if report.curated else "not curated"
    whence = "imports" if report.imports_only else "this turn and those before"
    lines = [f"{report.path}: {report.format}, rows of {whence}, {judged}"]
    for table, rows in report.rows.items():
        lines.append(f"  {table} {rows:,}")
        if report.left_out.get(table):
            lines.append(f"  left out: {_tell_counts(report.left_out[table])}")
        lines += [f"  not carried: {what} ({count:,} rows)" for what, count in report.losses.get(table, {}).items()]
    return "\n".join(lines)


def _tell_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in counts.items())
