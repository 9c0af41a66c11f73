"""Turns imports/ (immutable Parquet parts, listed in imports.json) into the rows of a table."""

import hashlib
import io
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.sources.faults import IngestError
from pipelines.store import read_json
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
    """A reason to quarantine or drop, or a note, with its rows: all of them counted, the first ones named."""

    name: str
    rows: Count
    first_rows: list[int]


class RowCounts(_Entry):
    """What became of a file's rows: `rows_in` is the sum of the others."""

    rows_in: Count
    kept: Count
    dropped: Count
    quarantined: Count


class TableChanges(_Entry):
    """What a new version of a source changed in one table."""

    added: Count
    unchanged: Count
    vanished: Count
    edited: Count


class Part(_Entry):
    """One file taken in. `tables` are the tables' rows; `records` are what was quarantined, dropped and noted.

    `mapping` are the `FIELD=COLUMN` by which a table of no known format was read. `supersedes` is the sha256 of the
    file of the same source that this one is a new version of, `changes` what differs between the two, by table.
    """

    source: str
    format: str
    file: str
    sha256: str
    licence: str | None
    consent: str | None
    date: str | None
    rows: RowCounts
    quarantined: list[Finding]
    dropped: list[Finding]
    notes: list[Finding]
    losses: list[str]
    tables: dict[str, PartFile]
    records: dict[str, PartFile]
    mapping: list[str] = []
    supersedes: str | None = None
    changes: dict[str, TableChanges] = {}

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


def digest_part(content: bytes) -> str:
    """The md5 of a part's bytes, by which DVC knows it too."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


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
    if digest_part(content) != part.md5:
        raise IngestError(
            f"{IMPORTS}/{part.file}: md5 is {digest_part(content)}, {LEDGER} says {part.md5}; parts never change:"
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
