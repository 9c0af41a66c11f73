"""Writes tables, metrics and files whole or not at all, in bytes that do not differ between two equal runs."""

import csv
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP_ROWS = 20_000
METRIC_DIGITS = 6


def replace_path(staged: Path, target: Path) -> None:
    """Move a finished file or directory to its place; what stood there is gone only when the new one is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    staged.replace(target)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file under a temporary name, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with staged.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    """Write a frame as zstd Parquet with fixed row groups, so that equal frames give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        frame.rechunk().write_parquet(
            staged, compression="zstd", compression_level=3, row_group_size=ROW_GROUP_ROWS, statistics=True
        )
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _plain_number(value: Any) -> Any:
    """Numbers rounded to METRIC_DIGITS and NaN as null, through lists and mappings."""
    if isinstance(value, Mapping):
        return {str(key): _plain_number(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_number(item) for item in value]
    if isinstance(value, float):
        return round(value, METRIC_DIGITS) if math.isfinite(value) else None
    return value


def write_json(values: Mapping[str, Any], path: Path) -> None:
    """Write metrics as indented JSON, keys in the order given, numbers rounded, NaN as null."""
    text = json.dumps(_plain_number(values), indent=2, ensure_ascii=False, allow_nan=False)
    write_bytes((text + "\n").encode(), path)


def write_csv(rows: Iterable[Mapping[str, Any]], columns: list[str], path: Path) -> None:
    """Write a plot's points as CSV with the given columns."""
    lines: list[str] = []

    class Sink:
        def write(self, line: str) -> None:
            lines.append(line)

    writer = csv.DictWriter(Sink(), columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({column: _plain_number(row[column]) for column in columns})
    write_bytes("".join(lines).encode(), path)


def read_json(path: Path) -> Any:
    """Parse a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def list_files(path: Path) -> list[Path]:
    """The file itself, or all files below a directory in sorted order; hidden part files left out."""
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not file.name.endswith(".part"))


def digest_path(path: Path) -> str:
    """Digest of a file's bytes, or of a directory's file names and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for file in list_files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
