"""Writes exported rows as one file, or several as one folder: whole or not at all, in bytes that never differ."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.sources.exporting.exporter import ExportError
from pipelines.store import replace_path, write_bytes


@dataclass(frozen=True)
class Written:
    """One file of an export: its path below the export's own, its rows (None for words), bytes and sha256."""

    path: str
    rows: int | None
    n_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: str, content: bytes, rows: int | None) -> "Written":
        """The record of a file with that content."""
        return cls(path, rows, len(content), hashlib.sha256(content).hexdigest())


def spell_rows(rows: Iterable[Mapping[str, Any]], *, array: bool) -> bytes:
    """Rows as JSON lines, or as a JSON array with a row a line."""
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
    if array:
        return ("[\n" + ",\n".join(lines) + "\n]\n").encode()
    return "".join(f"{line}\n" for line in lines).encode()


def write_file(content: bytes, rows: int, path: Path) -> Written:
    """Write one file; what stood there is gone only when the new one is whole."""
    if path.is_dir():
        raise ExportError(f"{path}: is a folder; name a file")
    write_bytes(content, path)
    return Written.of(path.name, content, rows)


def write_folder(files: Mapping[str, tuple[bytes, int | None]], folder: Path) -> list[Written]:
    """Write files, by their path below a folder, all together; only an earlier export is replaced.

    Raises:
        ExportError: the folder is there and holds something that an export does not write.
    """
    refuse_other_content(folder)
    staged = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        for path, (content, _) in files.items():
            write_bytes(content, staged / path)
        replace_path(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return [Written.of(path, content, rows) for path, (content, rows) in sorted(files.items())]


def refuse_other_content(folder: Path) -> None:
    """Raise ExportError where a folder holds more than README.md and Parquet files one folder down."""
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder}: is a file; name a folder")
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        place = path.relative_to(folder)
        known = place.as_posix() == "README.md" or (len(place.parts) == 2 and path.suffix == ".parquet")
        if path.is_file() and not known:
            raise ExportError(f"{folder}: holds {place}, which no export wrote; name a new folder")
