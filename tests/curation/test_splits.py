from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.splits import assign_splits, draw_split, list_conflicts
from schemas.curation_params import Splits

SHARES = Splits(validation=0.2, benchmark=0.3)
SPLITS = ("train", "validation", "benchmark")


def prompts(**turns: int) -> pl.DataFrame:
    return pl.DataFrame({"prompt_id": list(turns), "turn": list(turns.values())}, schema_overrides={"turn": pl.Int64})


def links(*pairs: str) -> pl.DataFrame:
    rows = [tuple(pair) for pair in pairs]
    return pl.DataFrame(rows, schema={"row_id": pl.String, "matched_id": pl.String}, orient="row")


def past(**splits: str) -> pl.DataFrame:
    rows = [(p, p, s) for p, s in splits.items()]
    return pl.DataFrame(rows, schema=dict.fromkeys(("prompt_id", "cluster_id", "split"), pl.String), orient="row")


def proposed(**splits: str) -> pl.DataFrame:
    return past(**splits).drop("cluster_id")


def assign(rows: pl.DataFrame, linked: pl.DataFrame, old: pl.DataFrame, new: pl.DataFrame) -> Any:
    return assign_splits(rows, linked, old, new, shares=SHARES, seed=1)


def test_a_cluster_takes_the_split_of_its_first_prompts_hash() -> None:
    result = assign(prompts(a=2, b=1, c=1), links("ab"), past(), proposed())
    expected = [("a", "b", draw_split("b", SHARES, 1)), ("b", "b", draw_split("b", SHARES, 1))]
    assert result.assignments.rows() == [*expected, ("c", "c", draw_split("c", SHARES, 1))]


def test_drawn_splits_have_their_shares() -> None:
    drawn = [draw_split(f"p{i}", SHARES, 1) for i in range(10_000)]
    # three standard errors are .014
    assert abs(drawn.count("benchmark") / 10_000 - 0.3) < 0.014
    assert abs(drawn.count("validation") / 10_000 - 0.2) < 0.014
    assert drawn != [draw_split(f"p{i}", SHARES, 2) for i in range(10_000)]


def test_a_given_split_holds_for_newcomers() -> None:
    result = assign(prompts(a=1, b=2, c=2), links("ab", "bc"), past(a="benchmark"), proposed())
    assert result.assignments.rows() == [(p, "a", "benchmark") for p in "abc"]
    result = assign(prompts(a=1, b=1), links("ab"), past(), proposed(b="validation"))
    assert result.assignments["split"].to_list() == ["validation"] * 2


def test_a_past_split_beats_a_proposed_one() -> None:
    result = assign(prompts(a=1), links(), past(a="train"), proposed(a="benchmark"))
    assert result.assignments["split"].to_list() == ["train"]


def test_a_newcomer_between_two_splits_is_a_bridge_without_assignment() -> None:
    result = assign(prompts(a=1, b=1, n=2), links("an", "bn"), past(a="train", b="benchmark"), proposed())
    assert result.assignments["prompt_id"].to_list() == ["a", "b"]
    assert result.bridges.rows() == [("n", "b")]


def test_a_chain_of_newcomers_is_cut_once() -> None:
    result = assign(prompts(a=1, b=1, m=2, n=2), links("am", "mn", "nb"), past(a="train", b="benchmark"), proposed())
    assert dict(result.assignments.select("prompt_id", "split").iter_rows()) == {
        "a": "train", "b": "benchmark", "m": "train"
    }  # fmt: skip
    assert result.bridges.rows() == [("n", "b")]


def test_a_bridge_is_seen_through_newcomers_joined_before() -> None:
    # c comes first and is free; d ties it to the train side, so e would join that side to the benchmark
    rows = prompts(t=1, b=1, c=2, d=3, e=4)
    result = assign(rows, links("dt", "dc", "ec", "eb"), past(t="train", b="benchmark"), proposed())
    assert result.bridges.rows() == [("e", "b")]
    assert dict(result.assignments.select("prompt_id", "split").iter_rows()) == {
        "t": "train", "b": "benchmark", "c": "train", "d": "train"
    }  # fmt: skip


def test_of_two_proposed_neighbours_the_held_out_one_stays() -> None:
    result = assign(prompts(a=1, b=1), links("ab"), past(), proposed(a="train", b="benchmark"))
    assert result.assignments.rows() == [("b", "b", "benchmark")]
    assert result.bridges.rows() == [("a", "b")]


def test_two_past_prompts_split_apart_keep_their_splits_and_the_train_one_is_named() -> None:
    result = assign(prompts(a=1, b=1), links("ab"), past(a="train", b="validation"), proposed())
    assert result.assignments.rows() == [("a", "a", "train"), ("b", "b", "validation")]
    assert result.bridges.rows() == [("a", "b")]


def test_conflicts_are_the_prompts_of_components_with_several_splits() -> None:
    rows = prompts(a=1, b=1, c=1, d=1, e=1)
    found = list_conflicts(
        rows, links("ab", "bc", "de"), past(a="train", d="train"), proposed(c="benchmark", e="train")
    )
    assert sorted(found) == ["a", "b", "c"]


NAMES = "abcdefgh"
SOME = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(SPLITS), max_size=5)
PAIRS = st.lists(st.sampled_from([x + y for x in NAMES for y in NAMES if x < y]), max_size=10)


@settings(max_examples=150, deadline=None)
@given(SOME, SOME, PAIRS, st.integers(0, 1000))
def test_no_link_spans_two_splits(old: dict[str, str], new: dict[str, str], pairs: list[str], seed: int) -> None:
    rows = prompts(**{p: 1 if p in old else 2 for p in NAMES})
    result = assign(rows, links(*pairs), past(**old), proposed(**new))
    split = dict(result.assignments.select("prompt_id", "split").iter_rows())
    bridges = set(result.bridges["row_id"])
    assert all(split[p] == s for p, s in old.items())
    assert set(NAMES) - set(split) == bridges - set(old)
    for first, second in pairs:
        if first not in bridges and second not in bridges:
            assert split[first] == split[second]
    assert all(new[p] == split[p] for p in new if p in split and p not in old)
    for _, rows_of_cluster in result.assignments.group_by("cluster_id"):
        assert rows_of_cluster["split"].n_unique() == 1
    shuffled = rows.sample(fraction=1, shuffle=True, seed=seed)
    other = assign(shuffled, links(*pairs[::-1]), past(**old)[::-1], proposed(**new)[::-1])
    assert other.assignments.equals(result.assignments) and other.bridges["row_id"].equals(result.bridges["row_id"])
    again = assign(rows, links(*pairs), result.assignments, proposed(**new))
    assert again.assignments.equals(result.assignments)
