"""Small projects to export from, built from records as a turn would write them."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.store import write_parquet
from schemas.records import Candidate, Demonstration, Labeler, Message, Origin, Prompt, Ranking, Record, Tier
from schemas.tables import TABLES, conform_frame

ROOT = Path(__file__).parents[1]


def write_project(root: Path, records: Iterable[Record], **tables: list[dict[str, Any]]) -> Path:
    """A project whose turn has these rows; further tables by name, rows as their columns say."""
    root.mkdir(parents=True, exist_ok=True)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, root / name)
    (root / ".dvc").mkdir(exist_ok=True)
    rows: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    for record in records:
        row = record.row()
        rows.setdefault(record.table, {})[tuple(row[column] for column in TABLES[record.table].key)] = row
    for name, values in {**{name: list(kept.values()) for name, kept in rows.items()}, **tables}.items():
        frame = conform_frame(name, pl.DataFrame(values, dict(TABLES[name].columns)))
        write_parquet(frame, root / "data" / f"{name}.parquet")
    return root


def ask(*texts: str, tools: str | None = None, kind: str | None = None) -> Prompt:
    """A prompt whose messages are by the user and the assistant in turn."""
    roles = ("user", "assistant")
    messages = tuple(Message(role=roles[place % 2], content=text) for place, text in enumerate(texts))  # type: ignore[arg-type]
    return Prompt(messages=messages, tools=tools, kind=kind)


def answer(prompt: Prompt, text: str) -> Candidate:
    """A candidate of one message."""
    return Candidate(prompt_id=prompt.prompt_id, completion=(Message(role="assistant", content=text),))


def judge(labeler: str, candidates: Sequence[Candidate], tiers: Sequence[Sequence[int]], **facts: Any) -> list[Record]:
    """A labeler and their ranking; `tiers` are places in `candidates`, those of one tier tied."""
    ids = [candidate.candidate_id for candidate in candidates]
    put_up = tuple(sorted(set(ids)))
    placed = tuple(Tier(candidate_ids=tuple(ids[i] for i in tier), tied=len(tier) > 1) for tier in tiers)
    ranking = {"prompt_id": candidates[0].prompt_id, "candidate_ids": put_up, "labeler_id": labeler, "tiers": placed}
    return [Labeler(labeler_id=labeler, kind=facts.pop("kind", "person")), Ranking(**ranking | facts)]


def come_from(record: Prompt | Demonstration, source: str, licence: str | None = None) -> Origin:
    """Where a prompt or demonstration came from."""
    row_id = record.prompt_id if isinstance(record, Prompt) else record.demonstration_id
    return Origin(row_id=row_id, source=source, external_id="1", table_name=record.table, licence=licence)


def drop(table: str, row_id: str, reason: str) -> dict[str, Any]:
    """A row of the ledger."""
    values = dict.fromkeys(TABLES["dropped"].columns)
    return values | {
        "table_name": table, "row_id": row_id, "reason": reason, "rule_version": 1, "stage": "x", "turn": 1
    }  # fmt: skip


def assign(prompt: Prompt, split: str) -> dict[str, Any]:
    """A prompt's split."""
    return {"prompt_id": prompt.prompt_id, "cluster_id": prompt.prompt_id, "split": split}
