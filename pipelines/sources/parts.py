"""Turns collected tables into the files of imports/: one Parquet part a table, then imports.json that lists them."""

import io
import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.sources.imports import IMPORTS, LEDGER, Ledger, PartFile, digest_part
from pipelines.store import ROW_GROUP_ROWS, write_bytes, write_json


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
        part = PartFile(file=f"{stem}.{name}.parquet", md5=digest_part(content), rows=frame.height)
        write_bytes(content, root / IMPORTS / part.file)
        written[name] = part
    return written


def clear_staged(root: Path) -> None:
    """Remove what an interrupted ingest left behind."""
    for path in (root / IMPORTS).glob(".*.part"):
        path.unlink(missing_ok=True)
