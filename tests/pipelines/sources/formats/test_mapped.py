"""Any table comes in by a mapping of fields to columns; it says what its columns say and no more."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from converted_rows import convert, pick, tell_completion, tell_notes, tell_prompt, tell_tiers

from pipelines.ingest import IngestError, ingest_file
from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.mapped import make_format
from pipelines.sources.importing import Imported
from pipelines.sources.imports import read_imports, read_ledger
from pipelines.sources.mapping import parse_mapping
from schemas.records import Candidate, Prompt, Ranking, Sample

K3 = ["prompt=q", "candidate=a", "candidate=b", "candidate=c"]
ROW: dict[str, Any] = {"q": "Best fruit?", "a": "Apple", "b": "Pear", "c": "Plum"}


def take(options: list[str], **row: Any) -> Imported:
    return convert(make_format(parse_mapping(options)), row)


def fault(options: list[str], **row: Any) -> str:
    with pytest.raises(RowFaultError) as caught:
        take(options, **row)
    return caught.value.reason


def test_a_prompt_alone() -> None:
    imported = take(["prompt=q", "kind=k", "system=s", "input=i"], q="Add.", k="sum", s="Be brief.", i="1 2")
    assert tell_prompt(imported) == [("system", "Be brief."), ("user", "Add.\n\n1 2")]
    assert pick(imported, Prompt)[0].kind == "sum" and len(imported.records) == 1


def test_a_demonstration() -> None:
    imported = take(["prompt=q", "completion=a", "id=n"], q="Add 1 2.", a="3", n=7)
    assert tell_completion(imported) == [("assistant", "3", True)] and imported.key == "7"
    assert tell_notes(take(["prompt=q", "completion=a"], q=" ", a="")) == ["empty_prompt", "empty_output"]


def test_columns_may_hold_messages() -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    for imported in (take(["messages=m"], m=said), take(["prompt=p", "completion=c"], p=said[:1], c=said[1:])):
        assert tell_prompt(imported) == [("user", "Hi")] and tell_completion(imported) == [("assistant", "Hello", True)]


def test_a_preference_with_its_labeler_and_strength() -> None:
    options = ["prompt=q", "chosen=a", "rejected=b", "labeler=who", "strength=s"]
    imported = take(options, **ROW, who="ann", s="0.5")
    (ranking,) = pick(imported, Ranking)
    assert tell_tiers(imported) == [(["Apple"], False), (["Pear"], False)]
    assert (ranking.labeler_id, ranking.strength, ranking.shown_order) == ("mapped/ann", 0.5, None)


def test_candidates_without_a_verdict_are_not_ranked() -> None:
    imported = take([*K3, "policy=ma", "policy=mb", "policy=mc"], **ROW, ma="m1", mb="m2", mc="")
    assert not pick(imported, Ranking) and len(pick(imported, Candidate)) == 3
    assert [sample.policy for sample in pick(imported, Sample)] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("field", "values", "tiers"),
    [
        ("rank", ["2", "1", "3"], [(["Pear"], False), (["Apple"], False), (["Plum"], False)]),
        ("rank", [1, 1, 2], [(["Apple", "Pear"], True), (["Plum"], False)]),
        ("rank", [1, None, ""], [(["Apple"], False)]),
        ("score", [0.1, 0.9, 0.1], [(["Pear"], False), (["Apple", "Plum"], True)]),
    ],
)
def test_ranks_and_scores(field: str, values: list[Any], tiers: list[Any]) -> None:
    options = [*K3, f"{field}=x", f"{field}=y", f"{field}=z"]
    imported = take(options, **ROW, **dict(zip("xyz", values, strict=True)))
    (ranking,) = pick(imported, Ranking)
    assert tell_tiers(imported) == tiers and len(ranking.candidate_ids) == 3


@pytest.mark.parametrize("best", ["2", 2, 2.0, "b", " B "])
def test_the_best_stands_above_others_of_which_nothing_is_said(best: Any) -> None:
    assert tell_tiers(take([*K3, "best=w"], **ROW, w=best)) == [(["Pear"], False), (["Apple", "Plum"], False)]


def test_a_tie_is_a_tie_of_all_and_no_verdict_is_none() -> None:
    assert tell_tiers(take([*K3, "best=w"], **ROW, w="tie")) == [(["Apple", "Pear", "Plum"], True)]
    assert not pick(take([*K3, "best=w"], **ROW, w=""), Ranking)


def test_empty_columns_are_no_candidates() -> None:
    imported = take([*K3, "best=w"], **{**ROW, "c": ""}, w="a")
    assert tell_tiers(imported) == [(["Apple"], False), (["Pear"], False)]
    assert fault([*K3, "best=w"], **{**ROW, "c": None}, w="c") == "unknown_verdict"
    assert fault(K3, q="Best fruit?", a="", b="", c=None) == "no_candidate"


def test_what_is_no_verdict_is_refused() -> None:
    for best in ("4", "0", "d", True, 1.5):
        assert fault([*K3, "best=w"], **ROW, w=best) == "unknown_verdict"
    assert fault(["prompt=q", "completion=a"], q=7, a="3") == "wrong_type"
    assert fault(["prompt=q", "completion=a"], q="Add.") == "missing_column"
    assert fault(["prompt=q"], q="See", image="a.png") == "unsupported_modality"


def test_a_csv_by_its_mapping(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text('question,answer,note\n"Add 1, 2.",3,x\nAdd,1,2,3\nAdd 2 2.,4,\n')
    options = ["prompt=question", "completion=answer"]
    report = ingest_file(tmp_path / "p", tmp_path / "f.csv", mapping=options)
    assert (report.part.format, report.part.mapping, report.guessed) == ("mapped", sorted(options), False)
    rows = report.part.rows
    assert (rows.rows_in, rows.kept, rows.quarantined) == (3, 2, 1)
    assert report.part.quarantined[0].name == "ragged_row"
    assert "column 'note' of 2 rows" in report.part.losses
    again = ingest_file(tmp_path / "p", tmp_path / "f.csv", "mapped", mapping=options)
    assert not again.added
    other = ingest_file(tmp_path / "p", tmp_path / "f.csv", mapping=["prompt=question"])
    assert other.added and len(read_ledger(tmp_path / "p").parts) == 2
    assert read_imports(tmp_path / "p", "prompts").height == 2


def test_a_parquet_by_its_mapping(tmp_path: Path) -> None:
    pl.DataFrame([ROW | {"w": 1}]).write_parquet(tmp_path / "f.parquet")
    ingest_file(tmp_path, tmp_path / "f.parquet", mapping=[*K3, "best=w"])
    assert read_imports(tmp_path, "rankings").height == 1


def test_mappings_and_formats_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("instruction,output\na,b\n")
    with pytest.raises(IngestError, match="not alpaca"):
        ingest_file(tmp_path, tmp_path / "f.csv", "alpaca", mapping=["prompt=instruction"])
    with pytest.raises(IngestError, match="say which column is what"):
        ingest_file(tmp_path, tmp_path / "f.csv", "mapped")
    with pytest.raises(IngestError, match="no column 'instructions'"):
        ingest_file(tmp_path, tmp_path / "f.csv", mapping=["prompt=instructions"])


def test_ids_that_pandas_made_floats_are_the_whole_numbers_they_were() -> None:
    options, row = ["prompt=q", "chosen=a", "rejected=b", "labeler=who", "id=n"], {"q": "Q", "a": "x", "b": "y"}
    imported = take(options, **row, who=12.0, n=7.0)
    assert imported.key == "7" and pick(imported, Ranking)[0].labeler_id == "mapped/12"
    for wrong in (7.5, 2.0**53, True, "", None):
        assert fault(options, **row, who="ann", n=wrong) == "wrong_type"
    with pytest.raises(RowFaultError, match=r"'who' is null, no whole number or text; give each row .* as 'who'"):
        take(options, **row, who=None, n=1)
