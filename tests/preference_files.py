"""What a file of preference rows becomes when it is taken in, by the texts of its answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.ingest import Part, ingest_file
from pipelines.sources.imports import read_imports, read_part


class Taken:
    """What a file of rows became."""

    def __init__(self, root: Path, rows: Sequence[Any], name: str | None = None) -> None:
        root.mkdir(exist_ok=True)
        file = root / "f.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.root = root
        self.part: Part = ingest_file(root, file, name).part
        self.texts = {
            row["candidate_id"]: row["completion"][-1]["content"] for row in self.table("candidates").to_dicts()
        }

    def table(self, name: str) -> pl.DataFrame:
        return read_imports(self.root, name)

    def rankings(self) -> list[dict[str, Any]]:
        return self.table("rankings").sort("ranking_id").to_dicts()

    def tiers(self, ranking: dict[str, Any]) -> list[tuple[set[str], bool]]:
        return [({self.texts[c] for c in tier["candidate_ids"]}, tier["tied"]) for tier in ranking["tiers"]]

    def policies(self) -> dict[str, str]:
        return {self.texts[row["candidate_id"]]: row["policy"] for row in self.table("samples").to_dicts()}

    def notes(self) -> dict[str, list[int]]:
        return {note.name: note.first_rows for note in self.part.notes}

    def reasons(self) -> list[str]:
        return read_part(self.root, self.part.records["quarantine"])["reason"].to_list()
