"""Takes a file of a known format into imports/ as an immutable part, and says what became of each of its rows."""

import datetime
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.progress import count_off, show_progress
from pipelines.runner import hold_lock
from pipelines.sources.collecting import Collected, Source, collect_rows
from pipelines.sources.faults import IngestError
from pipelines.sources.files import SourceFile, SourceRow, read_file, strip_endings
from pipelines.sources.formats import FORMATS, GUESSED_ROWS, find_format, guess_format
from pipelines.sources.formats.mapped import NAME, make_format
from pipelines.sources.importing import Format
from pipelines.sources.imports import (
    IMPORTS,
    LEDGER,
    Finding,
    Ledger,
    Part,
    PartFile,
    RowCounts,
    TableChanges,
    read_imports,
    read_ledger,
    read_part,
)
from pipelines.sources.mapping import check_columns, parse_mapping
from pipelines.sources.parts import clear_staged, name_part, write_ledger, write_parts
from pipelines.sources.reading import read_rows
from pipelines.sources.supersession import VANISHED, compare_versions, find_earlier
from pipelines.stage import STATE
from schemas.tables import empty_frame

__all__ = ["FORMATS", "IngestError", "IngestReport", "format_report", "ingest_file"]

FIRST_ROWS = 20
"""How many rows of each reason and note imports.json names; the Parquet records beside it name all."""
NO_ROWS = "the file has no rows; check how it was made or fetched"


@dataclass(frozen=True)
class IngestReport:
    """What an ingest did.

    Attributes:
        part: the entry of imports.json, of now or of the time the file was first taken in.
        added: False where the file had been taken in before, and nothing was added.
        guessed: True where the format was told by the file's content.
        tracking: why the part's files are not under DVC's care, and the mend; None where they are.
        parted: True where it had been taken in as a new version of another file, and now stands beside that.
        newer: the file that was taken in since as this one's new version.
    """

    part: Part
    added: bool
    guessed: bool
    tracking: str | None
    parted: bool = False
    newer: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "part": self.part.model_dump()}


def ingest_file(
    root: Path, file: Path, format_name: str | None = None, *, licence: str | None = None, consent: str | None = None,
    date: datetime.date | None = None, source: str | None = None, mapping: Sequence[str] = (), beside: bool = False,
    track: bool = True,
) -> IngestReport:  # fmt: skip
    """Take a file into a project's imports/.

    Args:
        format_name: a name in FORMATS; None guesses it by what the first rows hold.
        date: the day to record, today by the caller's clock.
        mapping: `FIELD=COLUMN` pairs, by which a file of no known format is read.
        source: what to call the source in `origins`; None is the format and the file's name without its endings.
        beside: True where the file stands beside others of its source; else one that has much in common with another
            is its new version.
        track: False leaves `dvc add` to the caller.

    Raises:
        IngestError: the file as a whole cannot be taken in; nothing is then added.
    """
    _check_options(source=source, licence=licence, consent=consent)
    mapped = _read_mapping(format_name, mapping)
    named = mapped or (find_format(format_name) if format_name else None)
    content = read_file(file)
    with hold_lock(root / STATE / "ingest.lock"):
        clear_staged(root)
        ledger = read_ledger(root)
        rows = read_rows(content)
        if named is None or mapped:
            named, rows = _guess(content, rows, mapped)
        there = _find_part(ledger, content.sha256, named)
        facts = Facts(source, licence, consent, date, beside)
        part = there or _take_in(root, ledger, content, rows, named, facts)
        parted = beside and part.supersedes is not None  # taken in before, and for a new version
        if parted:
            part = _set_beside(root, ledger, part)
        tracking = _track_files(root, part.files) if track else None
        if there is None:
            write_ledger(root, Ledger(parts=[*ledger.parts, part]))
    followers = (each for each in ledger.parts if (each.source, each.supersedes) == (part.source, part.sha256))
    newer = next((each.file for each in followers), None)
    return IngestReport(
        part, added=there is None, guessed=not (format_name or mapped), tracking=tracking, parted=parted, newer=newer
    )


def _set_beside(root: Path, ledger: Ledger, part: Part) -> Part:
    """Have a part stand beside the file that it was taken for a new version of."""
    records = {name: file for name, file in part.records.items() if name != "vanished"}
    changed = part.model_copy(update={"supersedes": None, "changes": {}, "records": records})
    write_ledger(root, Ledger(parts=[changed if each is part else each for each in ledger.parts]))
    if gone := part.records.get("vanished"):
        for name in (gone.file, f"{gone.file}.dvc"):
            (root / IMPORTS / name).unlink(missing_ok=True)
    return changed


def _check_options(**options: str | None) -> None:
    for name, value in options.items():
        if value is not None and (not value.isprintable() or not value.strip()):
            what = "is empty or holds a character that cannot be printed"
            raise IngestError(f"--{name} {value!r}: {what}; write plain text")


def _read_mapping(format_name: str | None, mapping: Sequence[str]) -> Format | None:
    if not mapping:
        return None
    if format_name not in (None, NAME):
        raise IngestError(f"--map goes with --as {NAME}, not {format_name}; leave one of the two out")
    return make_format(parse_mapping(mapping))


def _guess(
    file: SourceFile, rows: Iterator[SourceRow], mapped: Format | None = None
) -> tuple[Format, Iterator[SourceRow]]:
    """The format of the first rows, or `mapped` where they have its columns; and all rows."""
    first = list(islice(rows, GUESSED_ROWS))
    if not first:
        raise IngestError(f"{file.name}: {NO_ROWS}")
    read = [row.value for row in first if row.fault is None]
    if first and first[0].fault and not read:
        fault = first[0].fault
        what = f"none of the first {len(first)} rows can be read"
        raise IngestError(f"{file.where(first[0].line)}: {what}: {fault.reason}, {fault.detail}; {fault.mend}")
    if mapped:
        check_columns(file.name, parse_mapping(mapped.mapping), read)
        return mapped, chain(first, rows)
    return guess_format(file.name, read), chain(first, rows)


def _find_part(ledger: Ledger, sha256: str, format_: Format) -> Part | None:
    wanted = (sha256, format_.name, list(format_.mapping))
    return next((part for part in ledger.parts if (part.sha256, part.format, part.mapping) == wanted), None)


@dataclass(frozen=True)
class Facts:
    """What the caller says of a file; see `ingest_file`."""

    source: str | None
    licence: str | None
    consent: str | None
    date: datetime.date | None
    beside: bool


def _take_in(
    root: Path, ledger: Ledger, content: SourceFile, rows: Iterable[SourceRow], format_: Format, facts: Facts
) -> Part:
    name, licence, consent = facts.source, facts.licence, facts.consent
    source = Source(name or f"{format_.name}/{strip_endings(content.name)}", content.sha256, licence, consent)
    with show_progress(content.name) as show:
        rows = count_off(rows, show)
        collected = collect_rows(rows, format_, source, lambda table: read_imports(root, table), content.path)
    _refuse_nothing_kept(content, format_, collected)
    stem = name_part(source.name, format_.name, content.sha256)
    if format_.mapping:
        stem += "-" + hashlib.sha256("\0".join(format_.mapping).encode()).hexdigest()[:8]
    earlier, changes, vanished = _compare_earlier(root, ledger, source, format_, collected, beside=facts.beside)
    records = {"quarantine": collected.quarantine, "dropped": collected.dropped, "notes": collected.notes}
    records["vanished"] = vanished
    return Part(
        source=source.name, format=format_.name, file=content.name, sha256=content.sha256, licence=licence,
        consent=consent, date=facts.date.isoformat() if facts.date else None,
        rows=RowCounts(
            rows_in=collected.rows_in, kept=collected.rows_kept, dropped=collected.dropped.height,
            quarantined=collected.quarantine.height,
        ),
        quarantined=_count_findings(collected.quarantine), dropped=_count_findings(collected.dropped),
        notes=_count_findings(collected.notes), losses=list(collected.losses),
        tables=write_parts(root, stem, collected.frames), records=write_parts(root, stem, records),
        mapping=list(format_.mapping), supersedes=earlier, changes=changes,
    )  # fmt: skip


def _compare_earlier(
    root: Path, ledger: Ledger, source: Source, format_: Format, collected: Collected, *, beside: bool
) -> tuple[str | None, dict[str, TableChanges], pl.DataFrame]:
    """The sha256 of the file that a new one supersedes, what it changed, and the rows that vanished."""
    origins = collected.frames.get("origins", empty_frame("origins"))
    have_ids = collected.have_ids
    earlier = None if beside else find_earlier(root, ledger, source, format_.name, origins, have_ids=have_ids)
    if earlier is None:
        return None, {}, pl.DataFrame(schema=VANISHED)
    return earlier.sha256, *compare_versions(read_part(root, earlier.tables["origins"]), origins)


def _refuse_nothing_kept(file: SourceFile, format_: Format, collected: Collected) -> None:
    """A file of which no row is kept is most likely of another format: taking it in would only hide that."""
    if collected.rows_kept:
        return
    if not collected.rows_in:
        raise IngestError(f"{file.name}: {NO_ROWS}")
    first = collected.quarantine.row(0, named=True)
    raise IngestError(
        f"{file.where(first['line'])}: none of {collected.rows_in} rows is {format_.name}; the first:"
        f" {first['reason']}, {first['detail']}; {first['mend']}, or choose another format with --as"
    )


def _count_findings(frame: pl.DataFrame) -> list[Finding]:
    first = pl.col("row").unique().sort().head(FIRST_ROWS)
    grouped = frame.group_by("reason").agg(pl.col("row").n_unique().alias("rows"), first).sort("reason")
    return [Finding(name=name, rows=count, first_rows=rows) for name, count, rows in grouped.iter_rows()]


def _is_tracked(root: Path, file: PartFile) -> bool:
    """True when there is a .dvc file of just these bytes: an ingest that was cut short may have left another."""
    pointer = root / IMPORTS / f"{file.file}.dvc"
    return pointer.exists() and file.md5 in pointer.read_text(encoding="utf-8")


def _track_files(root: Path, files: Sequence[PartFile]) -> str | None:
    """`dvc add` the files that are not yet under its care; why that was not done, or None."""
    untracked = [f"{IMPORTS}/{file.file}" for file in files if not _is_tracked(root, file)]
    if not untracked:
        return None
    command = f"`dvc add {IMPORTS}/*.parquet`"
    if not any((folder / ".dvc").is_dir() for folder in (root.resolve(), *root.resolve().parents)):
        return f"this is no DVC project, so the parts are only here; after `dvc init` run {command}"
    if importlib.util.find_spec("dvc") is None:
        return f"dvc is not installed in {sys.executable}; install it, then run {command}"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "add", *untracked], cwd=root, text=True, capture_output=True,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"}, check=False,
    )  # fmt: skip
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        return f"dvc add failed ({said}); mend that, then run {command}"
    return None


def format_report(report: IngestReport) -> str:
    """The report for people, a few lines."""
    part, rows = report.part, report.part.rows
    told = " (told by its content)" if report.guessed else ""
    if not report.added:
        done = "stands beside its source's other files from now on" if report.parted else "nothing was added"
        lines = [f"{part.file}: taken in before as {part.source} ({part.format}); {done}"]
        if report.newer:
            mend = f"to go back to this one, restore {IMPORTS}/ from a commit before that"
            lines.append(f"  {report.newer} was taken in since as its new version; {mend}")
        lines.append(f"  recorded then: licence {part.licence or 'not stated'}, consent {part.consent or 'not stated'}")
    else:
        lines = [f"{part.file}: {part.format}{told}, taken in as {part.source}"]
    lines.append(
        f"  rows in {rows.rows_in:,} = kept {rows.kept:,} + dropped {rows.dropped:,} + quarantined {rows.quarantined:,}"
    )
    lines.append("  " + ", ".join(f"{name} {table.rows:,}" for name, table in part.tables.items()))
    lines += _tell_changes(part)
    lines += [f"  quarantined {_tell(finding)}" for finding in part.quarantined]
    lines += [f"  dropped {_tell(finding)}" for finding in part.dropped]
    lines += [f"  noted {_tell(finding)}" for finding in part.notes]
    lines += [f"  not carried: {loss}" for loss in part.losses]
    if report.added and part.licence is None:
        lines.append("  licence not stated (--licence)")
    if part.quarantined:
        lines.append(f"  text, reason and mend of each quarantined row: {IMPORTS}/{part.records['quarantine'].file}")
    if report.tracking:
        lines.append(f"  not tracked: {report.tracking}")
    elif report.added:
        lines.append(f"  commit {LEDGER} and {IMPORTS}/*.dvc; `dvc repro` takes the rows in")
    return "\n".join(lines)


def _tell_changes(part: Part) -> list[str]:
    if part.supersedes is None:
        return []
    mend = "if it is one more file beside that, ingest it again with --beside"
    lines = [f"  a new version of this source's file {part.supersedes[:12]} (sha256); {mend}"]
    for table, changes in part.changes.items():
        told = ", ".join(f"{what} {count:,}" for what, count in changes.model_dump().items())
        lines.append(f"  {table}: {told}")
    if "vanished" in part.records:
        lines.append(
            f"  vanished and edited rows, and what stands there now: {IMPORTS}/{part.records['vanished'].file}"
        )
        lines.append("  they stay in use; prompts.rules.vanished_at_source in params.yaml drops them")
    return lines


def _tell(finding: Finding) -> str:
    shown = ", ".join(map(str, finding.first_rows[:8])) + (", ..." if finding.rows > 8 else "")
    return f"{finding.name}: {finding.rows:,} (rows {shown})"
