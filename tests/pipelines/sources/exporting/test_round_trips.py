"""What is exported and taken in again has the ids it had, whatever its texts; what has not is counted."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from exported_projects import answer, ask, judge, write_project
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.views import read_view
from pipelines.export import export_rows
from pipelines.ingest import ingest_file
from pipelines.sources.conversations import MARKS
from pipelines.sources.exporting.exporters import EXPORTERS, OTHER_IDS, OTHER_RANKINGS
from pipelines.sources.imports import read_imports
from schemas.ids import pair_id
from schemas.records import Candidate, Demonstration, Message, Prompt, Ranking, Record, Tier, TrainedMessage

AWKWARD = (
    "\n",
    "\u2028",
    "\r\n",
    " a ",
    '"',
    "\\u0041",
    "\x85",
    "\ufeff",
    "\U0001f600",
    "e\u0301",
    "{}",
    "null",
    "NaN",
    "<b>",
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12), st.sampled_from(AWKWARD)
).filter(lambda text: not any(line.strip() in MARKS for line in text.splitlines()))
"""Texts that may be stored; a line that marks an image is refused on the way in."""
TOOLS = json.dumps([{"type": "function", "function": {"name": "ü", "parameters": {"b": 1, "a": [None, 1.5]}}}],
                   ensure_ascii=False)  # fmt: skip
CALLS = json.dumps([{"id": "1", "type": "function", "function": {"name": "ü", "arguments": "{}"}}], ensure_ascii=False)


@st.composite
def prompts(draw: st.DrawFn, *, multi: bool = True, tools: bool = True) -> Prompt:
    """A user's question, perhaps after a system message and earlier exchanges, perhaps with tools."""
    messages = [Message(role="system", content=draw(texts))] if draw(st.booleans()) else []
    for text in draw(st.lists(texts, max_size=2 if multi else 0)):
        messages += [Message(role="user", content=text), Message(role="assistant", content=draw(texts))]
    messages.append(Message(role="user", content=draw(texts)))
    return Prompt(messages=tuple(messages), tools=TOOLS if tools and draw(st.booleans()) else None)


@st.composite
def demonstrations(draw: st.DrawFn, *, multi: bool, tools: bool, masks: bool) -> list[Record]:
    prompt = draw(prompts(multi=multi, tools=tools))
    completion = [TrainedMessage(role="assistant", content=draw(texts))]
    for text in draw(st.lists(texts, max_size=2)):
        completion.append(TrainedMessage(role="user", content=text, train=False))
        if tools and draw(st.booleans()):
            call = TrainedMessage(role="assistant", content=None, tool_calls=CALLS)
            said = TrainedMessage(role="tool", content=text, tool_call_id="1", name="ü", train=False)
            completion += [call, said]
        train = draw(st.booleans()) if masks else True
        completion.append(TrainedMessage(role="assistant", content=draw(texts), train=train))
    return [prompt, Demonstration(prompt_id=prompt.prompt_id, completion=tuple(completion))]


def list_demonstrations(root: Path) -> set[str]:
    return set(read_imports(root, "demonstrations")["demonstration_id"])


@pytest.mark.parametrize(
    ("name", "can"),
    [
        ("trl", {"multi": True, "tools": True, "masks": False}),
        ("openai", {"multi": True, "tools": True, "masks": True}),
        ("sharegpt", {"multi": False, "tools": False, "masks": False}),
    ],
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_demonstrations_keep_their_ids(
    tmp_path_factory: pytest.TempPathFactory, name: str, can: dict[str, bool], data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("round")
    rows = [row for pair in data.draw(st.lists(demonstrations(**can), min_size=1, max_size=4)) for row in pair]
    expected = {row.demonstration_id for row in rows if isinstance(row, Demonstration)}
    report = export_rows(write_project(root / "p", rows), name, root / "out.jsonl")
    assert OTHER_IDS not in report.losses["demonstrations"] and report.rows == {"demonstrations": len(expected)}
    part = ingest_file(root / "q", root / "out.jsonl", name, track=False).part
    assert part.rows.quarantined == 0 and list_demonstrations(root / "q") == expected


@pytest.mark.parametrize("name", ["trl", "openai"])
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_preferences_keep_their_candidates_and_pairs(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("round")
    rows: list[Record] = []
    for prompt in data.draw(st.lists(prompts(), min_size=1, max_size=3, unique_by=lambda p: p.prompt_id)):
        said = data.draw(st.lists(texts, min_size=2, max_size=3, unique=True))
        candidates = [answer(prompt, text) for text in said]
        tiers = [[place] for place in data.draw(st.permutations(range(len(said))))]
        rows += [prompt, *candidates, *judge("a", candidates, tiers)]
    project = write_project(root / "p", rows)
    report = export_rows(project, name, root / "out.jsonl", table="preferences", raw=True)
    assert OTHER_IDS not in report.losses["preferences"]
    ingest_file(root / "q", root / "out.jsonl", name)
    before, after = (
        read_view("comparisons", {"rankings": frame})
        for frame in (pl.read_parquet(project / "data/rankings.parquet"), read_imports(root / "q", "rankings"))
    )
    columns = ["pair_id", "first_id", "second_id", "verdict"]
    assert set(after.select(columns).iter_rows()) == set(before.select(columns).iter_rows())
    assert after.height == before.height == 2 * report.rows["preferences"]


@st.composite
def judged(draw: st.DrawFn, labelers: list[str], *, ties: bool) -> list[Record]:
    """A prompt, its candidates, and rankings in which some may be left out or tied."""
    prompt = draw(prompts(tools=False))
    said = draw(st.lists(texts, min_size=2, max_size=4, unique=True))
    candidates = [answer(prompt, text) for text in said]
    rows: list[Record] = [prompt, *candidates]
    for labeler in draw(st.lists(st.sampled_from(labelers), min_size=1, unique=True)):
        places = draw(st.permutations(range(len(said))))
        placed = places[: draw(st.integers(2, len(said)))]
        cut = draw(st.integers(1, len(placed))) if ties else 1
        tiers = [placed[:cut], *([place] for place in placed[cut:])]
        rows += judge(labeler, candidates, tiers)
    return rows


@pytest.mark.parametrize("name", ["label-studio", "argilla"])
def test_labelers_that_are_no_users_of_a_tool_give_rankings_other_ids(tmp_path: Path, name: str) -> None:
    prompt = Prompt(messages=(Message(role="user", content="Name a fruit"),))
    candidates = [answer(prompt, text) for text in ("An apple", "A stone")]
    rows = [prompt, *candidates, *judge("sandbox/1", candidates, [[0], [1]])]
    report = export_rows(write_project(tmp_path / "p", rows), name, tmp_path / "out.json")
    assert report.losses["rankings"][OTHER_RANKINGS] == 1 and OTHER_IDS not in report.losses["rankings"]


@pytest.mark.parametrize(
    ("name", "labelers"),
    [
        ("label-studio", ["label-studio/1", "label-studio/d@e.f", "label-studio/unknown"]),
        ("argilla", ["argilla/u", "argilla/v"]),
    ],
)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_rankings_keep_their_ids_and_ties(
    tmp_path_factory: pytest.TempPathFactory, name: str, labelers: list[str], data: st.DataObject
) -> None:
    """Labelers are users of the tool, as where its own export was taken in before."""
    root = tmp_path_factory.mktemp("round")
    drawn = judged(labelers, ties=data.draw(st.booleans()))
    tasks = data.draw(st.lists(drawn, min_size=1, max_size=3, unique_by=lambda rows: rows[0].prompt_id))  # type: ignore[attr-defined]
    rows = [row for task in tasks for row in task]
    report = export_rows(write_project(root / "p", rows), name, root / "out.json")
    assert OTHER_IDS not in report.losses["rankings"] and OTHER_RANKINGS not in report.losses["rankings"]
    part = ingest_file(root / "q", root / "out.json").part
    assert part.format == name and part.rows.quarantined == 0
    expected = {
        (row.ranking_id, tuple((tuple(sorted(t.candidate_ids)), t.tied) for t in row.tiers))
        for row in rows if isinstance(row, Ranking)
    }  # fmt: skip
    found = read_imports(root / "q", "rankings").select("ranking_id", "tiers").iter_rows()
    assert {(i, tuple((tuple(t["candidate_ids"]), t["tied"]) for t in tiers)) for i, tiers in found} == expected
    assert set(read_imports(root / "q", "candidates")["candidate_id"]) == {
        row.candidate_id for row in rows if isinstance(row, Candidate)
    }


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_parquet_keeps_every_id(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Masks, rationales, tools, ties, labelers: a ranking's row has all of its task, whoever judged."""
    root = tmp_path_factory.mktemp("round")
    said = data.draw(st.lists(demonstrations(multi=True, tools=True, masks=True), min_size=1, max_size=2))
    judgements = data.draw(judged(["ann", "sim/1"], ties=True))
    rows = [row for some in (*said, judgements) for row in some]
    export_rows(write_project(root / "p", rows), "parquet", root / "set", raw=True)
    for table in ("demonstrations", "rankings"):
        part = ingest_file(root / "q", root / f"set/{table}/train.parquet", track=False).part
        assert part.format == "flywheel" and part.rows.quarantined == 0
    for table, key in (("demonstrations", "demonstration_id"), ("rankings", "ranking_id"), ("labelers", "labeler_id")):
        before = pl.read_parquet(root / f"p/data/{table}.parquet")
        assert read_imports(root / "q", table).drop("turn", strict=False).equals(before.drop("turn", strict=False)), key


def test_parquet_preferences_keep_their_pairs(tmp_path: Path) -> None:
    prompt = ask("Hi", tools=TOOLS)
    candidates = [answer(prompt, text) for text in ("1", "2", "3")]
    rows = [prompt, *candidates, *judge("a", candidates, [[1], [0, 2]])]
    export_rows(write_project(tmp_path / "p", rows), "parquet", tmp_path / "set", table="preferences", raw=True)
    ingest_file(tmp_path / "q", tmp_path / "set/preferences/train.parquet")
    found = read_view("comparisons", {"rankings": read_imports(tmp_path / "q", "rankings")})
    expected = {pair_id(prompt.prompt_id, candidates[1].candidate_id, other.candidate_id) for other in candidates[::2]}
    assert set(found["pair_id"]) == expected


def test_a_best_one_of_several_survives_argilla(tmp_path: Path) -> None:
    """Only the best was named: no order of the others is made up on the way."""
    prompt = ask("Hi")
    first, second, third = (answer(prompt, text) for text in "123")
    ids = [candidate.candidate_id for candidate in (first, second, third)]
    tiers = (Tier(candidate_ids=(ids[1],), tied=False), Tier(candidate_ids=(ids[0], ids[2]), tied=False))
    rows: list[Record] = [prompt, first, second, third, *judge("argilla/u", [first, second, third], [[0]])[:1]]
    ranking = Ranking(prompt_id=prompt.prompt_id, candidate_ids=tuple(ids), labeler_id="argilla/u", tiers=tiers)
    project = write_project(tmp_path / "p", [*rows, ranking])
    export_rows(project, "argilla", tmp_path / "out.json")
    ingest_file(tmp_path / "q", tmp_path / "out.json")
    assert read_imports(tmp_path / "q", "rankings")["ranking_id"].to_list() == [ranking.ranking_id]
    assert read_imports(tmp_path / "q", "rankings")["tiers"][0].to_list() == ranking.row()["tiers"]
    report = export_rows(project, "label-studio", tmp_path / "ls.json")
    assert report.losses["rankings"]["rankings with candidates whose order was not given"] == 1
    assert json.loads((tmp_path / "ls.json").read_text())[0]["annotations"] == []


@pytest.mark.parametrize(
    ("name", "row", "loss"),
    [
        ("trl", {"train": False}, "which answers are not to be imitated"),
        ("sharegpt", {"train": False}, "which answers are not to be imitated"),
        ("trl", {"rationale": "Because."}, "rationale"),
        ("openai", {"rationale": "Because."}, "rationale"),
        ("sharegpt", {"asked": ("Hi", "Ho", "Hey")}, "where the prompt ends"),
        ("trl", {"tools": "[ ]"}, OTHER_IDS),
        ("openai", {"tools": '[{"a":1}]'}, OTHER_IDS),
    ],
)
def test_rows_that_do_not_keep_their_ids_are_counted(tmp_path: Path, name: str, row: dict[str, Any], loss: str) -> None:
    prompt = ask(*row.get("asked", ("Hi",)), tools=row.get("tools"))
    completion = [TrainedMessage(role="assistant", content="No.", train=row.get("train", True))]
    completion += [
        TrainedMessage(role="user", content="Why?", train=False),
        TrainedMessage(role="assistant", content="So."),
    ]
    rows = [
        prompt,
        Demonstration(prompt_id=prompt.prompt_id, completion=tuple(completion), rationale=row.get("rationale")),
    ]
    report = export_rows(write_project(tmp_path / "p", rows), name, tmp_path / "out.jsonl")
    assert report.losses["demonstrations"][loss] == report.losses["demonstrations"][OTHER_IDS] == 1
    ingest_file(tmp_path / "q", tmp_path / "out.jsonl", name)
    assert not list_demonstrations(tmp_path / "q") & {r.demonstration_id for r in rows if isinstance(r, Demonstration)}


def test_every_exporter_is_an_importer_too() -> None:
    from pipelines.sources.formats import FORMATS

    assert {name for name, exporter in EXPORTERS.items() if FORMATS.get(name) is not exporter.reads} == set()
