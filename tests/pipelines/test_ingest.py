"""A file comes in whole or not at all; every row of it is accounted for, and no order of rows decides an id."""

import gzip
import json
import random
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from format_examples import ALPACA, EXAMPLES, HH, PANDALM, SEED
from hypothesis import given, settings
from hypothesis import strategies as st
from preference_examples import ROWS as PREFERENCE_ROWS

from pipelines import ingest
from pipelines.ingest import FORMATS, IngestError, format_report, ingest_file
from pipelines.sources.imports import IMPORTS, LEDGER, Ledger, read_imports, read_ledger, read_part
from schemas import ids
from schemas.tables import TABLES


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def take_in(tmp_path: Path, rows: list[Any], format_name: str | None = None, name: str = "f.jsonl") -> ingest.Part:
    (tmp_path / "p").mkdir(exist_ok=True)
    return ingest_file(tmp_path / "p", write(tmp_path / name, rows), format_name).part


def findings(part: ingest.Part) -> dict[str, list[int]]:
    return {finding.name: finding.first_rows for finding in [*part.quarantined, *part.dropped, *part.notes]}


def table(tmp_path: Path, name: str) -> pl.DataFrame:
    return read_imports(tmp_path / "p", name)


def list_parts(root: Path) -> list[str]:
    return sorted(path.name for path in (root / IMPORTS).glob("*") if path.name != "imports.json")


def test_every_format_has_an_example_here() -> None:
    assert set(EXAMPLES) == set(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_told_by_their_content(tmp_path: Path, name: str) -> None:
    assert take_in(tmp_path, [EXAMPLES[name]]).format == name


def test_alpaca_row_by_hand(tmp_path: Path) -> None:
    take_in(tmp_path, [ALPACA])
    prompt = ids.prompt_id([{"role": "user", "content": "Add.\n\n1 2"}])
    row = table(tmp_path, "demonstrations").row(0, named=True)
    assert row["prompt_id"] == prompt == table(tmp_path, "prompts")["prompt_id"][0]
    assert row["demonstration_id"] == ids.demonstration_id(prompt, [{"role": "assistant", "content": "3"}])
    origin = table(tmp_path, "origins").filter(pl.col("row_id") == prompt).row(0, named=True)
    assert (origin["source"], origin["external_id"], origin["source_row"], origin["turn"]) == ("alpaca/f", "1", 1, 0)


@pytest.mark.parametrize("blank", ["", " \n", None])
def test_a_blank_input_is_none(tmp_path: Path, blank: str | None) -> None:
    take_in(tmp_path, [{**ALPACA, "input": blank}])
    assert table(tmp_path, "prompts")["messages"][0][0]["content"] == "Add."


def test_formats_share_the_id_of_an_equal_prompt(tmp_path: Path) -> None:
    for name in ("alpaca", "pandalm", "self-instruct"):
        take_in(tmp_path, [EXAMPLES[name]], name, f"{name}.jsonl")
    assert table(tmp_path, "prompts").height == 1
    assert table(tmp_path, "demonstrations").height == 1  # alpaca's and the seed task's, with two origins
    origins = table(tmp_path, "origins").filter(pl.col("table_name") == "demonstrations")
    assert origins["external_id"].to_list() == ["1", "seed_1/1"]


def test_pandalm_row_by_hand(tmp_path: Path) -> None:
    take_in(tmp_path, [PANDALM])
    prompt = ids.prompt_id([{"role": "user", "content": "Add.\n\n1 2"}])
    three, four = (ids.candidate_id(prompt, [{"role": "assistant", "content": text}]) for text in "34")
    rankings = {row["labeler_id"]: row for row in table(tmp_path, "rankings").to_dicts()}
    tiers = {
        labeler: [(tier["candidate_ids"], tier["tied"]) for tier in row["tiers"]] for labeler, row in rankings.items()
    }
    assert tiers == {
        "pandalm/annotator1": [([three], False), ([four], False)],
        "pandalm/annotator2": [(sorted([three, four]), True)],
        "pandalm/annotator3": [([four], False), ([three], False)],
    }
    assert rankings["pandalm/annotator1"]["shown_order"] == [three, four]
    samples = dict(table(tmp_path, "samples").select("candidate_id", "policy").iter_rows())
    assert samples == {three: "llama-7b", four: "opt-7b"}
    assert set(table(tmp_path, "labelers")["kind"]) == {"person"}


def test_hh_rlhf_prompt_is_the_dialogue_before_the_last_reply(tmp_path: Path) -> None:
    before = "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: A joke: \n\nnow"
    take_in(tmp_path, [{"chosen": before + "\n\nAssistant: No. ", "rejected": before + "\n\nAssistant:"}])
    messages = [(m["role"], m["content"]) for m in table(tmp_path, "prompts")["messages"][0]]
    assert messages == [("user", "Hi"), ("assistant", "Yes?"), ("user", "A joke: \n\nnow")]
    replies = {row[0]["content"] for row in table(tmp_path, "candidates")["completion"].to_list()}
    assert replies == {"No. ", ""}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_file_twice_adds_nothing(tmp_path: Path, name: str) -> None:
    file = write(tmp_path / "f.jsonl", [EXAMPLES[name]])
    first = ingest_file(tmp_path, file, name)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / IMPORTS).iterdir()}
    again = ingest_file(tmp_path, file)
    assert first.added and not again.added
    assert again.part == first.part
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / IMPORTS).iterdir()} == before
    assert "nothing was added" in format_report(again)


def test_renamed_file_is_the_same_file(tmp_path: Path) -> None:
    ingest_file(tmp_path, write(tmp_path / "a.jsonl", [ALPACA]))
    assert not ingest_file(tmp_path, write(tmp_path / "b.jsonl", [ALPACA])).added


def test_order_of_files_leaves_no_trace(tmp_path: Path) -> None:
    files = [write(tmp_path / f"{name}.jsonl", [row]) for name, row in EXAMPLES.items()]
    for root, order in (("one", files), ("two", files[::-1])):
        for file in order:
            ingest_file(tmp_path / root, file)
    assert (tmp_path / "one" / LEDGER).read_bytes() == (tmp_path / "two" / LEDGER).read_bytes()
    assert list_parts(tmp_path / "one") == list_parts(tmp_path / "two")


ROWS: dict[str, list[dict[str, Any]]] = {
    "hh-rlhf": [{side: f"\n\nHuman: {q}\n\nAssistant: {reply}" for side, reply in (("chosen", a), ("rejected", b))}
                for q, a, b in (("Hi", "1", "2"), ("Hi", "2", "1"), ("Hi", "1", "2"), ("Ho", "1", "1"), ("", "", "1"))],
    "pandalm": [{**PANDALM, "idx": i, "annotator1": v, "cmp_key": f"{m}_opt-7b", "response1": r}
                for i, v, m, r in ((9, 0, "a", "3"), (10, 1, "b", "3"), (11, 0, "c", "3"), (2, 2, "d", True))],
    "alpaca": [{**ALPACA, "output": o, "input": i} for o in ("3", "", "3") for i in ("1 2", None, "")],
    "self-instruct": [{**SEED, "id": f"seed_{i}", "is_classification": bool(i % 2)} for i in range(4)],
}  # fmt: skip
ROWS |= PREFERENCE_ROWS
ROWS |= {name: [row] for name, row in EXAMPLES.items() if name not in ROWS}


@pytest.mark.parametrize("name", FORMATS)
def test_ids_and_rounds_do_not_depend_on_row_order(tmp_path: Path, name: str) -> None:
    """All tables but origins, which say in which row a thing stood, are equal."""
    expected = None
    for seed in range(6):
        rows = random.Random(seed).sample(ROWS[name], len(ROWS[name]))
        root = tmp_path / str(seed)
        part = ingest_file(root, write(tmp_path / "f.jsonl", rows), name).part
        frames = [read_imports(root, table_name) for table_name in TABLES if table_name != "origins"]
        expected = expected or frames
        assert all(frame.equals(other) for frame, other in zip(frames, expected, strict=True))
        origins = read_imports(root, "origins").group_by("row_id").len().sort("row_id")
        assert part.rows.kept == len(rows) and origins["len"].sum() >= len(rows)


def test_repeated_judgements_are_rounds_and_repeated_rows_are_not(tmp_path: Path) -> None:
    """hh-rlhf has no ids: rows 1 and 3 are one judgement with two origins, row 2 says the contrary."""
    part = take_in(tmp_path, ROWS["hh-rlhf"])
    assert part.rows.kept == 5 and part.rows.dropped == 0
    assert findings(part)["repeated_row"] == [3]
    rankings = table(tmp_path, "rankings")
    assert rankings.height == 4
    assert sorted(rankings["round"].to_list()) == [1, 1, 1, 2]
    origins = table(tmp_path, "origins").filter(pl.col("table_name") == "rankings")
    assert sorted(origins["source_row"].to_list()) == [1, 2, 3, 4, 5]
    pandalm = take_in(tmp_path, ROWS["pandalm"], name="g.jsonl")
    assert "repeated_row" not in findings(pandalm)  # its rows have ids: a judgement repeated is one made again
    mine = table(tmp_path, "rankings").filter(pl.col("labeler_id") == "pandalm/annotator1")
    assert sorted(mine["round"].to_list()) == [1, 1, 2, 3]
    thrice = mine.filter(pl.len().over("task_id") == 3).sort("round")  # 9: tie, 10: the first wins, 11: tie
    assert [len(tiers) for tiers in thrice["tiers"].to_list()] == [1, 2, 1]


def test_a_later_file_keeps_earlier_rounds_and_adds_only_new_judgements(tmp_path: Path) -> None:
    take_in(tmp_path, [ROWS["pandalm"][1]], name="a.jsonl")  # idx 10: the first answer
    before = table(tmp_path, "rankings")
    part = take_in(tmp_path, ROWS["pandalm"][:2], name="b.jsonl")  # idx 9, a tie, would have been round 1
    after = table(tmp_path, "rankings")
    assert part.tables["rankings"].rows == 4 + 0 * 3 + 2  # annotators 2 and 3 said the same twice: rounds 1 and 2
    assert after.filter(pl.col("ranking_id").is_in(before["ranking_id"].to_list())).equals(before)
    mine = after.filter(pl.col("labeler_id") == "pandalm/annotator1").sort("round")
    assert [len(tiers) for tiers in mine["tiers"].to_list()] == [2, 1]


@pytest.mark.parametrize(
    ("format_name", "row", "reason"),
    [
        ("alpaca", {"instruction": "x"}, "missing_column"),
        ("alpaca", {**ALPACA, "output": None}, "wrong_type"),
        ("alpaca", {**ALPACA, "output": 5}, "wrong_type"),
        ("alpaca", {**ALPACA, "input": ["x"]}, "wrong_type"),
        ("alpaca", {**ALPACA, "output": float("nan")}, "not_json_nan"),
        ("alpaca", {**ALPACA, "output": float("inf")}, "not_json_nan"),
        ("alpaca", {**ALPACA, "output": "\ud83d"}, "lone_surrogate"),
        ("alpaca", {**ALPACA, "instruction": "a\0b"}, "nul_character"),
        ("alpaca", ["Add.", "", "3"], "not_an_object"),
        ("hh-rlhf", {**HH, "rejected": "\n\nHuman: Ho\n\nAssistant: Bad"}, "no_shared_dialogue"),
        ("hh-rlhf", {**HH, "chosen": "Good"}, "no_transcript"),
        ("hh-rlhf", {**HH, "chosen": ""}, "no_transcript"),
        ("hh-rlhf", {**HH, "chosen": "System.\n\nHuman: Hi\n\nAssistant: Good"}, "no_transcript"),
        ("hh-rlhf", {**HH, "chosen": "\n\nHuman: Hi"}, "no_reply"),
        ("hh-rlhf", {**HH, "chosen": "\n\nAssistant: Hi"}, "no_reply"),
        ("hh-rlhf", {**HH, "chosen": "\n\nHuman: Hi\n\nAssistant: \ud800"}, "lone_surrogate"),
        ("pandalm", {**PANDALM, "annotator2": 3}, "unknown_verdict"),
        ("pandalm", {**PANDALM, "annotator2": "1"}, "unknown_verdict"),
        ("pandalm", {**PANDALM, "annotator2": True}, "unknown_verdict"),
        ("pandalm", {**PANDALM, "annotator2": [1]}, "unknown_verdict"),
        ("pandalm", {**PANDALM, "response1": float("nan")}, "not_json_nan"),
        ("pandalm", {**PANDALM, "idx": None}, "wrong_type"),
        ("pandalm", {**PANDALM, "idx": "\udfff"}, "lone_surrogate"),
        ("pandalm", {**PANDALM, "cmp_key": "a\0_b"}, "nul_character"),
        ("pandalm", {k: v for k, v in PANDALM.items() if not k.startswith("annotator")}, "missing_column"),
        ("self-instruct", {**SEED, "instances": []}, "no_instances"),
        ("self-instruct", {**SEED, "instances": "x"}, "wrong_type"),
        ("self-instruct", {**SEED, "instances": [{"input": "x"}]}, "missing_column"),
        ("self-instruct", {**SEED, "is_classification": "yes"}, "wrong_type"),
    ],
)  # fmt: skip
def test_a_bad_row_is_quarantined_with_its_text(tmp_path: Path, format_name: str, row: Any, reason: str) -> None:
    part = take_in(tmp_path, [EXAMPLES[format_name], row], format_name)
    assert (part.rows.rows_in, part.rows.kept, part.rows.dropped, part.rows.quarantined) == (2, 1, 0, 1)
    kept = read_part(tmp_path / "p", part.records["quarantine"]).to_dicts()
    assert [(bad["row"], bad["line"], bad["reason"]) for bad in kept] == [(2, 2, reason)]
    assert kept[0]["raw"] == json.dumps(row) and kept[0]["mend"] and kept[0]["detail"]
    alone = ingest_file(tmp_path / "q", write(tmp_path / "good.jsonl", [EXAMPLES[format_name]]), format_name).part
    assert {n: f.md5 for n, f in part.tables.items() if n != "origins"} == {
        n: f.md5 for n, f in alone.tables.items() if n != "origins"
    }


@pytest.mark.parametrize(
    ("format_name", "row", "note"),
    [
        ("alpaca", {**ALPACA, "output": " "}, "empty_output"),
        ("alpaca", {**ALPACA, "input": float("nan")}, "nan_read_as_absent"),
        ("hh-rlhf", {**HH, "rejected": "\n\nHuman: Hi\n\nAssistant: "}, "empty_side"),
        ("hh-rlhf", {**HH, "rejected": HH["chosen"]}, "identical_sides"),
        ("pandalm", {**PANDALM, "response2": "3"}, "identical_sides"),
        ("pandalm", {**PANDALM, "response1": False}, "boolean_read_as_text"),
        ("pandalm", {**PANDALM, "annotator3": None}, "missing_verdict"),
        ("pandalm", {**PANDALM, "cmp_key": "llama-7b"}, "unknown_policies"),
    ],
)
def test_an_odd_row_is_kept_with_a_note(tmp_path: Path, format_name: str, row: Any, note: str) -> None:
    part = take_in(tmp_path, [row], format_name)
    assert part.rows.kept == 1 and findings(part) == {note: [1]}


def test_identical_sides_prefer_nothing(tmp_path: Path) -> None:
    take_in(tmp_path, [{**HH, "rejected": HH["chosen"]}])
    tiers = table(tmp_path, "rankings")["tiers"][0]
    assert [len(tier["candidate_ids"]) for tier in tiers] == [1]


def test_columns_that_are_not_carried_are_named_and_counted(tmp_path: Path) -> None:
    rows = [{**ALPACA, "text": "x"}, {**ALPACA, "text": "y", "\ud800": 1}, ALPACA]
    losses = take_in(tmp_path, rows, "alpaca").losses
    assert "column 'text' of 2 rows" in losses and "column '\\ud800' of 1 rows" in losses


@pytest.mark.parametrize(
    ("rows", "format_name", "words"),
    [
        ([HH], "alpaca", ["f.jsonl, line 1", "none of 1 rows is alpaca", "missing_column", "'instruction'", "--as"]),
        ([{"a": 1}], None, ["no format known", "'a'", "--as"]),
        ([], "alpaca", ["is empty"]),
        ([ALPACA], "alpacca", ["no such format", "did you mean alpaca?"]),
        ([ALPACA], "hh_rlhf", ["did you mean hh-rlhf?"]),
        ([7, "x"], None, ["f.jsonl, line 1", "neither"]),
    ],
)
def test_a_file_of_which_nothing_can_be_kept_is_refused(
    tmp_path: Path, rows: list[Any], format_name: str | None, words: list[str]
) -> None:
    with pytest.raises(IngestError) as caught:
        take_in(tmp_path, rows, format_name)
    assert [word for word in words if word not in str(caught.value)] == [] and "\n" not in str(caught.value)
    assert not (tmp_path / "p" / IMPORTS).exists()


@pytest.mark.parametrize("format_name", [None, "alpaca"])
def test_an_empty_list_has_no_rows(tmp_path: Path, format_name: str | None) -> None:
    (tmp_path / "f.json").write_text("[]")
    with pytest.raises(IngestError, match=r"f\.json: the file has no rows"):
        ingest_file(tmp_path, tmp_path / "f.json", format_name)


@pytest.mark.parametrize("format_name", [None, "alpaca"])
def test_a_file_of_bad_lines_only_names_the_first(tmp_path: Path, format_name: str | None) -> None:
    (tmp_path / "f.jsonl").write_text('\n{"a"}\n{"b"}\n')
    with pytest.raises(IngestError, match=r"f\.jsonl, line 2: none of .*2 rows .*invalid_json, column 5"):
        ingest_file(tmp_path, tmp_path / "f.jsonl", format_name)


@pytest.mark.parametrize("option", ["licence", "consent", "source"])
def test_options_that_cannot_be_written_down_are_refused(tmp_path: Path, option: str) -> None:
    options: dict[str, Any] = {option: "\udcff"}
    with pytest.raises(IngestError, match=f"--{option}"):
        ingest_file(tmp_path, write(tmp_path / "f.jsonl", [ALPACA]), **options)


def test_facts_about_the_source_are_recorded(tmp_path: Path) -> None:
    file = write(tmp_path / "f.jsonl", [PANDALM])
    report = ingest_file(
        tmp_path, file, licence="Apache-2.0", consent="public release", date=date(2024, 5, 21), source="panda"
    )
    assert (report.part.licence, report.part.date) == ("Apache-2.0", "2024-05-21")
    origins = read_imports(tmp_path, "origins")
    assert set(origins["source"]) == {"panda"} and set(origins["licence"]) == {"Apache-2.0"}
    assert set(read_imports(tmp_path, "labelers")["consent"]) == {"public release"}
    assert json.loads(json.dumps(report.to_json()))["part"]["rows"]["kept"] == 1


hostile_value = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def hostile_line(draw: st.DrawFn) -> bytes:
    """A row of some format with some fields replaced or missing, or bytes that are no row at all."""
    row = dict(draw(st.sampled_from(list(EXAMPLES.values()))))
    for column in draw(st.lists(st.sampled_from(sorted(row)), max_size=2)):
        row[column] = draw(hostile_value)
    text = json.dumps(row).encode()
    return draw(st.sampled_from([text, text, text[:-3], text.replace(b'"', b"\xff", 1), b"{}", b"", b"  ", b"\0"]))


@settings(max_examples=60, deadline=None)
@given(lines=st.lists(hostile_line(), max_size=8), name=st.sampled_from(sorted(FORMATS)))
def test_every_row_is_kept_or_quarantined(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], name: str
) -> None:
    """Whatever the lines hold: no traceback, no row lost; each kept row has an origin, each other its text."""
    root = tmp_path_factory.mktemp("hostile")
    (root / "f.jsonl").write_bytes(b"\n".join([json.dumps(EXAMPLES[name]).encode(), *lines]))
    part = ingest_file(root, root / "f.jsonl", name).part
    expected = 1 + sum(bool(line.strip()) for line in lines)
    assert part.rows.rows_in == expected == part.rows.kept + part.rows.dropped + part.rows.quarantined
    aside = {name: set(read_part(root, file)["row"]) for name, file in part.records.items()}
    quarantined, dropped = aside.get("quarantine", set()), aside.get("dropped", set())
    assert (len(quarantined), len(dropped)) == (part.rows.quarantined, part.rows.dropped)
    origins = set(read_imports(root, "origins")["source_row"])
    assert not origins & (quarantined | dropped)
    assert origins.union(*aside.values()) == set(range(1, expected + 1))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(sorted(FORMATS)), array=st.booleans(), packed=st.booleans())
def test_any_damage_is_one_line_of_error_or_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, name: str, array: bool, packed: bool
) -> None:
    """Bytes cut out of, or put into, a good file; it is read as an array or lines, plain or gzipped."""
    text = json.dumps(ROWS[name], indent=1) if array else "\n".join(map(json.dumps, ROWS[name]))
    content = gzip.compress(text.encode(), mtime=0) if packed else text.encode()
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 20, len(content))))
    put_in = data.draw(st.sampled_from([b"", b"\0", b"\xff", b"\n", b'"', b"}", b"NaN", b"\\ud800", b"[", b","]))
    root = tmp_path_factory.mktemp("damaged")
    (root / "f").write_bytes(content[:start] + put_in + content[end:])
    try:
        report = ingest_file(root, root / "f", name)
    except IngestError as error:
        assert str(error).startswith("f") and "\n" not in str(error) and str(error).isprintable()
        assert not (root / IMPORTS).exists()
        return
    rows = report.part.rows
    assert rows.rows_in == rows.kept + rows.dropped + rows.quarantined > 0
    assert format_report(report)


def test_a_row_repeated_under_its_own_id_is_dropped_and_another_of_that_id_is_not(tmp_path: Path) -> None:
    rows = [PANDALM, {**PANDALM, "annotator1": 2}, PANDALM]
    part = take_in(tmp_path, rows)
    assert (part.rows.rows_in, part.rows.kept, part.rows.dropped) == (3, 2, 1)
    assert findings(part) == {"repeated_row": [3], "repeated_id": [2]}
    assert read_part(tmp_path / "p", part.records["dropped"])["matched_row"].to_list() == [1]
    assert table(tmp_path, "rankings").height == 4


def test_an_ingest_cut_short_leaves_nothing_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever file is being written when it ends, imports.json still lists what it did, and a retry completes."""
    first, second = write(tmp_path / "a.jsonl", [ALPACA]), write(tmp_path / "b.jsonl", [PANDALM])
    whole = ingest_file(tmp_path / "whole", second, licence="x").part
    for cut in range(len(whole.files) + 1):
        root = tmp_path / f"cut{cut}"
        ingest_file(root, first)
        listed = (root / LEDGER).read_bytes()
        with monkeypatch.context() as patch:
            _fail_at(patch, cut)
            with pytest.raises(KeyboardInterrupt):
                ingest_file(root, second, licence="another")
        (root / IMPORTS / ".x.parquet.1.part").write_bytes(b"half")
        assert (root / LEDGER).read_bytes() == listed
        assert read_imports(root, "rankings").is_empty()
        report = ingest_file(root, second, licence="x")
        assert report.added and report.part == whole
        assert not list((root / IMPORTS).glob(".*"))
        assert read_imports(root, "rankings").height == 3


def _fail_at(patch: pytest.MonkeyPatch, cut: int) -> None:
    """End as by Ctrl-C just before file number `cut` gets its name."""
    import os

    replace, calls = os.replace, iter(range(1000))

    def replace_or_end(source: Any, target: Any) -> None:
        if next(calls) == cut:
            raise KeyboardInterrupt
        replace(source, target)

    patch.setattr("pipelines.store.os.replace", replace_or_end)


def test_part_files_that_are_missing_or_changed_are_named(tmp_path: Path) -> None:
    part = ingest_file(tmp_path, write(tmp_path / "f.jsonl", [ALPACA])).part
    path = tmp_path / IMPORTS / part.tables["prompts"].file
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(IngestError, match=r"prompts\.parquet: md5 .*dvc checkout"):
        read_imports(tmp_path, "prompts")
    assert read_imports(tmp_path, "demonstrations").height == 1  # its own file is as it was
    path.unlink()
    with pytest.raises(IngestError, match=r"prompts\.parquet .*dvc pull"):
        read_imports(tmp_path, "prompts")


@pytest.mark.parametrize("content", ["", "[]", '{"parts": [{"source": "x"}]}', '{"parts": []} x', '{"imports": []}'])
def test_a_broken_imports_json_is_said_to_be(tmp_path: Path, content: str) -> None:
    (tmp_path / IMPORTS).mkdir()
    (tmp_path / LEDGER).write_text(content)
    with pytest.raises(IngestError, match=r"imports/imports\.json.*git checkout"):
        read_imports(tmp_path, "prompts")


def test_nothing_imported_is_an_empty_table(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == Ledger(parts=[])
    for name in TABLES:
        assert read_imports(tmp_path, name).is_empty()


def test_report_for_people(tmp_path: Path) -> None:
    rows = [{**HH, "rejected": "x"}] * 12 + [HH]
    text = format_report(ingest_file(tmp_path, write(tmp_path / "f.jsonl", rows)))
    assert "rows in 13 = kept 1 + dropped 0 + quarantined 12" in text
    assert "quarantined no_transcript: 12 (rows 1, 2, 3, 4, 5, 6, 7, 8, ...)" in text
    assert "no DVC project" in text and "licence not stated" in text


def test_parts_are_put_under_dvcs_care(tmp_path: Path) -> None:
    dvc = [sys.executable, "-m", "dvc"]
    subprocess.run([*dvc, "init", "--no-scm", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "f.jsonl.gz").write_bytes(gzip.compress(json.dumps(ALPACA).encode()))
    report = ingest_file(tmp_path, tmp_path / "f.jsonl.gz")
    assert report.tracking is None
    for file in report.part.files:
        assert f"md5: {file.md5}" in (tmp_path / IMPORTS / f"{file.file}.dvc").read_text()
    (tmp_path / IMPORTS / report.part.tables["prompts"].file).unlink()
    subprocess.run([*dvc, "checkout", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    assert read_imports(tmp_path, "prompts").height == 1
    stale = tmp_path / IMPORTS / f"{report.part.tables['prompts'].file}.dvc"
    stale.write_text(stale.read_text().replace(report.part.tables["prompts"].md5, "ab" * 16))
    assert ingest_file(tmp_path, tmp_path / "f.jsonl.gz").tracking is None
    assert f"md5: {report.part.tables['prompts'].md5}" in stale.read_text()
