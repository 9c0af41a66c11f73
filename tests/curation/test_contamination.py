from typing import Any

import polars as pl
import pytest
from windows import window

from curation.contamination import find_contamination, find_overlap
from schemas.curation_params import NgramOverlap
from schemas.params import Params


def frame(**texts: str) -> pl.DataFrame:
    return pl.DataFrame({"row_id": list(texts), "text": list(texts.values())})


def overlap(**changes: Any) -> NgramOverlap:
    return NgramOverlap(**{"enabled": True, "n_words": 8, "min_ratio": 0.5, "max_rows": 10} | changes)


def test_an_equal_prompt_is_exact_whatever_case_and_blanks(params: Params) -> None:
    rules = params.curate_demonstrations.contamination
    found = find_contamination(
        frame(a="what IS  it?", b="What is it? Tell me."),
        frame(x="What is it?"),
        params=rules,
        near=params.near_duplicates,
    )
    assert found.filter(pl.col("reason") == "benchmark_exact").select("row_id", "matched_id").rows() == [("a", "x")]


def test_reasons_name_the_field_they_were_found_in(params: Params) -> None:
    rules, near = params.curate_demonstrations.contamination, params.near_duplicates
    asked = window(0, 20)
    found = find_contamination(frame(a=asked), frame(x=asked), params=rules, near=near, field="chosen")
    assert found["reason"].to_list() == [
        "benchmark_exact_in_chosen", "benchmark_long_overlap_in_chosen", "benchmark_near_duplicate_in_chosen",
        "benchmark_short_overlap_in_chosen",
    ]  # fmt: skip


def test_overlap_is_the_share_of_the_benchmark_prompts_ngrams() -> None:
    # the benchmark prompt has 12 8-grams of 19 words; the row holds words 4 to 18 of it: 8 of them
    found = find_overlap(frame(a="so " + window(4, 15) + " end"), frame(x=window(0, 19)), overlap())
    assert found.rows() == [("a", "x", pytest.approx(8 / 12))]
    assert find_overlap(frame(a=window(4, 15)), frame(x=window(0, 19)), overlap(min_ratio=0.7)).height == 0


def test_the_most_overlapping_prompt_is_named() -> None:
    found = find_overlap(frame(a=window(0, 20)), frame(x=window(5, 20), y=window(3, 20)), overlap(min_ratio=0.1))
    assert found["matched_id"].to_list() == ["y"]


def test_ngrams_of_many_rows_are_phrases() -> None:
    rows = frame(**{f"r{i}": window(0, 12) + f" n{i}" for i in range(4)})
    assert find_overlap(rows, frame(x=window(0, 12)), overlap(max_rows=4)).height == 4
    assert find_overlap(rows, frame(x=window(0, 12)), overlap(max_rows=3)).height == 0


def test_prompts_shorter_than_an_ngram_match_nothing() -> None:
    assert find_overlap(frame(a=window(0, 20)), frame(x=window(0, 7)), overlap()).height == 0


def test_near_duplicates_and_long_copies_are_found_with_the_match_named(params: Params) -> None:
    asked = window(0, 40)
    rows = frame(near=asked + " more", inside=window(300, 30) + " " + asked, free=window(100, 40))
    found = find_contamination(
        rows, frame(x=asked, y=window(200, 9)),
        params=params.curate_demonstrations.contamination, near=params.near_duplicates,
    )  # fmt: skip
    assert {(r["row_id"], r["reason"]) for r in found.iter_rows(named=True)} == {
        ("near", "benchmark_near_duplicate"), ("near", "benchmark_long_overlap"), ("near", "benchmark_short_overlap"),
        ("inside", "benchmark_long_overlap"), ("inside", "benchmark_short_overlap"),
    }  # fmt: skip
    assert set(found["matched_id"]) == {"x"}


def test_rules_that_are_off_find_nothing(params: Params, only: Any) -> None:
    rules = only(params.curate_demonstrations.contamination)
    same = frame(a="what is it")
    assert find_contamination(same, same, params=rules, near=params.near_duplicates).height == 0


def test_row_order_does_not_matter(params: Params) -> None:
    rules, near = params.curate_demonstrations.contamination, params.near_duplicates
    rows, benchmark = frame(a=window(0, 20), b=window(5, 20), c=window(9, 30)), frame(x=window(0, 21), y=window(4, 20))
    found = find_contamination(rows, benchmark, params=rules, near=near)
    assert found.height and find_contamination(rows[::-1], benchmark[::-1], params=rules, near=near).equals(found)
