from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from windows import window

from curation.ledger import keep_rows
from curation.prompts import CuratedPrompts, curate_prompts
from schemas.messages import make_message
from schemas.params import Params
from schemas.tables import check_frame, empty_frame

NO_SPLITS = pl.DataFrame(schema={"prompt_id": pl.String, "split": pl.String})


def curate(
    frame: pl.DataFrame, params: Params, *, past: Any = (), old: Any = None, given: Any = None, turn: int = 1
) -> CuratedPrompts:
    return curate_prompts(
        frame, empty_frame("assignments") if old is None else old, NO_SPLITS if given is None else given,
        past_ids=past, params=params.prompts, near=params.near_duplicates, turn=turn, seed=1,
    )  # fmt: skip


def all_train(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("prompt_id", split=pl.lit("train"))


def reasons(result: CuratedPrompts) -> set[tuple[str, str, str | None]]:
    return set(result.dropped.select("row_id", "reason", "matched_id").iter_rows())


def test_noise_is_dropped_and_still_assigned(table: Any, prompt_row: Any, params: Params) -> None:
    frame = table("prompts", [prompt_row("hjkl qwrt zxcv bnmp"), prompt_row("What is the capital of France?")])
    result = curate(frame, params)
    check_frame("assignments", result.assignments)
    check_frame("dropped", result.dropped)
    assert result.dropped["reason"].to_list() == ["keyboard_mash"]
    assert result.dropped.select("table_name", "stage", "turn").row(0) == ("prompts", "prompts", 1)
    assert result.assignments.height == 2


def test_the_earlier_turns_prompt_survives(table: Any, prompt_row: Any, params: Params) -> None:
    rows = [prompt_row(window(i)) for i in (0, 1)]
    frame = table("prompts", rows)
    for first, second in ((0, 1), (1, 0)):
        early, late = rows[first]["prompt_id"], rows[second]["prompt_id"]
        result = curate(frame, params, past=[early], given=all_train(frame), turn=2)
        assert reasons(result) == {(late, "near_duplicate", early)}
    turns = pl.DataFrame({"prompt_id": [r["prompt_id"] for r in rows], "turn": [2, 1]})
    result = curate(frame, params, past=turns, given=all_train(frame), turn=3)
    assert reasons(result) == {(rows[0]["prompt_id"], "near_duplicate", rows[1]["prompt_id"])}


def test_prompts_like_a_seed_or_an_accepted_one_go(table: Any, prompt_row: Any, params: Params, only: Any) -> None:
    # eight words, of which the others share seven in order: F is .875
    seed = prompt_row("Give three tips for staying healthy in winter")
    like_seed = prompt_row("Give three tips for staying warm in winter")
    other = prompt_row("Who wrote the book about the white whale?")
    frame = table("prompts", [seed, like_seed, other])
    section = params.prompts.model_copy(update={"rules": only(params.prompts.rules, similar_prompt={})})
    for first, second in ((seed, like_seed), (like_seed, seed)):
        result = curate_prompts(
            frame, empty_frame("assignments"), all_train(frame), past_ids=(), seed_ids=[first["prompt_id"]],
            params=section, near=params.near_duplicates, turn=1, seed=1,
        )  # fmt: skip
        assert result.dropped.select("row_id", "reason", "value", "threshold", "matched_id").rows() == [
            (second["prompt_id"], "similar_prompt", 0.875, 0.7, first["prompt_id"])
        ]


@pytest.mark.parametrize(("keep", "stays"), [(["length(text)"], 1), (["-cast(length(text) as bigint)"], 0)])
def test_of_similar_prompts_too_the_one_stays_that_params_say(
    table: Any, prompt_row: Any, params: Params, only: Any, keep: list[str], stays: int
) -> None:
    rows = [
        prompt_row("Give three tips for staying well in winter"),
        prompt_row("Give three tips for staying healthy in winter"),
    ]
    frame = table("prompts", rows)
    rules = only(params.prompts.rules, similar_prompt={})
    result = curate_prompts(
        frame, empty_frame("assignments"), all_train(frame), past_ids=(),
        params=params.prompts.model_copy(update={"rules": rules, "keep": keep}), near=params.near_duplicates, turn=1,
        seed=1,
    )  # fmt: skip
    assert reasons(result) == {(rows[1 - stays]["prompt_id"], "similar_prompt", rows[stays]["prompt_id"])}


def test_duplicates_are_dropped_in_train_only(table: Any, prompt_row: Any, params: Params) -> None:
    frame = table("prompts", [prompt_row("What is it now?"), prompt_row("what IS it now?")])
    first, second = sorted(frame["prompt_id"])
    for split, expected in (("benchmark", set()), ("train", {"exact_duplicate", "near_duplicate"})):
        result = curate(frame, params, given=frame.select("prompt_id", split=pl.lit(split)))
        assert reasons(result) == {(second, reason, first) for reason in expected}


def test_a_clean_prompt_survives_a_noisy_one(table: Any, prompt_row: Any, params: Params) -> None:
    for n in range(4):  # whichever id is the lesser
        noisy, clean = prompt_row(window(n) + " me@firm.de"), prompt_row(window(n))
        frame = table("prompts", [noisy, clean])
        for past in ([], [noisy["prompt_id"]]):
            result = curate(frame, params, past=past, given=all_train(frame), turn=2)
            assert keep_rows("prompts", frame, result.dropped)["prompt_id"].to_list() == [clean["prompt_id"]]


def test_equal_questions_in_other_settings_are_no_duplicates_but_share_a_split(table: Any, params: Params) -> None:
    from schemas import ids

    def row(system: str) -> dict[str, Any]:
        messages = [make_message("system", system), make_message("user", "What is it now?")]
        return {
            "prompt_id": ids.prompt_id(messages), "messages": messages, "conversation_id": ids.conversation_id(messages)
        }  # fmt: skip

    frame = table("prompts", [row("Answer in French."), row("Answer in German.")])
    assert reasons(curate(frame, params, given=all_train(frame))) == set()
    assert curate(frame, params).assignments["cluster_id"].n_unique() == 1


def test_a_conversation_shares_a_split(table: Any, prompt_row: Any, params: Params) -> None:
    frame = table("prompts", [prompt_row(f"{n} other words {n}", conversation_id="same") for n in range(20)])
    result = curate(frame, params)
    assert result.assignments["split"].n_unique() == result.assignments["cluster_id"].n_unique() == 1


def test_a_newcomer_near_the_benchmark_is_dropped_as_bridge(table: Any, prompt_row: Any, params: Params) -> None:
    old = [prompt_row(window(0)), prompt_row(window(6))]
    new = prompt_row(window(3))  # 25 of 31 shingles in common with both
    frame = table("prompts", [*old, new])
    ids = [r["prompt_id"] for r in old]
    past = pl.DataFrame({"prompt_id": ids, "cluster_id": ids, "split": ["train", "benchmark"]}).sort("prompt_id")
    result = curate(frame, params, past=ids, old=past, turn=2)
    assert reasons(result) == {(new["prompt_id"], "bridges_splits", ids[1])}
    assert result.assignments.equals(past)


def test_a_row_near_to_one_side_only_is_no_bridge(table: Any, prompt_row: Any, params: Params) -> None:
    # 0 - 3 - 6 - 9: the chain joins train and benchmark, but only one of the two in between has to go
    rows = [prompt_row(window(3 * i)) for i in range(4)]
    frame, ids = table("prompts", rows), [r["prompt_id"] for r in rows]
    past = pl.DataFrame(
        {"prompt_id": [ids[0], ids[3]], "cluster_id": [ids[0], ids[3]], "split": ["train", "benchmark"]}
    )
    result = curate(frame, params, past=[ids[0], ids[3]], old=past.sort("prompt_id"), turn=2)
    assert result.dropped.filter(pl.col("reason") == "bridges_splits").height == 1
    assert result.assignments.height == 3


TEXTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=7).map(" ".join), min_size=1, max_size=14)


@settings(max_examples=25, deadline=None)
@given(TEXTS, st.integers(0, 10**6), st.integers(0, 14))
def test_over_two_turns_nothing_leaks_and_order_does_not_matter(
    table: Any, prompt_row: Any, params: Params, texts: list[str], seed: int, cut: int
) -> None:
    from curation.near_duplicates import list_pairs

    frame = table("prompts", list({r["prompt_id"]: r for r in map(prompt_row, texts)}.values()))
    first = curate(frame[:cut], params)
    old, past = first.assignments, frame["prompt_id"][:cut].to_list()
    result = curate(frame, params, past=past, old=old, turn=2)
    shuffled = curate(frame.sample(fraction=1, shuffle=True, seed=seed), params, past=past, old=old, turn=2)
    assert shuffled.assignments.equals(result.assignments) and shuffled.dropped.equals(result.dropped)
    again = curate(frame, params, past=frame["prompt_id"].to_list(), old=result.assignments, turn=3)
    assert again.assignments.equals(result.assignments)
    split = dict(result.assignments.select("prompt_id", "split").iter_rows())
    assert all(split[p] == s for p, s in old.select("prompt_id", "split").iter_rows())
    kept = keep_rows("prompts", frame, result.dropped)
    text = kept.select(row_id="prompt_id", text=pl.col("messages").list.first().struct.field("content"))
    pairs = list_pairs(text, params.near_duplicates)
    assert all(split[a] == split[b] != "train" for a, b in pairs.select("row_id", "matched_id").iter_rows())


def test_no_prompts(params: Params) -> None:
    result = curate(empty_frame("prompts"), params)
    assert result.assignments.height == result.dropped.height == result.metrics["n_prompts"] == 0


def test_templates_stay_apart(table: Any, prompt_row: Any, params: Params) -> None:
    frame = table(
        "prompts", [prompt_row(f"Write to {n} a short note that says thanks for the {n * 7}") for n in range(500)]
    )
    result = curate(frame, params)
    assert result.metrics["largest_cluster"] == 1 and result.metrics["n_kept"] == 500
