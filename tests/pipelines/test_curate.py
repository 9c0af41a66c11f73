"""`flywheel curate`: any file in, a ledger by the file's own keys out, and one clear line where that cannot be."""

import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from windows import window

from benchmarks.planted_texts import measure_jaccard, plant_texts
from pipelines.curate import curate_file, describe_curated
from schemas.errors import UserError

ROOT = Path(__file__).parents[2]


ROWS = pl.DataFrame(
    {
        "id": ["k3", "k1", "k2", "k4", "k5"],
        # k2 shares 27 of 29 shingles with k1; k4 says what k3 says
        "body": [window(100), window(0), window(1), window(100).upper(), "N/A"],
        "stars": [1, 2, 3, 4, 5],
    }
)
LEDGER = [
    ("k2", "near_duplicate", 27 / 29, 0.8, "k1"), ("k4", "exact_duplicate", 1.0, 1.0, "k3"),
    ("k4", "near_duplicate", 1.0, 0.8, "k3"), ("k5", "placeholder", 1.0, 0.0, None),
]  # fmt: skip


def write(frame: pl.DataFrame, path: Path) -> Path:
    {".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson, ".csv": frame.write_csv}[path.suffix](path)
    return path


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_ledger_names_rows_by_the_files_keys_whatever_their_order(tmp_path: Path, ending: str) -> None:
    for seed in range(3):
        file = write(ROWS.sample(fraction=1, shuffle=True, seed=seed), tmp_path / f"rows.{ending}")
        out, kept = tmp_path / "dropped.parquet", tmp_path / "kept.parquet"
        curated = curate_file(file, "body", key="id", dropped=out, kept=kept)
        assert pl.read_parquet(out).drop("rule_version").rows() == LEDGER
        assert (curated.rows, curated.kept, curated.dropped) == (5, 2, 3)
        assert curated.reasons == {"exact_duplicate": 1, "near_duplicate": 2, "placeholder": 1}
        rest = pl.read_parquet(kept)
        assert rest.columns == ROWS.columns and sorted(rest["id"]) == ["k1", "k3"]


def test_rows_without_a_key_are_numbered_from_1(tmp_path: Path) -> None:
    out = tmp_path / "dropped.parquet"
    curate_file(write(ROWS, tmp_path / "rows.parquet"), "body", dropped=out, only=["near_duplicate"])
    assert pl.read_parquet(out).select("row_id", "matched_id").rows() == [(3, 2), (4, 1)]
    curate_file(
        write(ROWS, tmp_path / "rows.parquet"),
        "body",
        dropped=out,
        only=["near_duplicate"],
        keep=["stars"],
        threshold=0.9,
    )
    assert pl.read_parquet(out).select("row_id", "matched_id").rows() == [(1, 4), (2, 3)]


def test_a_row_that_breaks_no_rule_survives_its_noisy_double(tmp_path: Path) -> None:
    rows = pl.DataFrame({"id": [1, 2], "text": [window(0) + " me@firm.de", window(0)]})
    out = tmp_path / "dropped.parquet"
    curate_file(write(rows, tmp_path / "rows.parquet"), "text", key="id", dropped=out)
    found = pl.read_parquet(out)
    assert found.schema["row_id"] == pl.Int64
    assert found.select("row_id", "reason", "matched_id").rows() == [
        (1, "near_duplicate", 2), (1, "personal_data", None)
    ]  # fmt: skip


SUMS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "asked": ["What is 2 + 3?", "Which one?", "How many?", "How many?"],
        "said": ["It is 6.", "The answer is (B).", "Half of 14.\n#### 7", "Half of 14.\n#### 8"],
        "right": [None, "B", "#### 7", "#### 7"],
    }
)


def test_answers_are_held_against_a_column_of_right_ones(tmp_path: Path) -> None:
    out = tmp_path / "dropped.parquet"
    file = write(SUMS, tmp_path / "rows.jsonl")
    curate_file(file, "said", key="id", dropped=out, reference="right", only=["wrong_answer"])
    assert pl.read_parquet(out).select("row_id", "reason", "value").rows() == [("d", "wrong_answer", 1.0)]
    curated = curate_file(file, "said", key="id", dropped=out, reference="right", prompt="asked")  # rules as in params
    assert curated.reasons == {"wrong_answer": 2}
    assert pl.read_parquet(out)["row_id"].to_list() == ["a", "d"]
    numbers = SUMS[2:].with_columns(right=pl.lit(7))
    curate_file(write(numbers, tmp_path / "rows.csv"), "said", key="id", dropped=out, reference="right")
    assert pl.read_parquet(out)["row_id"].to_list() == ["d"]


FAULTS = {
    "lacks": (ROWS, {"text": "nothing"}, "there is no column nothing; there are id, body, stars"),
    "null": (
        ROWS.with_columns(body=pl.lit(None, pl.String)),
        {},
        "column body is null in all of 5 rows; name a column of texts",
    ),
    "numbers": (ROWS, {"text": "stars"}, "column stars holds Int64, not text"),
    "repeated": (ROWS.with_columns(id=pl.lit("k")), {"key": "id"}, "row 1: the key 'k' of column id stands twice"),
    "keyless": (ROWS.with_columns(id=pl.lit(None, pl.String)), {"key": "id"}, "row 1: the key id is null"),
    "empty": (ROWS.clear(), {}, "the file has no rows"),
    "rule": (ROWS, {"only": ["nearly"]}, "--only nearly: there is no such rule; there are empty, "),
    "expression": (ROWS, {"keep": ["stars desc"]}, "keep: 'stars desc': the greatest survives"),
    "column": (ROWS, {"keep": ["starz"]}, "there is no column starz"),
    "reference": (ROWS, {"reference": "right"}, "there is no column right"),
    "unread": (ROWS, {"reference": "stars", "only": ["empty"]}, "--reference: only the rule wrong_answer reads it"),
    "listed": (ROWS.with_columns(l=pl.lit([1])), {"reference": "l"}, "column l holds List(Int64); prompts are texts"),
    "absent": (ROWS, {"against": ["other.parquet:body"]}, "--against other.parquet:body: there is no such file; give "),
    "threshold": (ROWS, {"threshold": 1.5}, "--threshold 1.5: give a similarity above 0, at most 1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_one_clear_line_and_write_nothing(tmp_path: Path, fault: str) -> None:
    frame, options, said = FAULTS[fault]
    out = tmp_path / "dropped.parquet"
    with pytest.raises(UserError) as error:
        curate_file(write(frame, tmp_path / "rows.parquet"), **{"text": "body", "dropped": out, **options})
    assert said in str(error.value) and "\n" not in str(error.value)
    assert not out.exists()


OTHER = pl.DataFrame({"id": ["k9", "k1", "k7"], "body": [window(2), window(99), "no other"]})
BESIDE = [
    # of window(1) the rows of the file hold k2, of OTHER k9: 27 of 29 shingles; 26 of 30 for k1
    ("k1", "near_duplicate", 26 / 30, 0.8, "k9", "other"), ("k2", "near_duplicate", 27 / 29, 0.8, "k9", "other"),
    ("k3", "near_duplicate", 27 / 29, 0.8, "k1", "other"), ("k4", "near_duplicate", 27 / 29, 0.8, "k1", "other"),
    ("k5", "placeholder", 1.0, 0.0, None, None),
]  # fmt: skip


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_rows_like_those_of_another_file_are_dropped_for_them(tmp_path: Path, ending: str) -> None:
    out, kept = tmp_path / "dropped.parquet", tmp_path / "kept.parquet"
    for seed in range(3):
        file, other = (
            write(frame.sample(fraction=1, shuffle=True, seed=seed), tmp_path / f"{name}.{ending}")
            for name, frame in (("rows", ROWS), ("other", OTHER))
        )
        before = other.read_bytes()
        curated = curate_file(file, "body", key="id", dropped=out, kept=kept, against=[str(other)], keep=["stars"])
        ledger = (
            pl.read_parquet(out)
            .drop("rule_version")
            .with_columns(pl.col("matched_file").replace_strict({str(other): "other"}))
        )
        # k4 says what k3 says: of the two k4 survives by its stars, and is dropped for the other file's row
        twins = ("k3", "exact_duplicate", 1.0, 1.0, "k4", None)
        assert sorted(ledger.rows(), key=str) == sorted([*BESIDE, twins], key=str)
        assert pl.read_parquet(kept).is_empty() and other.read_bytes() == before
        assert curated.to_json()["against"] == {str(other): 4} and (curated.kept, curated.dropped) == (0, 5)
        assert f"  4 for rows of {other}" in describe_curated(curated)


def test_equal_rows_of_the_other_file_are_exact_duplicates(tmp_path: Path) -> None:
    other = pl.DataFrame({"id": ["x2", "x1", "x3"], "body": ["N/A", " N/A", window(100, 29)]})
    file, beside = write(ROWS, tmp_path / "rows.parquet"), str(write(other, tmp_path / "other.parquet"))
    options = {"key": "id", "dropped": tmp_path / "out.parquet", "against": [beside]}
    curate_file(file, "body", **options, only=["exact_duplicate"])
    # the least of equal ones; what is like no row of the other file is judged as ever
    assert pl.read_parquet(options["dropped"]).select("row_id", "matched_id", "matched_file").rows() == [
        ("k4", "k3", None), ("k5", "x1", beside)
    ]  # fmt: skip
    curate_file(file, "body", **options, only=["near_duplicate"])
    # k3 and k4: 27 of 28 shingles; "n/a" is one shingle of one word
    assert pl.read_parquet(options["dropped"]).select("row_id", "matched_id", "value").rows() == [
        ("k2", "k1", 27 / 29), ("k3", "x3", 27 / 28), ("k4", "x3", 27 / 28), ("k5", "x1", 1.0)
    ]  # fmt: skip


def test_a_row_that_is_dropped_for_the_other_file_drops_no_third(tmp_path: Path) -> None:
    # .87 to the next, .75 to the one after: the middle row goes, and the last has no survivor beside it
    rows = pl.DataFrame({"id": [2, 3], "body": [window(2), window(4)]})
    other = pl.DataFrame({"id": [1], "body": [window(0)]})
    file, beside = write(rows, tmp_path / "rows.parquet"), str(write(other, tmp_path / "other.parquet"))
    curate_file(file, "body", key="id", dropped=tmp_path / "out.parquet", against=[beside])
    assert pl.read_parquet(tmp_path / "out.parquet").select("row_id", "matched_id").rows() == [(2, 1)]


def test_columns_of_the_other_file_may_have_other_names(tmp_path: Path) -> None:
    file, out = write(ROWS, tmp_path / "rows.parquet"), tmp_path / "out.parquet"
    other = OTHER.rename({"id": "name", "body": "said"}).with_columns(number=pl.Series([3, 2, 1], dtype=pl.Int32))
    paths = [write(other, tmp_path / "other.parquet"), write(other, tmp_path / "with:colon.parquet")]
    for path in paths:
        curate_file(file, "body", key="id", dropped=out, only=["near_duplicate"], against=[f"{path}:said:name"])
        named = pl.read_parquet(out).select("row_id", "matched_id", "matched_file").rows()
        assert named == [(*row[:1], row[4], str(path)) for row in BESIDE[:4]]
    # without a key rows are numbered; OTHER's by a key of numbers, or by their place
    for option, first in ((f"{paths[0]}:said:number", 3), (f"{paths[0]}:said", 1)):
        curate_file(file, "body", dropped=out, only=["near_duplicate"], against=[option])
        found = pl.read_parquet(out)
        assert found.schema["matched_id"] == pl.Int64
        assert found.select("row_id", "matched_id").rows() == [(1, 2), (2, first), (3, first), (4, 2)]


def test_planted_copies_in_another_file_are_found_and_near_misses_and_templates_are_not(tmp_path: Path) -> None:
    planted = plant_texts(4_000, n_words=90, seed=5)
    texts, near = planted.texts, planted.pairs + planted.near_misses
    names = {i for i, _ in near} | set(planted.templated[::2])
    whole = pl.DataFrame({"id": range(4_000), "text": texts})
    file, other = whole.filter(~pl.col("id").is_in(names)), whole.filter(pl.col("id").is_in(names))
    found = []
    for seed in range(2):
        paths = [
            write(frame.sample(fraction=1, shuffle=True, seed=seed), tmp_path / f"{name}.parquet")
            for name, frame in (("rows", file), ("other", other))
        ]
        options = {"key": "id", "dropped": tmp_path / "out.parquet", "only": ["near_duplicate"]}
        curate_file(paths[0], "text", against=[str(paths[1])], **options)
        found.append(pl.read_parquet(options["dropped"]).drop_nulls("matched_file"))
    assert found[0].equals(found[1])
    alike = {(j, i): s for i, j in near if (s := measure_jaccard(texts[i], texts[j], 3)) >= 0.8}
    met = {(row, matched): s for row, matched, s in found[0].select("row_id", "matched_id", "value").iter_rows()}
    assert not {row for row, _ in met} & set(planted.templated)
    assert len(alike) > 350 and len(set(met) & set(alike)) >= 0.99 * len(alike)
    assert met == pytest.approx({(j, i): measure_jaccard(texts[i], texts[j], 3) for j, i in met})


def test_other_files_and_signatures_work_together(tmp_path: Path) -> None:
    out, folder, other = tmp_path / "out.parquet", tmp_path / "signatures", write(OTHER, tmp_path / "other.parquet")
    options = {"key": "id", "dropped": out, "only": ["near_duplicate"], "signatures": folder, "against": [str(other)]}
    first = pl.DataFrame({"id": ["a1", "a2"], "body": [window(1), window(200)]})
    curate_file(write(first, tmp_path / "first.parquet"), "body", **options)
    second = pl.DataFrame({"id": ["b1", "b2", "b3"], "body": [window(0), window(199), "no other"]})
    curate_file(write(second, tmp_path / "second.parquet"), "body", **options)
    # a1 was dropped and is not remembered; b2 is like a2 that was kept
    assert pl.read_parquet(out).select("row_id", "matched_id", "matched_file").rows() == [
        ("b1", "k9", str(other)), ("b2", "a2", None), ("b3", "k7", str(other))
    ]  # fmt: skip
    whole = pl.concat([first, second])
    curate_file(write(whole, tmp_path / "whole.parquet"), "body", **options)
    assert pl.read_parquet(out)["row_id"].to_list() == ["a1", "b1", "b2", "b3"]


BESIDE_FAULTS = {
    "itself": (None, {}, "rows.parquet: is the file itself"),
    "empty": (OTHER.clear(), {}, "other.parquet: the file has no rows"),
    "lacks": (OTHER.rename({"body": "said"}), {}, "other.parquet: there is no column body; there are id, said"),
    "keyless": (OTHER.drop("id"), {}, "other.parquet: there is no column id; there are body"),
    "null": (
        OTHER.with_columns(body=pl.lit(None, pl.String)),
        {},
        "other.parquet: column body is null in all of 3 rows",
    ),
    "repeated": (OTHER.with_columns(id=pl.lit("k")), {}, "other.parquet, row 1: the key 'k' of column id stands twice"),
    "typed": (OTHER.with_columns(id=pl.Series([1, 2, 3])), {}, "column id holds Int64, the names of the rows to judge"),
    "unkeyed": (OTHER, {"key": None, "against": ":body:id"}, "column id holds String, the names of the rows to judge"),
    "unread": (OTHER, {"only": ["empty"]}, "--against: only the rules exact_duplicate and near_duplicate read it"),
    "replaced": (OTHER, {"dropped": "other.parquet"}, "other.parquet: is a file to read or a folder; name another"),
}


@pytest.mark.parametrize("fault", BESIDE_FAULTS)
def test_faults_of_another_file_are_one_clear_line(tmp_path: Path, fault: str) -> None:
    frame, changes, said = BESIDE_FAULTS[fault]
    file = write(ROWS, tmp_path / "rows.parquet")
    other = file if frame is None else write(frame, tmp_path / "other.parquet")
    out = tmp_path / str(changes.get("dropped", "out.parquet"))
    options = {"key": "id", **changes, "dropped": out, "against": [f"{other}{changes.get('against', '')}"]}
    with pytest.raises(UserError) as error:
        curate_file(file, "body", **options)
    assert said in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()
    assert frame is None or pl.read_parquet(other).equals(frame)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"body": "one"}\n{"body": "two"\n')
    with pytest.raises(UserError, match=r"rows\.jsonl, line 2: "):
        curate_file(file, "body", dropped=tmp_path / "dropped.parquet")
    damaged = tmp_path / "rows.parquet"
    damaged.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="cut short or damaged"):
        curate_file(damaged, "body", dropped=tmp_path / "dropped.parquet")


def test_outputs_never_replace_the_file(tmp_path: Path) -> None:
    file = write(ROWS, tmp_path / "rows.parquet")
    for out in ({"dropped": file}, {"dropped": tmp_path}, {"dropped": tmp_path / "a", "kept": tmp_path / "a"}):
        with pytest.raises(UserError):
            curate_file(file, "body", **out)


def test_command_prints_json_and_says_words_on_stderr(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "rows.parquet")
    command = [sys.executable, "-m", "pipelines.cli", "curate", "rows.parquet", "--text", "body", "--key", "id"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for extra in (["--json"], []):
        done = subprocess.run(
            [*command, "--only", "near_duplicate,exact_duplicate", "--dropped", "out.parquet", *extra],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0
        if extra:
            assert json.loads(done.stdout)["reasons"] == {"exact_duplicate": 1, "near_duplicate": 2}
            assert done.stderr == ""
        else:
            assert done.stdout == "" and "rows 5 = kept 3 + dropped 2" in done.stderr
    write(OTHER, tmp_path / "other.jsonl")
    write(OTHER.rename({"body": "said"})[:1], tmp_path / "more.csv")
    beside = ["--against", "other.jsonl", "--against", "more.csv:said", "--dropped", "out.parquet", "--json"]
    done = subprocess.run([*command, *beside], cwd=tmp_path, env=environment, capture_output=True, text=True)
    # k9 is in both files: the first is named
    assert json.loads(done.stdout)["against"] == {"other.jsonl": 4, "more.csv": 0}
    assert json.loads(done.stdout)["reasons"] == {"exact_duplicate": 1, "near_duplicate": 4, "placeholder": 1}
    done = subprocess.run([*command, "--dropped", "/dev/null/x"], cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("only", [["near_duplicate"], ["near_duplicate", "exact_duplicate"], []])
def test_files_one_after_another_are_judged_as_one(tmp_path: Path, only: list[str]) -> None:
    texts = [window(7 * n) for n in range(40)]  # each shares 21 of 35 shingles with the next
    texts[11], texts[25], texts[33] = texts[3] + " x", texts[3] + " y", texts[30].upper()
    whole = pl.DataFrame({"id": [f"k{n:02}" for n in range(40)], "text": texts})
    out, folder = tmp_path / "dropped.parquet", tmp_path / "signatures"
    options = {"key": "id", "dropped": out, "only": only}
    curate_file(write(whole, tmp_path / "rows.parquet"), "text", **options)
    expected = pl.read_parquet(out)
    near = expected.filter(pl.col("reason") == "near_duplicate")
    assert near.select("row_id", "matched_id").rows() == [("k11", "k03"), ("k25", "k03"), ("k33", "k30")]
    assert ("k33", "exact_duplicate", "k30") in expected.select("row_id", "reason", "matched_id").rows() or len(
        only
    ) == 1
    found = []
    for part in (whole[:12], whole[12:31], whole[31:]):
        curate_file(write(part, tmp_path / "rows.parquet"), "text", signatures=folder, **options)
        found.append(pl.read_parquet(out))
    assert pl.concat(found).equals(expected)
    # a file that holds the known rows too: they are the same rows, not doubles of themselves
    curate_file(write(whole, tmp_path / "rows.parquet"), "text", signatures=folder, **options)
    assert pl.read_parquet(out).equals(expected)
    assert len(list(folder.glob("part-*.arrow"))) == 3


def test_a_lower_threshold_misses_no_pair(tmp_path: Path) -> None:
    rows = pl.DataFrame({"id": range(60), "text": [window(11 * n) for n in range(60)]})
    out = tmp_path / "dropped.parquet"
    curate_file(write(rows, tmp_path / "rows.parquet"), "text", key="id", dropped=out, threshold=0.4)
    found = pl.read_parquet(out)
    assert found.select("row_id", "matched_id").rows() == [(n, n - 1) for n in range(1, 60, 2)]
    assert found["value"].to_list() == pytest.approx([17 / 39] * 30)  # shingles shared with the next row


OWN_NAMES = ("row", "row_id", "name", "text", "place", "faulty", "keep_0", "value_0")


@pytest.mark.parametrize("column", OWN_NAMES)
def test_a_file_may_call_its_columns_as_we_call_ours(tmp_path: Path, column: str) -> None:
    body = "body" if column == "text" else "text"
    frame = pl.DataFrame({column: [3, 9, 6], body: [window(0), window(1), window(0)]})
    file, out, options = write(frame, tmp_path / "rows.parquet"), tmp_path / "out.parquet", {"keep": [column]}
    for chosen in ([], ["near_duplicate"], ["exact_duplicate"]):
        curate_file(file, body, dropped=out, key=column, only=chosen, **options)
        found = pl.read_parquet(out).filter(pl.col("matched_id").is_not_null())
        exact = chosen == ["exact_duplicate"]
        assert dict(found.select("row_id", "matched_id").iter_rows()) == ({3: 6} if exact else {3: 9, 6: 9})
    curate_file(file, body, dropped=out, keep=[f"-{column}"], only=["near_duplicate"])
    assert dict(pl.read_parquet(out).select("row_id", "matched_id").iter_rows()) == {2: 1, 3: 1}


def test_rows_without_a_text_are_empty(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3, 4], "text": [None, window(0), None, ""], "said": [None, "a", "b", None]})
    file, out, kept = write(frame, tmp_path / "rows.parquet"), tmp_path / "out.parquet", tmp_path / "kept.parquet"
    curated = curate_file(file, "text", dropped=out, kept=kept, key="id", prompt="said")
    assert (curated.kept, curated.reasons) == (1, {"empty": 3})
    assert pl.read_parquet(kept).equals(frame[1:2])
    options = {"dropped": out, "key": "id", "only": ["near_duplicate", "exact_duplicate"]}
    more = write(frame.with_columns(id=pl.col("id") + 10), tmp_path / "more.parquet")
    curate_file(file, "text", kept=kept, signatures=tmp_path / "signatures", **options)
    assert pl.read_parquet(kept).equals(frame) and pl.read_parquet(out).height == 0
    curate_file(more, "text", signatures=tmp_path / "signatures", **options)
    assert pl.read_parquet(out)["row_id"].to_list() == [12, 12]
    curate_file(file, "text", against=[str(more)], **options)
    assert pl.read_parquet(out)["row_id"].to_list() == [2, 2]


def test_keys_beyond_63_bits(tmp_path: Path) -> None:
    keys = pl.Series([2**64 - 1, 2**63, 5], dtype=pl.UInt64)
    frame = pl.DataFrame({"id": keys, "text": [window(0), window(1), "Noinput"]})
    file, out, kept = write(frame, tmp_path / "rows.parquet"), tmp_path / "out.parquet", tmp_path / "kept.parquet"
    curated = curate_file(file, "text", dropped=out, kept=kept, key="id", keep=["id"])
    assert (curated.kept, curated.dropped) == (1, 2) and pl.read_parquet(kept)["id"].to_list() == [2**64 - 1]
    with pytest.raises(UserError, match="subtracts from what has no sign"):
        curate_file(file, "text", dropped=out, key="id", keep=["-id"])


def test_keys_of_other_widths_are_still_keys(tmp_path: Path) -> None:
    folder, out = tmp_path / "signatures", tmp_path / "dropped.parquet"
    rows = ROWS.with_columns(id=pl.int_range(pl.len()))
    for dtype in (pl.Int64, pl.UInt16):
        file = write(rows.with_columns(pl.col("id").cast(dtype)), tmp_path / f"{dtype}.parquet")
        curate_file(file, "body", key="id", dropped=out, only=["near_duplicate"], signatures=folder)
    more = write(
        rows.select(pl.lit(900, pl.Int32).alias("id"), pl.col("body").last()).head(1), tmp_path / "more.parquet"
    )
    curate_file(more, "body", key="id", dropped=out, only=["near_duplicate"], signatures=folder)
    assert pl.read_parquet(out).select("row_id", "matched_id").rows() == [(900, rows["id"][-1])]


def test_a_part_that_went_away_takes_no_other_with_it(tmp_path: Path) -> None:
    folder, options = tmp_path / "signatures", {"key": "id", "dropped": tmp_path / "out.parquet"}
    for n in range(4):
        if n == 3:
            (folder / "part-00001.arrow").unlink()
        rows = pl.DataFrame({"id": [n], "text": [window(100 * n)]})
        curate_file(write(rows, tmp_path / "rows.parquet"), "text", signatures=folder, **options)
    assert sorted(path.name for path in folder.iterdir()) == [
        *(f"part-0000{n}.arrow" for n in (2, 3, 4)),
        "settings.json",
    ]


def test_signatures_are_refused_where_they_do_not_fit(tmp_path: Path) -> None:
    file, folder = write(ROWS, tmp_path / "rows.parquet"), tmp_path / "signatures"
    options = {"dropped": tmp_path / "dropped.parquet", "only": ["near_duplicate"], "signatures": folder}
    with pytest.raises(UserError, match="--signatures needs --key"):
        curate_file(file, "body", **options)
    curate_file(file, "body", key="id", **options)
    with pytest.raises(UserError, match=r"made with other settings \(threshold 0.8, now 0.9\)"):
        curate_file(file, "body", key="id", threshold=0.9, **options)
    with pytest.raises(UserError, match="row 'k1' has another text"):
        changed = ROWS.with_columns(body=pl.col("body") + " more")
        curate_file(write(changed, tmp_path / "changed.parquet"), "body", key="id", **options)
    with pytest.raises(UserError, match="keys of earlier rows are String, the names of the rows to judge are Int64"):
        numbered = ROWS.with_columns(id=pl.int_range(pl.len()))
        curate_file(write(numbered, tmp_path / "numbered.parquet"), "body", key="id", **options)
    with pytest.raises(UserError, match="--signatures: only the rule near_duplicate reads it"):
        curate_file(file, "body", key="id", **(options | {"only": ["exact_duplicate"]}))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").touch()
    with pytest.raises(UserError, match="holds other things"):
        curate_file(file, "body", key="id", **(options | {"signatures": tmp_path / "full"}))
