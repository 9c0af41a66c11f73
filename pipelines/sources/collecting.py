"""Turns the rows of one file, in any order, into tables with ids and origins, and accounts for every row."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl
from pydantic import ValidationError

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.files import SourceRow
from pipelines.sources.importing import Convert, Format, Imported
from pipelines.sources.listing import list_rows
from pipelines.sources.rounds import JUDGED, number_rounds, set_round, sort_key, spell, spell_judgement
from schemas.records import UNTAKEN_TURN, Prompt, Record
from schemas.tables import TABLES, conform_frame

NAMED_TABLES = frozenset({"prompts", "demonstrations", "candidates", "guidelines", "rankings"})
"""Tables whose rows have one id, by which `origins` names them."""

QUARANTINE = {"row": pl.Int64, "line": pl.Int64, "reason": pl.String, "detail": pl.String, "mend": pl.String,
              "raw": pl.String}  # fmt: skip
NOTES = {"row": pl.Int64, "line": pl.Int64, "reason": pl.String, "detail": pl.String, "matched_row": pl.Int64}

MENDS = {
    "lone_surrogate": "write the character whole, or take it out",
    "nul_character": "take the NUL out",
    "candidate_ranked_twice": "rank each answer once",
    "unknown_candidate": "rank only answers that were put up",
}
"""The mend for each fault that records name themselves."""


@dataclass(frozen=True)
class Source:
    """Where rows come from: what is written into each of their origins."""

    name: str
    sha256: str
    licence: str | None
    consent: str | None


@dataclass(frozen=True)
class Collected:
    """What a file holds: its tables, and what became of each of its rows."""

    frames: Mapping[str, pl.DataFrame]
    notes: pl.DataFrame
    dropped: pl.DataFrame
    quarantine: pl.DataFrame
    rows_in: int
    losses: tuple[str, ...]
    have_ids: bool
    """True where the source gave each row that was taken in an id of its own."""

    @property
    def rows_kept(self) -> int:
        """Rows that are neither dropped nor quarantined."""
        return self.rows_in - self.dropped.height - self.quarantine.height


def collect_rows(
    rows: Iterable[SourceRow],
    format_: Format,
    source: Source,
    earlier: Callable[[str], pl.DataFrame],
    path: Path = Path(),
) -> Collected:
    """Convert every row; one that cannot be is quarantined, with its text, so that nothing of it is lost.

    Args:
        path: the file's, of which some formats read who judged.
        earlier: reads the rows of a table already taken in; called only where there are new judgements of its kind.
    """
    collector = _Collector(format_, source, earlier)
    quarantine: list[dict[str, Any]] = []
    unread: Counter[str] = Counter()
    rows_in, convert = 0, format_.convert
    rows = list_rows(rows, format_)
    if format_.bind is not None:
        rows = list(rows)
        convert = format_.bind(path, [row.value for row in rows if row.fault is None])
    for row in rows:
        rows_in += 1
        try:
            imported = _convert_row(row, convert)
        except RowFaultError as fault:
            quarantine.append(_quarantine_row(row, fault))
            continue
        collector.add(row, imported)
        unread.update(c for c, value in row.value.items() if value is not None and c not in format_.columns)
    columns = tuple(f"column {column!r} of {count} rows" for column, count in sorted(unread.items()))
    return Collected(
        frames=collector.frames(), notes=pl.DataFrame(collector.notes, NOTES, orient="row"),
        dropped=pl.DataFrame(collector.dropped, NOTES, orient="row"), quarantine=pl.DataFrame(quarantine, QUARANTINE),
        rows_in=rows_in, losses=format_.losses + columns, have_ids=collector.have_ids,
    )  # fmt: skip


def _convert_row(row: SourceRow, convert: Convert) -> Imported:
    if row.fault:
        raise row.fault
    try:
        return convert(row.value)
    except ValidationError as error:
        raise explain_record(error) from None


def explain_record(error: ValidationError) -> RowFaultError:
    """A record's first fault as a reason to quarantine its row; never quotes the offending text."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    reason = fault["type"] if fault["type"] in MENDS else "not_a_record"
    detail = f"{error.title} {where}: {fault['msg']}" if where else f"{error.title}: {fault['msg']}"
    return RowFaultError(reason, detail, MENDS.get(reason, "mend the row at its source"))


def _quarantine_row(row: SourceRow, fault: RowFaultError) -> dict[str, Any]:
    return {
        "row": row.number, "line": row.line, "reason": fault.reason, "detail": fault.detail,
        "mend": fault.mend, "raw": spell_value(row.value) if row.raw is None else row.raw,
    }  # fmt: skip


def spell_value(value: Any) -> str:
    """A row as JSON text that can be stored, half surrogate pairs too."""
    spelled = json.dumps(value, ensure_ascii=False, default=str)
    try:
        spelled.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, default=str)
    return spelled


@dataclass(frozen=True, slots=True)
class _NamedRow:
    """A record's row, where it stands in the file, and what it says: its key, or for a judgement its verdict."""

    table: str
    values: dict[str, Any]
    external_id: str
    says: tuple[Any, ...]

    @classmethod
    def of(cls, part: str, record: Record, key: str | None, number: int) -> Self:
        values, named = record.row(), key or str(number)
        says = tuple(values[column] for column in TABLES[record.table].key)
        if record.table in JUDGED:
            judged = (values[column] for column in JUDGED[record.table])
            says = (*judged, spell([sort_key(key), spell_judgement(values)]))
        return cls(record.table, values, f"{named}/{part}" if part else named, (record.table, *says))


class _Collector:
    """Gathers records by id. Which of two rows comes first decides no id, no round and no value."""

    def __init__(self, format_: Format, source: Source, earlier: Callable[[str], pl.DataFrame]) -> None:
        self._format, self._source, self._earlier = format_, source, earlier
        self._rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
        self._origins: dict[tuple[str, str], tuple[str, int]] = {}
        self._judged: dict[tuple[Any, ...], list[tuple[_NamedRow, int]]] = defaultdict(list)
        self._first_row: dict[bytes, int] = {}
        self.have_ids = True
        self.notes: list[tuple[int, int, str, str, int | None]] = []
        self.dropped: list[tuple[int, int, str, str, int]] = []

    def add(self, row: SourceRow, imported: Imported) -> None:
        """Take in one row's records, or drop it where a row of the same id said all of it before."""
        rows = [_NamedRow.of(part, record, imported.key, row.number) for part, record in imported.records]
        self.have_ids = self.have_ids and imported.key is not None
        whole = _digest((imported.key, *sorted(named.says for named in rows)))
        first = self._first_row.setdefault(whole, row.number)
        if first != row.number and imported.key is not None:
            detail = "an earlier row with the same id says the same"
            self.dropped.append((row.number, row.line, "repeated_row", detail, first))
            return
        for named in rows:
            if named.table in JUDGED:
                self._judged[named.says[:-1]].append((named, row.number))
            else:
                self._add_row(named, named.values, row.number)
        repeat = Note("repeated_row", "says what an earlier row says; kept as a second origin", first)
        repeats = [repeat] if first != row.number else self._note_repeats(row, imported)
        for note in (*imported.notes, *repeats):
            self.notes.append((row.number, row.line, note.note, note.detail, note.matched_row))

    def _note_repeats(self, row: SourceRow, imported: Imported) -> list[Note]:
        notes = []
        first = self._first_row.setdefault(_digest(("id", imported.key or row.number)), row.number)
        if first != row.number:
            notes.append(Note("repeated_id", "an earlier row has the same id and says something else", first))
        if not self._format.repeats_prompts:
            prompts = {record.prompt_id for _, record in imported.records if isinstance(record, Prompt)}
            firsts = {self._first_row.setdefault(bytes.fromhex(prompt), row.number) for prompt in prompts}
            firsts.discard(row.number)
            notes += [Note("repeated_prompt", "an earlier row has the same prompt", first) for first in sorted(firsts)]
        return notes

    def _add_row(self, named: "_NamedRow", values: dict[str, Any], number: int) -> None:
        table = named.table
        if table == "labelers":
            values = {**values, "consent": values["consent"] or self._source.consent}
        key = tuple(values[column] for column in TABLES[table].key)
        there = self._rows[table].get(key)
        if there is None or (there != values and spell(values) < spell(there)):
            self._rows[table][key] = values
        if table in NAMED_TABLES:
            self._origins.setdefault((key[0], named.external_id), (table, number))

    def _earlier_rounds(self) -> dict[tuple[Any, ...], list[tuple[int, str]]]:
        """Rounds and judgements of the same things by the same labelers in files taken in before."""
        rounds: dict[tuple[Any, ...], list[tuple[int, str]]] = defaultdict(list)
        for table, columns in JUDGED.items():
            things = {key[1] for key in self._judged if key[0] == table}
            if not things:
                continue
            for values in self._earlier(table).filter(pl.col(columns[0]).is_in(things)).to_dicts():
                key = (table, *(values[column] for column in columns))
                rounds[key].append((values["round"], spell_judgement(values)))
        return rounds

    def _add_judgements(self) -> None:
        earlier = self._earlier_rounds()
        for key, judged in self._judged.items():
            judgements = {named.says[-1]: spell_judgement(named.values) for named, _ in judged}
            rounds = {verdict: round_ for round_, verdict in number_rounds(judgements, earlier.get(key, []))}
            for named, row_number in judged:
                self._add_row(named, set_round(named.table, named.values, rounds[named.says[-1]]), row_number)
        self._judged.clear()

    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables that have rows, conforming and sorted by key."""
        self._add_judgements()
        tables = {name: list(rows.values()) for name, rows in self._rows.items()}
        frames = {name: pl.DataFrame(rows, dict(TABLES[name].columns)) for name, rows in tables.items()}
        frames["origins"] = self._frame_origins()
        return {name: conform_frame(name, frame) for name, frame in sorted(frames.items()) if frame.height}

    def _frame_origins(self) -> pl.DataFrame:
        source = self._source
        rows = [(*key, *where) for key, where in self._origins.items()]
        schema = {"row_id": pl.String, "external_id": pl.String, "table_name": pl.String, "source_row": pl.Int64}
        return pl.DataFrame(rows, schema, orient="row").with_columns(
            source=pl.lit(source.name), source_sha256=pl.lit(source.sha256), licence=pl.lit(source.licence),
            consent=pl.lit(source.consent), teacher=pl.lit(None), turn=pl.lit(UNTAKEN_TURN),
        )  # fmt: skip


def _digest(values: tuple[Any, ...]) -> bytes:
    return hashlib.blake2b(repr(values).encode(), digest_size=16).digest()
