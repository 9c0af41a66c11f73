"""A project of two turns with a handful of rows each, made by real git and DVC: for tests that count by hand.

Ann, Bob, Dan and Eve judge, and Cyd does so badly. b1 was written by two policies. Turn 1 is of a time when preferences
had no margin and weight, samples no seed, and there was no table pair_findings.
"""

import datetime
import sys
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.store import write_parquet
from schemas.ids import pair_id
from schemas.tables import TABLES, conform_frame

DVC_YAML = f"""\
stages:
  start:
    cmd: {sys.executable} toy.py start
    params: [turn]
    outs: [data/past, models/start]
  tables:
    cmd: {sys.executable} toy.py tables
    deps: [prepared, models/start]
    params: [turn.number]
    outs: [{", ".join(f"data/{name}" for name in TABLES)}, models/policy, models/reward_model]
    metrics: [{{metrics/turn.json: {{cache: false}}}}]
"""
PARAMS = "turn:\n  number: 1\n  parent: null\n"
TOY = '''\
"""Stages that bring the parent's rows and take this turn's from prepared/."""
import json, shutil, sys
from pathlib import Path
import yaml
from pipelines.versions.parents import bring_parent

params = yaml.safe_load(Path("params.yaml").read_text())
turn = params["turn"]["number"]

def start():
    bring_parent(Path.cwd(), params["turn"]["parent"], turn, Path("models/start"), Path("data/past"))
    Path("models/start/x").mkdir(parents=True, exist_ok=True)

def tables():
    shutil.copytree(f"prepared/turn-{turn}", "data", dirs_exist_ok=True)
    for model in ("policy", "reward_model"):
        Path("models", model).mkdir(parents=True, exist_ok=True)
        Path("models", model, "model.safetensors").write_text(f"{model} {turn}")
    Path("metrics").mkdir(exist_ok=True)
    metrics = {"turn": turn, "gold_policy": 0.5 + turn / 10, "judge": "gold", "by_kind": [{"list": 0.25 * turn}]}
    Path("metrics/turn.json").write_text(json.dumps(metrics))

{"start": start, "tables": tables}[sys.argv[1]]()
'''

TEXTS = {
    "a1": "Red, blue.", "b1": "Red and blue and also green.", "c1": "no", "a2": "Please leave.",
    "b2": "Would you please leave now?", "a4": "ok", "b4": "A much longer answer", "e1": "", "f2": "Leave",
}  # fmt: skip


def say(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text, "name": None, "tool_calls": None, "tool_call_id": None}


def prompt(name: str, kind: str, *texts: str) -> dict[str, Any]:
    messages = [say("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]
    return {"prompt_id": name, "messages": messages, "conversation_id": name, "kind": kind}


def demonstration(name: str, asked: str) -> dict[str, Any]:
    answer = say("assistant", f"answer {name}") | {"train": True}
    return {"demonstration_id": name, "prompt_id": asked, "completion": [answer]}


def candidate(name: str) -> dict[str, Any]:
    return {"candidate_id": name, "prompt_id": f"p{name[1]}", "completion": [say("assistant", TEXTS[name])]}


def sample(name: str, policy: str, turn: int, index: int = 0) -> dict[str, Any]:
    return {
        "candidate_id": name, "policy": policy, "sample_index": index, "turn": turn, "n_tokens": len(TEXTS[name]),
        "finish_reason": "stop",
    }  # fmt: skip


def ranking(name: str, labeler: str, day: str, tiers: list[list[str]], turn: int) -> dict[str, Any]:
    created = datetime.datetime.fromisoformat(f"2026-{day}T23:30:00+00:00")
    return {
        "ranking_id": name, "task_id": f"task-{name}", "labeler_id": labeler, "round": 1,
        "prompt_id": f"p{tiers[0][0][1]}",
        "tiers": [{"candidate_ids": tier, "tied": True} for tier in tiers], "created_at": created, "turn": turn,
        "shown_order": sorted(each for tier in tiers for each in tier),
    }  # fmt: skip


def rating(name: str, labeler: str, value: float) -> dict[str, Any]:
    return {"candidate_id": name, "labeler_id": labeler, "aspect": "overall", "round": 1, "value": value}


def origin(table: str, row: str, source: str, licence: str, turn: int) -> dict[str, Any]:
    return {
        "row_id": row, "source": source, "external_id": f"{source}-{row}", "table_name": table, "licence": licence,
        "turn": turn,
    }  # fmt: skip


def drop(table: str, row: str, reason: str, turn: int, matched: str | None = None) -> dict[str, Any]:
    return {
        "table_name": table, "row_id": row, "reason": reason, "value": 0.9, "threshold": 0.8, "matched_id": matched,
        "rule_version": 1, "stage": "curate", "turn": turn,
    }  # fmt: skip


def preference(chosen: str, rejected: str, votes: tuple[int, int, int]) -> dict[str, Any]:
    asked = f"p{chosen[1]}"
    return {
        "pair_id": pair_id(asked, chosen, rejected), "prompt_id": asked, "chosen_id": chosen, "rejected_id": rejected,
        "votes_for": votes[0], "votes_against": votes[1], "votes_tie": votes[2],
    }  # fmt: skip


def stats(**reliability: float) -> list[dict[str, Any]]:
    return [{"labeler_id": name, "n_rankings": 1, "reliability": value} for name, value in reliability.items()]


def assigned(**splits: str) -> list[dict[str, Any]]:
    return [{"prompt_id": name, "cluster_id": name, "split": split} for name, split in splits.items()]


def trained(model: str, table: str, *rows: str) -> list[dict[str, Any]]:
    return [{"model": model, "row_id": row, "table_name": table} for row in rows]


def scored(model: str, **scores: float) -> list[dict[str, Any]]:
    return [{"candidate_id": name, "model": model, "score": score} for name, score in scores.items()]


ALWAYS_DROPPED = [
    ("prompts", "p3", "near_duplicate", "p1"), ("demonstrations", "d2", "near_duplicate", "d1"),
    ("demonstrations", "d2", "url_share", None), ("demonstrations", "d3", "near_duplicate", "d1"),
    ("rankings", "r5", "unreliable_labeler", "cyd"), ("candidates", "e1", "empty", None),
    ("preferences", pair_id("p1", "a1", "b1"), "tied_consensus", None),
]  # fmt: skip
TURNS: dict[int, dict[str, list[dict[str, Any]]]] = {
    1: {
        "prompts": [
            prompt("p1", "list", "List two colours."),
            prompt("p2", "rewrite", "Hi", "Hello!", "Make it polite: go away"),
            prompt("p3", "list", "List two colours!"),
        ],
        "demonstrations": [demonstration("d1", "p1"), demonstration("d2", "p3"), demonstration("d3", "p2")],
        "candidates": [candidate(name) for name in ("a1", "b1", "c1", "e1", "a2", "b2", "f2")],
        "guidelines": [{"guideline_id": "g", "name": "helpful", "version": "1", "text": "Be helpful."}],
        "origins": [
            origin("prompts", "p1", "wiki", "CC-BY-4.0", 1), origin("prompts", "p2", "chats", "private", 1),
            origin("prompts", "p3", "wiki", "CC-BY-4.0", 1), origin("demonstrations", "d1", "wiki", "CC-BY-4.0", 1),
            origin("demonstrations", "d2", "wiki", "CC-BY-4.0", 1),
            origin("demonstrations", "d3", "chats", "private", 1),
        ],
        "samples": [
            sample("a1", "base", 1), sample("b1", "base", 1), sample("b1", "tuned", 1), sample("b1", "tuned", 1, 1),
            sample("c1", "tuned", 1), sample("a2", "base", 1), sample("b2", "tuned", 1),
        ],
        "rankings": [
            ranking("r1", "ann", "01-05", [["a1"], ["b1"], ["c1"]], 1),
            ranking("r2", "bob", "01-07", [["b1"], ["a1"]], 1),
            ranking("r3", "ann", "01-08", [["b2"], ["a2"]], 1), ranking("r4", "bob", "01-14", [["a2", "b2"]], 1),
            ranking("r5", "cyd", "01-09", [["c1"], ["a1"]], 1),
        ],
        "ratings": [
            rating("a1", "ann", 4), rating("b1", "ann", 5), rating("c1", "ann", 1), rating("a1", "bob", 3),
            rating("b1", "bob", 5),
        ],
        "labelers": [{"labeler_id": name, "kind": "person"} for name in ("ann", "bob", "cyd")],
        "assignments": assigned(p1="train", p2="validation", p3="train"),
        "dropped": [
            *(drop(table, row, reason, 1, matched) for table, row, reason, matched in ALWAYS_DROPPED),
            drop("candidates", "f2", "too_short", 1),
        ],
        "labeler_stats": stats(ann=0.9, bob=0.8, cyd=0.4),
        "preferences": [
            preference("a1", "c1", (1, 0, 0)), preference("b1", "c1", (1, 0, 0)), preference("b2", "a2", (1, 0, 1)),
        ],
        "scores": scored("rm1", a1=1.0, b1=0.5, c1=0.8, a2=0.1, b2=0.9),
        "training_rows": [
            *trained("rm1", "preferences", pair_id("p1", "a1", "c1"), pair_id("p1", "b1", "c1")),
            *trained("sft1", "demonstrations", "d1"),
        ],
    },
    2: {
        "prompts": [prompt("p4", "rewrite", "Say it at length: ok")],
        "demonstrations": [demonstration("d4", "p4")],
        "candidates": [candidate("a4"), candidate("b4")],
        "guidelines": [],
        "origins": [
            origin("prompts", "p4", "chats", "private", 2), origin("demonstrations", "d4", "chats", "private", 2),
        ],
        "samples": [sample("a4", "base", 2), sample("b4", "tuned", 2)],
        "rankings": [
            ranking("r6", "ann", "02-02", [["b4"], ["a4"]], 2), ranking("r7", "bob", "02-03", [["b4"], ["a4"]], 2),
            ranking("r8", "dan", "02-04", [["c1"], ["b1"]], 2), ranking("r9", "eve", "02-05", [["c1"], ["b1"]], 2),
        ],
        "ratings": [],
        "labelers": [{"labeler_id": name, "kind": "llm"} for name in ("dan", "eve")],
        "assignments": assigned(p4="train"),
        "dropped": [drop(table, row, reason, 2, matched) for table, row, reason, matched in ALWAYS_DROPPED],
        "labeler_stats": stats(ann=0.9, bob=0.8, cyd=0.4, dan=0.75, eve=0.75),
        "preferences": [
            preference("a1", "c1", (1, 0, 0)), preference("c1", "b1", (2, 1, 0)), preference("b2", "a2", (1, 0, 1)),
            preference("b4", "a4", (2, 0, 0)),
        ],
        "pair_findings": [],
        "scores": scored("rm2", a1=1.0, b1=0.2, c1=0.9, a2=0.1, b2=0.9, a4=0.5, b4=0.4),
        "training_rows": [
            *trained("rm2", "preferences", pair_id("p1", "b1", "c1"), pair_id("p4", "a4", "b4")),
            *trained("sft2", "demonstrations", "d1", "d4"),
        ],
    },
}  # fmt: skip
LATER_COLUMNS = {"preferences": ["margin", "weight"], "samples": ["seed"], "labeler_stats": ["gold_accuracy"]}


def write_tables(folder: Path) -> None:
    """Write each turn's rows below a folder, as the stage `tables` takes them."""
    for turn, tables in TURNS.items():
        for name in TABLES:
            path = folder / f"turn-{turn}" / name / "rows.parquet"
            if name not in tables:
                path.parent.mkdir(parents=True)
                (path.parent / "later.txt").write_text("a table of later turns")
                continue
            rows = [{c: row.get(c) for c in TABLES[name].columns} for row in tables[name]]
            frame = conform_frame(name, pl.DataFrame(rows, schema=dict(TABLES[name].columns)))
            write_parquet(frame.drop(LATER_COLUMNS.get(name, []) if turn == 1 else []), path)
