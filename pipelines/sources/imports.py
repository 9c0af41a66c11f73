"""Keeps imports/: immutable Parquet parts of each file taken in, and imports.json that lists and accounts for them."""

import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.sources.faults import IngestError
from pipelines.store import ROW_GROUP_ROWS, read_json, write_bytes, write_json
from schemas.tables import empty_frame, union_rows

IMPORTS = "imports"
LEDGER = "imports/imports.json"
Count = Annotated[int, Field(ge=0)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartFile(_Entry):
    """One Parquet file of a part: its name in imports/, md5 and rows."""

    file: str
    md5: str
    rows: Count


class Finding(_Entry):
    """A reason to quarantine, or a note, with the rows it is about: all of them counted, the first ones named."""

    name: str
    rows: Count
    first_rows: list[int]


class RowCounts(_Entry):
    """What became of a file's rows: `rows_in` is the sum of the others."""

    rows_in: Count
    kept: Count
    dropped: Count
    quarantined: Count


class Part(_Entry):
    """One file taken in. `tables` are the tables' rows; `records` are what was quarantined and noted."""

    source: str
    format: str
    file: str
    sha256: str
    licence: str | None
    consent: str | None
    date: str | None
    rows: RowCounts
    quarantined: list[Finding]
    notes: list[Finding]
    losses: list[str]
    tables: dict[str, PartFile]
    records: dict[str, PartFile]

    @property
    def files(self) -> list[PartFile]:
        """All Parquet files of the part."""
        return [*self.tables.values(), *self.records.values()]


class Ledger(_Entry):
    """The whole of imports.json."""

    parts: list[Part]


def read_ledger(root: Path) -> Ledger:
    """What has been taken in; nothing where imports.json is not there.

    Raises:
        IngestError: imports.json is not what it should be.
    """
    path = root / LEDGER
    mend = f"take it back from git (`git checkout -- {LEDGER}`)"
    try:
        return Ledger.model_validate(read_json(path))
    except FileNotFoundError:
        return Ledger(parts=[])
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise IngestError(f"{LEDGER}: {where}: {fault['msg']}; {mend}") from None
    except ValueError as error:
        raise IngestError(f"{LEDGER}: not JSON ({error}); {mend}") from None


def write_ledger(root: Path, ledger: Ledger) -> None:
    """Write imports.json, parts sorted by source and sha256: the order of taking in leaves no trace."""
    parts = sorted(ledger.parts, key=lambda part: (part.source, part.sha256, part.format))
    write_json({"parts": [part.model_dump() for part in parts]}, root / LEDGER)


def name_part(source: str, format_: str, sha256: str) -> str:
    """The stem of a part's file names."""
    slug = re.sub(r"[^a-z0-9._]+", "-", source.lower()).strip("-.") or "source"
    named = slug if slug.startswith(format_) else f"{format_}-{slug}"
    return f"{named[:80]}-{sha256[:12]}"


def write_parts(root: Path, stem: str, frames: Mapping[str, pl.DataFrame]) -> dict[str, PartFile]:
    """Write each frame that has rows as `imports/<stem>.<name>.parquet`; the same rows give the same bytes."""
    written = {}
    for name, frame in sorted(frames.items()):
        if frame.is_empty():
            continue
        buffer = io.BytesIO()
        frame.rechunk().write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS)
        content = buffer.getvalue()
        part = PartFile(file=f"{stem}.{name}.parquet", md5=_digest(content), rows=frame.height)
        write_bytes(content, root / IMPORTS / part.file)
        written[name] = part
    return written


def _digest(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def clear_staged(root: Path) -> None:
    """Remove what an interrupted ingest left behind."""
    for path in (root / IMPORTS).glob(".*.part"):
        path.unlink(missing_ok=True)


def read_part(root: Path, part: PartFile) -> pl.DataFrame:
    """Read one Parquet file of a part.

    Raises:
        IngestError: it is missing, or is not the one that imports.json lists.
    """
    path = root / IMPORTS / part.file
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        mend = "`dvc checkout` brings it from the cache, `dvc pull` from the remote"
        what = f"{IMPORTS}/{part.file} ({part.rows} rows)"
        raise IngestError(f"{what} is listed in {LEDGER} but not here; {mend}") from None
    if _digest(content) != part.md5:
        raise IngestError(
            f"{IMPORTS}/{part.file}: md5 is {_digest(content)}, {LEDGER} says {part.md5}; parts never change:"
            f" `dvc checkout --force {IMPORTS}/{part.file}.dvc` brings it back"
        )
    return pl.read_parquet(io.BytesIO(content))


def read_imports(root: Path, table: str) -> pl.DataFrame:
    """All imported rows of a table, sorted by key; `turn` is 0 where a turn has yet to take a row in.

    Only files that hold rows of this table are read, and each is checked against its md5. A row that several
    parts hold is one row.

    Raises:
        IngestError: a file is missing or changed, or imports.json is broken.
    """
    parts = [part.tables[table] for part in read_ledger(root).parts if table in part.tables]
    return union_rows(table, empty_frame(table), *(read_part(root, part) for part in parts))
