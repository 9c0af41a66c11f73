"""Two revisions are compared in the field's terms: what is injected is found, all of it and nothing else."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from math import log
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from locked import commit_frames, commit_lock, keep_object, start_project

from pipelines.versions.contents import read_contents
from pipelines.versions.diff.comparing import compare_files, open_scratch
from pipelines.versions.diff.found import Diff, TableDiff
from pipelines.versions.diff.ours import NAMED_BY_CONTENT, TABLE_KEYS, TERMS, compare_table
from pipelines.versions.diff.parts import sort_parts
from pipelines.versions.diff.revisions import compare_revisions
from pipelines.versions.names import QueryError
from schemas import ids
from schemas.errors import UserError
from schemas.tables import TABLES

KIND = 400
"""Rows of each kind of edit."""


def compare(root: Path, *revisions: str, **options: Any) -> Diff:
    return compare_revisions(root, *revisions, **{"limit": 2, **options})


def table(diff: Diff, name: str) -> TableDiff:
    return next(each for each in diff.tables if each.name == name)


def counts(found: TableDiff) -> tuple[int, int, int, int]:
    return found.added, found.removed, found.changed, found.unchanged


def test_keys_and_columns_are_those_of_the_tables() -> None:
    assert {name: each.key for name, each in TABLES.items()} == TABLE_KEYS
    assert list(TABLE_KEYS) == list(TABLES)
    for name, columns in NAMED_BY_CONTENT.items():
        assert columns < set(TABLES[name].columns)
    for name, terms in TERMS.items():
        assert {column for columns in terms.values() for column in columns} <= set(TABLES[name].columns)


def test_two_turns_differ_by_what_the_second_brought(judged_project: Path) -> None:
    diff = compare(judged_project, "turn-1", "turn-2")
    assert counts(table(diff, "prompts")) == (1, 0, 0, 3)
    assert counts(table(diff, "rankings")) == (4, 0, 0, 5)
    assert counts(table(diff, "preferences")) == (1, 0, 1, 2)
    # c1 over b1, by two of reliability .75 to one of .9, who are as strong: 3 * 3 = 9 to one
    moved_terms = {"flipped": 1, "votes_moved": 1, "margin_moved": 1, "weight_moved": 1}
    assert table(diff, "preferences").terms == moved_terms
    [example] = [each for each in table(diff, "preferences").examples if each.change == "weight_moved"]
    assert example.values == {"margin": (1, pytest.approx(0)), "weight": (pytest.approx(2 * 0.9 - 1), pytest.approx(0))}
    assert table(diff, "candidates").terms == {"restored": 1}
    assert table(diff, "candidates").rules == {"restored": {"too_short": 1}}
    assert list(table(diff, "preferences").schema.added) == ["margin", "weight"]
    moved = {(each.distribution, each.label): (each.old, each.new) for each in diff.moved}
    assert moved["samples by policy", "tuned"] == (4, 5)
    assert moved["candidates kept", "rows"] == (5, 8)
    assert moved["labeler_stats mean", "reliability"] == (pytest.approx(2.1 / 3), pytest.approx(3.6 / 5))
    [example] = [each for each in table(diff, "preferences").examples if "flipped" in each.change]
    assert example.values["chosen"] == ("assistant: Red and blue and also green.", "assistant: no")


def test_a_revision_and_the_workspace_made_of_it_are_the_same(judged_project: Path) -> None:
    assert compare(judged_project, "turn-2", "workspace").same
    assert compare(judged_project, "turn-2", "turn-2").same
    assert not compare(judged_project, "turn-1", "workspace").same


def test_a_reliability_that_moves_moves_weights(judged: Path) -> None:
    """Preferences are the same file: one that ann (.9) prefers and bob ties, one that both prefer, and two others."""
    [file] = (judged / "data/labeler_stats").rglob("*.parquet")
    stats = pl.read_parquet(file)
    file.unlink()
    bob = pl.col("labeler_id") == "bob"
    stats.with_columns(reliability=pl.when(bob).then(0.9).otherwise("reliability")).write_parquet(file)
    found = table(compare(judged, "turn-2", "workspace"), "preferences")
    assert counts(found) == (0, 0, 0, 4)
    assert found.terms == {"margin_moved": 1, "weight_moved": 1}
    both, tied = (example.values for example in found.examples)
    assert both["weight"] == (pytest.approx((9 * 4 - 1) / (9 * 4 + 1)), pytest.approx((9 * 9 - 1) / (9 * 9 + 1)))
    assert tied["margin"] == (pytest.approx(log(9) / (log(9) + log(4))), pytest.approx(0.5))
    some = table(compare(judged, "turn-2", "workspace", where="votes_tie = 1"), "preferences")
    assert some.terms == {"margin_moved": 1}


def test_back_is_the_opposite_of_forth(judged_project: Path) -> None:
    forth, back = compare(judged_project, "turn-1", "turn-2"), compare(judged_project, "turn-2", "turn-1")
    for name in ("prompts", "candidates", "rankings", "preferences", "dropped"):
        added, removed, changed, unchanged = counts(table(forth, name))
        assert counts(table(back, name)) == (removed, added, changed, unchanged)
    assert table(back, "candidates").terms == {"newly_dropped": 1}


def test_files_that_both_revisions_have_are_not_read(judged: Path) -> None:
    sides = read_contents(judged, ["turn-1", "turn-2"])
    with open_scratch() as (connection, _):
        parts = sort_parts("rankings", *sides, *(side.tables["rankings"] for side in sides))
        expected = compare_table(connection, parts, None).found
    [path] = [part.file for part in parts.shared if part.file.stat().st_size > 3000]
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8  # says how many rows there are; the rows are spoilt
    path.chmod(0o644)
    path.write_bytes(b"PAR1" + bytes(len(content) - 4 - footer) + content[-footer:])
    with open_scratch() as (connection, _):
        assert compare_table(connection, parts, None).found == expected
        with pytest.raises(duckdb.Error):
            connection.execute(f"SELECT max(ranking_id) FROM read_parquet('{path}')").fetchall()
    assert counts(expected) == (4, 0, 0, 5)


def test_a_condition_and_a_table_narrow_it(judged_project: Path) -> None:
    diff = compare(judged_project, "turn-1", "turn-2", tables=["rankings"], where="labeler_id = 'ann'")
    assert [each.name for each in diff.tables] == ["rankings"]
    assert counts(table(diff, "rankings")) == (1, 0, 0, 2)
    moved = compare(judged_project, "turn-1", "turn-2", tables=["preferences", "rankings"]).moved
    assert {each.distribution for each in moved} == {"rankings by labeler_id"}
    for text, restored in (("p2", 1), ("p1", None)):
        asked = compare(judged_project, "turn-1", "turn-2", tables=["candidates"], where=f"prompt_id = '{text}'")
        assert table(asked, "candidates").terms.get("restored") == restored
    with pytest.raises(QueryError, match="none of prompts has these columns"):
        compare(judged_project, "turn-1", "turn-2", tables=["prompts"], where="labeler_id = 'ann'")
    with pytest.raises(QueryError, match="neither revision has it; there are prompts"):
        compare(judged_project, "turn-1", "turn-2", tables=["nope"])


def say(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text, "name": None, "tool_calls": None, "tool_call_id": None}]


class World:
    """Prompts with two candidates, a ranking and a preference each, which can be edited at their source."""

    def __init__(self, n: int) -> None:
        self.texts = [[f"prompt {i}", f"answer {i} one", f"answer {i} two"] for i in range(n)]
        self.flipped: set[int] = set()
        self.margin, self.weight, self.reliability = [0.5] * n, [0.75] * n, [0.5] * n
        self.split, self.dropped = ["train"] * n, set[int]()
        self.tiers = [[[0], [1]] for _ in range(n)]
        self.gone: set[int] = set()

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for i, (prompt, one, two) in enumerate(self.texts):
            if i in self.gone:
                continue
            asked = ids.prompt_id(say(prompt))
            answers = [ids.candidate_id(asked, say(text)) for text in (one, two)]
            tables["prompts"].append({"prompt_id": asked, "messages": say(prompt), "conversation_id": asked})
            tables["origins"].append(self._origin("prompts", asked, f"{i}"))
            for place, (name, text) in enumerate(zip(answers, (one, two), strict=True)):
                tables["candidates"].append({"candidate_id": name, "prompt_id": asked, "completion": say(text)})
                tables["origins"].append(self._origin("candidates", name, f"{i}/{place}"))
            tables["rankings"].append({
                "ranking_id": f"ranking {i}", "task_id": f"task {i}", "labeler_id": f"labeler {i}", "round": 1,
                "prompt_id": f"task {i}", "turn": 1,
                "tiers": [{"candidate_ids": [f"{i} {each}" for each in tier], "tied": True} for tier in self.tiers[i]],
            })  # fmt: skip
            tables["labeler_stats"].append({"labeler_id": f"labeler {i}", "n_rankings": 1,
                                            "reliability": self.reliability[i]})  # fmt: skip
            tables["assignments"].append({"prompt_id": asked, "cluster_id": "c", "split": self.split[i]})
            chosen, rejected = reversed(answers) if i in self.flipped else answers
            tables["preferences"].append({
                "pair_id": ids.pair_id(asked, *answers), "prompt_id": asked, "chosen_id": chosen,
                "rejected_id": rejected, "votes_for": 2, "votes_against": 1, "votes_tie": 0,
                "margin": self.margin[i], "weight": self.weight[i],
            })  # fmt: skip
            if i in self.dropped:
                tables["dropped"].append({"table_name": "prompts", "row_id": asked, "stage": "prompts", "turn": 1,
                                          "reason": f"rule_{i % 2}", "rule_version": 1})  # fmt: skip
        chance = random.Random(1)
        for rows in tables.values():
            chance.shuffle(rows)
        return tables

    @staticmethod
    def _origin(name: str, row: str, external: str) -> dict[str, Any]:
        return {"row_id": row, "source": "web", "external_id": external, "table_name": name, "turn": 1}


def test_10000_injected_edits_are_all_told_apart(tmp_path: Path) -> None:  # noqa: C901
    """25 batches of 400 rows, each edited in one way; three ways leave their trace in several tables."""
    world = World(26 * KIND)
    old = start_project(tmp_path / "project")
    world.dropped = set(range(KIND))  # to be restored
    commit_frames(old, "before", world.tables())
    batches = iter(range(1, 26))

    def batch(count: int = 1) -> list[int]:
        return [
            i for _ in range(count) for number in [next(batches)] for i in range(number * KIND, (number + 1) * KIND)
        ]

    world.dropped = set(batch())
    for i in batch(2):
        world.texts[i][0] += " edited"
    for i in batch(3):
        world.texts[i][1] += " edited"
    for i in batch(3):
        world.texts[i][2] += " edited"
    both = batch()
    for i in both:
        world.texts[i][1] += " edited"
        world.flipped.add(i)
    world.flipped |= set(batch(3))
    for i in batch(2):
        world.margin[i] = 0.25
    for i in batch(2):
        world.weight[i] = 0.125
    for i in batch():  # nothing that counts
        world.weight[i] += 1e-12
    for i in batch(2):
        world.reliability[i] = 0.875
    for i in batch(2):
        world.split[i] = "validation"
    for i in batch(2):
        world.tiers[i] = [[1], [0]]
    world.gone = set(batch())
    assert next(batches, None) is None
    new_rows = [[f"prompt {i} new", f"answer {i} one", f"answer {i} two"] for i in range(KIND)]
    for one in new_rows:
        world.texts.append(one)
        for values, value in ((world.margin, 0.5), (world.weight, 0.75), (world.reliability, 0.5)):
            values.append(value)
        world.split.append("train")
        world.tiers.append([[0], [1]])
    commit_frames(old, "after", world.tables())

    diff = compare(old, "before", "after")
    n, k = 26 * KIND, KIND
    prompts, candidates, preferences = (table(diff, name) for name in ("prompts", "candidates", "preferences"))
    assert counts(prompts) == (k, k, 2 * k, n - 3 * k)
    assert prompts.terms == {"edited": 2 * k, "newly_dropped": k, "restored": k}
    assert prompts.rules["newly_dropped"] == {"rule_0": k // 2, "rule_1": k // 2}
    assert counts(candidates) == (2 * k, 2 * k, (2 * 2 + 7) * k, 2 * n - (2 + 11) * k)
    assert candidates.terms == {"edited": (2 * 2 + 7) * k}
    assert counts(preferences) == (k, k, (2 + 7 + 3 + 4) * k, n - k - 16 * k)
    assert preferences.terms == {
        "prompt_edited": 2 * k, "chosen_edited": 3 * k, "rejected_edited": 4 * k, "flipped": 4 * k,
        "margin_moved": 2 * k, "weight_moved": 2 * k,
    }  # fmt: skip
    assert table(diff, "rankings").terms == {"re_ranked": 2 * k}
    assert table(diff, "labeler_stats").terms == {"reliability_moved": 2 * k}
    assert table(diff, "assignments").terms == {"split_moved": 2 * k}
    [example] = [each for each in prompts.examples if each.change == "edited"][:1]
    before, after = example.values["messages"]
    assert after == f"{before} edited"


def test_an_edit_that_a_later_turn_brings_is_told_beside_the_drop(tmp_path: Path) -> None:
    world = World(4)
    root = start_project(tmp_path / "project")
    past = world.tables()
    none: dict[str, list] = {name: [] for name in TABLES}
    kept = {name: past[name] for name in ("prompts", "origins")}
    commit_frames(root, "before", {**none, "dropped": []}, kept)
    world.texts[2][0] += " edited"
    edited = World(0)
    edited.__dict__.update(vars(world))
    edited.gone = {0, 1, 3}
    came = edited.tables()
    vanished = ids.prompt_id(say("prompt 2"))
    drop = {"table_name": "prompts", "row_id": vanished, "reason": "vanished", "rule_version": 1, "stage": "prompts",
            "turn": 2}  # fmt: skip
    commit_frames(
        root, "after",
        {**none, "prompts": came["prompts"], "origins": [o for o in came["origins"] if o["table_name"] == "prompts"],
         "dropped": [drop]}, kept,
    )  # fmt: skip
    found = table(compare(root, "before", "after"), "prompts")
    assert counts(found) == (1, 0, 0, 4)
    assert found.terms == {"edited": 1, "newly_dropped": 1}
    [example] = [each for each in found.examples if each.change == "edited"]
    assert example.values["messages"] == ("user: prompt 2", "user: prompt 2 edited")


def drop_prompts(rows: list[str]) -> list[dict[str, Any]]:
    return [{"table_name": "prompts", "row_id": row, "reason": "too_short", "rule_version": 1, "stage": "prompts",
             "turn": 2} for row in rows]  # fmt: skip


def test_the_drops_shown_are_of_the_first_rows_by_id_that_there_are(tmp_path: Path) -> None:
    root = start_project(tmp_path / "project")
    rows = {name: found for name, found in World(12).tables().items() if name in ("prompts", "origins")}
    never_there = [f"{number:032x}" for number in range(9)]
    there = sorted(row["prompt_id"] for row in rows["prompts"])
    commit_frames(root, "before", {**rows, "dropped": []})
    commit_frames(root, "after", {**rows, "dropped": drop_prompts([*there[1:], *never_there])})
    dropped = table(compare(root, "before", "after", limit=3), "prompts").examples
    assert [(each.change, each.row) for each in dropped] == [("newly_dropped", row) for row in there[1:4]]
    restored = table(compare(root, "after", "before", limit=20), "prompts").examples
    assert [(each.change, each.row) for each in restored] == [("restored", row) for row in there[1:]]


def test_a_drop_judged_again_is_told_by_its_value_and_not_by_its_turn(tmp_path: Path) -> None:
    root = start_project(tmp_path / "project")
    rows = {name: found for name, found in World(4).tables().items() if name in ("prompts", "origins")}
    [drop] = drop_prompts([rows["prompts"][0]["prompt_id"]])
    for turn, value in enumerate((3.0, 3.0, 2.0), start=1):
        commit_frames(root, f"judged-{turn}", {**rows, "dropped": [{**drop, "value": value, "turn": turn}]})
    assert counts(table(compare(root, "judged-1", "judged-2"), "dropped")) == (0, 0, 0, 1)
    [example] = table(compare(root, "judged-2", "judged-3"), "dropped").examples
    assert example.values == {"value": (3.0, 2.0)}


def test_an_edited_row_that_left_without_a_drop_is_found_beside_one_with(tmp_path: Path) -> None:
    world, root = World(6), start_project(tmp_path / "project")
    before = world.tables()
    old = {number: ids.prompt_id(say(f"prompt {number}")) for number in (1, 4)}
    for number in old:
        world.texts[number][0] += " edited"
    after = world.tables()
    after["prompts"] += [row for row in before["prompts"] if row["prompt_id"] == old[1]]  # stays, and is dropped
    after["origins"] += [row for row in before["origins"] if row["row_id"] == old[1]]
    names = ("prompts", "origins")
    commit_frames(root, "before", {**{name: before[name] for name in names}, "dropped": []})
    commit_frames(root, "after", {**{name: after[name] for name in names}, "dropped": drop_prompts([old[1]])})
    found = table(compare(root, "before", "after"), "prompts")
    assert (counts(found), found.terms) == ((1, 0, 1, 5), {"edited": 2, "newly_dropped": 1})
    edited = {each.values["messages"] for each in found.examples if each.change == "edited"}
    assert edited == {(f"user: prompt {number}", f"user: prompt {number} edited") for number in old}


def test_a_diff_does_not_wait_for_polars(tmp_path: Path) -> None:
    root = start_project(tmp_path / "project")
    rows = {name: found for name, found in World(4).tables().items() if name in ("prompts", "origins", "dropped")}
    commit_frames(root, "before", rows)
    commit_frames(root, "after", {**rows, "dropped": drop_prompts([rows["prompts"][0]["prompt_id"]])})
    program = (
        "import atexit, sys\nsys.argv[1:] = ['diff', 'before', 'after']\nfrom pipelines.cli import main\n"
        "atexit.register(lambda: print('polars' in sys.modules, file=sys.stderr))\nmain()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])})  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "False\n")


def test_files_and_revisions_agree_in_any_project_of_dvc(tmp_path: Path, git: Callable[..., str]) -> None:
    root = start_project(tmp_path / "project")
    (root / "versions.yaml").unlink()
    (root / "dvc.yaml").unlink()
    frames = [
        pl.DataFrame({"id": [1, 2, 3], "t": ["a", "b", "c"]}),
        pl.DataFrame({"id": [3, 4, 1], "t": ["c", "d", "x"]}),
    ]
    for tag, frame in zip(("v1", "v2"), frames, strict=True):
        frame.write_parquet(tmp_path / f"{tag}.parquet")
        frame.write_csv(tmp_path / f"{tag}.csv")
        contents = {name: (tmp_path / f"{tag}{name[4:]}").read_bytes() for name in ("rows.parquet", "rows.csv")}
        same = {"path": "same.jsonl", **keep_object(root, b'{"id": 1}\n')}
        commit_lock(root, tag, [same, *({"path": name, **keep_object(root, each)} for name, each in contents.items())])
    diff = compare(root, "v1", "v2")
    assert [each.name for each in diff.tables] == ["rows.csv", "rows.parquet", "same.jsonl"]
    for name in ("rows.csv", "rows.parquet"):
        [file] = compare_files(tmp_path / f"v1{name[4:]}", tmp_path / f"v2{name[4:]}", limit=2).tables
        assert counts(table(diff, name)) == counts(file) == (1, 1, 1, 1)
    assert counts(table(diff, "same.jsonl")) == (0, 0, 0, 1)


def test_a_file_without_a_byte_has_no_rows_and_one_that_is_no_table_is_named(tmp_path: Path) -> None:
    root = start_project(tmp_path / "project")
    (root / "versions.yaml").unlink()
    (root / "dvc.yaml").unlink()
    for tag, rows, other in (("v1", b'{"id": 1}\n', b"[1]"), ("v2", b"", b"\0\1")):
        outs = {"rows.jsonl": rows, "other.json": other}
        commit_lock(root, tag, [{"path": name, **keep_object(root, each)} for name, each in outs.items()])
    for old, new, expected in (("v1", "v2", (0, 1, 0, 0)), ("v2", "v1", (1, 0, 0, 0)), ("v2", "v2", (0, 0, 0, 0))):
        [found] = compare(root, old, new, tables=["rows.jsonl"]).tables
        assert counts(found) == expected
    with pytest.raises(UserError, match=r"^other\.json: neither .*; --table compares others without it"):
        compare(root, "v1", "v2")


def test_the_command_compares_head_with_the_workspace(judged: Path, flywheel: Callable[..., Any]) -> None:
    same = flywheel(judged, "diff")
    assert (same.returncode, same.stdout.splitlines()[0].partition(": ")[2]) == (0, "no difference")
    path = judged / "data/preferences/rows.parquet"
    rows = pl.read_parquet(path)
    path.unlink()
    rows.head(2).write_parquet(path)
    done = flywheel(judged, "diff", "--json", "--html", "page.html")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["tables"]["preferences"]["removed"] == 2
    assert not found["same"]
    assert (judged / "page.html").read_text().startswith("<!doctype html>")
    unknown = flywheel(judged, "diff", "nope")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "unknown revision" in unknown.stderr


def test_help_is_short_and_quick(flywheel: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = flywheel(tmp_path, "diff", "--help")
    assert done.returncode == 0
    assert "--markdown" in done.stdout
