"""Makes revisions of a project out of frames, with git and a hand-written dvc.lock: no stage is run."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from pipelines.store import write_parquet
from schemas.tables import TABLES, conform_frame


def start_project(root: Path) -> Path:
    """An empty project of ours."""
    (root / ".dvc").mkdir(parents=True)
    files = {".dvc/config": "", "dvc.yaml": "stages: {}\n", "versions.yaml": "stages: {}\n",
             ".gitignore": ".dvc/cache\n.flywheel\n"}  # fmt: skip
    for name, text in files.items():
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    return root


def keep_object(root: Path, content: bytes, suffix: str = "") -> dict[str, object]:
    """Put bytes into the cache; what dvc.lock says of them."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    target = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / f"{md5[2:]}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return {"md5": f"{md5}{suffix}", "size": len(content), "hash": "md5"}


def commit_frames(root: Path, tag: str, tables: Mapping[str, list[dict]], past: Mapping[str, list[dict]] = {}) -> None:
    """Commit rows by table as a revision; `past` are those of turn 1, in files of their own."""
    outs = []
    for name, rows in tables.items():
        write_parquet(_frame(name, rows), root / "staged.parquet")
        content = (root / "staged.parquet").read_bytes()
        outs.append({"path": f"data/{name}.parquet", **keep_object(root, content)})
    listing = []
    for name, rows in past.items():
        write_parquet(_frame(name, rows), root / "staged.parquet")
        md5 = keep_object(root, (root / "staged.parquet").read_bytes())["md5"]
        listing.append({"md5": md5, "relpath": f"{name}/turn=001.parquet"})
    outs.append({"path": "data/past", **keep_object(root, json.dumps(listing).encode(), ".dir")})
    (root / "staged.parquet").unlink()
    commit_lock(root, tag, outs)


def _frame(name: str, rows: list[dict]) -> pl.DataFrame:
    columns = TABLES[name].columns
    filled = [{column: row.get(column) for column in columns} for row in rows]
    return conform_frame(name, pl.DataFrame(filled, schema=dict(columns)))


def commit_lock(root: Path, tag: str, outs: list[dict]) -> None:
    """Commit a dvc.lock of these outputs."""
    (root / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"all": {"cmd": "true", "outs": outs}}}))
    for command in (["add", "--all"], ["commit", "--quiet", "--message", tag], ["tag", tag]):
        subprocess.run(["git", *command], cwd=root, check=True)
