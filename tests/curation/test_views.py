import re
from importlib.resources import files
from math import log
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kappas import cohen_kappas
from curation.ledger import keep_rows, make_findings, record_drops
from curation.statements import VIEWS, read_sql
from curation.views import read_view
from schemas import ids
from schemas.tables import TABLES


def verdicts(frame: pl.DataFrame) -> dict[tuple[str, str], str]:
    return {(a, b): v for a, b, v in frame.select("first_id", "second_id", "verdict").iter_rows()}


def drop(table: str, *row_ids: str) -> pl.DataFrame:
    found = make_findings(pl.DataFrame({"row_id": row_ids}, schema={"row_id": pl.String}), "because", value=1.0)
    return record_drops([found], table=table, stage="test", turn=1)


def test_tiers_become_comparisons_in_both_directions(table: Any, ranking_row: Any) -> None:
    rankings = table("rankings", [ranking_row("p", "l", [["a"], ["b", "c"]])])
    frame = read_view("comparisons", {"rankings": rankings})
    assert verdicts(frame) == {
        ("a", "b"): "first", ("b", "a"): "second", ("a", "c"): "first", ("c", "a"): "second",
        ("b", "c"): "tie", ("c", "b"): "tie",
    }  # fmt: skip
    assert set(frame["pair_id"]) == {ids.pair_id("p", *pair) for pair in ("ab", "ac", "bc")}
    expected = rankings["ranking_id"][0] + ":" + frame["pair_id"]
    assert frame["comparison_id"].equals(expected.alias("comparison_id"))


def test_a_view_that_is_given_is_not_worked_out_again(table: Any, ranking_row: Any) -> None:
    rankings = table("rankings", [ranking_row("p", "l", [["a"], ["b", "c"]]), ranking_row("p", "m", [["b"], ["a"]])])
    comparisons = read_view("comparisons", {"rankings": rankings})
    votes = read_view("pair_votes", {"rankings": rankings})
    assert votes.equals(read_view("pair_votes", {"rankings": rankings, "comparisons": comparisons}))
    some = read_view(
        "pair_votes", {"rankings": rankings, "comparisons": comparisons.filter(pl.col("labeler_id") == "m")}
    )
    assert some.select("n_first", "n_second").rows() == [(0, 1)], "m alone judged, and put b before a"


def test_an_untied_tier_and_absent_candidates_are_unjudged(table: Any, ranking_row: Any) -> None:
    tiers = [{"candidate_ids": ["a"], "tied": False}, {"candidate_ids": ["b", "c"], "tied": False}]
    rankings = table("rankings", [ranking_row("p", "l", [["a", "b", "c", "d"]], tiers=tiers)])
    assert set(verdicts(read_view("comparisons", {"rankings": rankings}))) == {
        ("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")
    }  # fmt: skip


def test_places_shown_are_counted_from_one(table: Any, ranking_row: Any) -> None:
    rows = [ranking_row("p", "l", [["a"], ["b"]], shown_order=["b", "x", "a"]), ranking_row("p", "m", [["a"], ["b"]])]
    frame = read_view("comparisons", {"rankings": table("rankings", rows)}).filter(pl.col("first_id") == "a")
    shown = dict(frame.select("labeler_id", pl.struct("first_shown", "second_shown")).iter_rows())
    assert shown == {
        "l": {"first_shown": 3, "second_shown": 1}, "m": {"first_shown": None, "second_shown": None}
    }  # fmt: skip


def test_a_skipped_ranking_judges_nothing(table: Any, ranking_row: Any) -> None:
    rankings = table("rankings", [ranking_row("p", "l", [["a"], ["b"]], skip_reason="unclear")])
    assert read_view("comparisons", {"rankings": rankings}).height == 0


PARTITIONS = st.lists(st.tuples(st.lists(st.sampled_from("abcde"), max_size=3), st.booleans()), max_size=4)


@settings(max_examples=30, deadline=None)
@given(PARTITIONS)
def test_comparisons_agree_with_the_tiers(table: Any, ranking_row: Any, drawn: list[tuple[list[str], bool]]) -> None:
    seen: set[str] = set()
    tiers = []
    for names, tied in drawn:
        fresh = sorted(set(names) - seen)
        seen |= set(fresh)
        if fresh:
            tiers.append({"candidate_ids": fresh, "tied": tied})
    frame = read_view("comparisons", {"rankings": table("rankings", [ranking_row("p", "l", [["z"]], tiers=tiers)])})
    expected = {}
    for i, above in enumerate(tiers):
        for below in tiers[i + 1 :]:
            for a in above["candidate_ids"]:
                for b in below["candidate_ids"]:
                    expected |= {(a, b): "first", (b, a): "second"}
        if above["tied"]:
            names = above["candidate_ids"]
            expected |= {(a, b): "tie" for a in names for b in names if a != b}
    assert verdicts(frame) == expected


@pytest.mark.parametrize("name", ["prompts", "candidates", "rankings"])
def test_curated_views_are_raw_minus_dropped(
    name: str, table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any
) -> None:
    rows = {
        "prompts": [prompt_row(t) for t in "abc"],
        "candidates": [candidate_row("p", t) for t in "abc"],
        "rankings": [ranking_row("p", t, [["a"], ["b"]]) for t in "abc"],
    }[name]
    raw = table(name, rows)
    dropped = drop(name, raw.to_series(0)[1], "unknown")
    kept = read_view(f"curated_{name}", {name: raw, "dropped": dropped})
    assert kept.to_series(0).to_list() == keep_rows(name, raw, dropped).to_series(0).to_list()
    assert kept.to_series(0).to_list() == [raw.to_series(0)[0], raw.to_series(0)[2]]
    assert kept.columns == raw.columns


def test_a_comparison_counts_unless_it_or_its_ranking_or_a_side_is_dropped(table: Any, ranking_row: Any) -> None:
    rankings = table("rankings", [ranking_row("p", t, [["a"], ["b"], ["c"]]) for t in "lm"])
    first, second = rankings.sort("labeler_id")["ranking_id"]
    frames = {"rankings": rankings}
    assert read_view("curated_comparisons", frames).height == 12
    gone = {
        "rankings": drop("rankings", first),
        "candidates": drop("candidates", "a"),
        "comparisons": drop("comparisons", f"{second}:{ids.pair_id('p', 'b', 'c')}"),
    }
    left = {name: read_view("curated_comparisons", {**frames, "dropped": d}) for name, d in gone.items()}
    assert set(left["rankings"]["ranking_id"]) == {second} and left["rankings"].height == 6
    assert set(verdicts(left["candidates"])) == {("b", "c"), ("c", "b")} and left["candidates"].height == 4
    assert left["comparisons"].height == 10


def stats(table: Any, **reliability: float | None) -> pl.DataFrame:
    return table(
        "labeler_stats", [{"labeler_id": n, "n_rankings": 1, "reliability": r} for n, r in reliability.items()]
    )


def test_votes_weigh_the_log_odds_of_reliability(table: Any, ranking_row: Any) -> None:
    rows = [
        ranking_row("p", "l", [["a"], ["b"]]),
        ranking_row("p", "m", [["b"], ["a"]]),
        ranking_row("p", "n", [["a", "b"]]),
    ]
    frames = {"rankings": table("rankings", rows), "labeler_stats": stats(table, l=0.9, m=0.75, n=0.6)}
    (row,) = read_view("pair_votes", frames).rows(named=True)
    assert (row["n_first"], row["n_second"], row["n_tie"]) == (1, 1, 1)
    # odds 9, 3 and 1.5: the first side is better with 9 / (9 + 3)
    assert row["probability_first"] == pytest.approx(0.75)
    assert row["margin"] == pytest.approx((log(9) - log(3)) / (log(9) + log(3) + log(1.5)))


def test_two_labelers_agree_as_agreement_and_kappa_say(table: Any, ranking_row: Any) -> None:
    said = {"l": "abbtabta", "m": "abbtbbaa", "n": "tab"}
    tiers = {"a": [["a"], ["b"]], "b": [["b"], ["a"]], "t": [["a", "b"]]}
    rows = [ranking_row(f"p{i}", name, tiers[v]) for name, verdicts in said.items() for i, v in enumerate(verdicts)]
    rows.append(ranking_row("p0", "l", tiers["b"], round=2))  # only first rounds count
    frames = {"rankings": table("rankings", rows)}
    first = read_view("comparisons", frames).filter((pl.col("first_id") == "a") & (pl.col("round") == 1))
    votes = first.select("labeler_id", "verdict", item_id="pair_id")
    found = read_view("labeler_pairs", frames)
    expected = cohen_kappas(votes)
    assert found.select("labeler_id", "other_id", "n_pairs").rows() == expected.select(pl.nth(0, 1, 2)).rows()
    assert found["kappa"].to_list() == pytest.approx(expected["kappa"].to_list())
    # l and m: 6 of 8 equal, one tie against a strict verdict
    assert found.row(0)[3] == pytest.approx(6.5 / 8)


def test_ranked_candidates_are_kept_ones_with_what_their_rankings_weigh(table: Any, ranking_row: Any) -> None:
    rows = [ranking_row("p", "l", [["a"], ["b", "c"]], round=number) for number in (1, 2)]
    rows += [ranking_row("p", "m", [["c"]]), ranking_row("p", "n", [["a"]], skip_reason="no")]
    candidates = [{"candidate_id": name, "prompt_id": "p", "completion": []} for name in "abc"]
    stats = [{"labeler_id": "l", "n_rankings": 2, "reliability": 0.8}]
    frames = {
        "rankings": table("rankings", rows), "candidates": table("candidates", candidates),
        "labeler_stats": table("labeler_stats", stats), "dropped": drop("candidates", "c"),
    }  # fmt: skip
    found = read_view("ranked_candidates", frames)
    # two rounds share the weight ln(.8 / .2); c is dropped, n skipped
    expected = {("a", 1, True), ("b", 2, True)}
    assert set(found.select("candidate_id", "tier", "tied").iter_rows()) == expected and found.height == 4
    assert found["weight"].to_list() == pytest.approx([log(4) / 2] * 4)


def test_unknown_labelers_weigh_as_the_mean_and_rounds_share_a_vote(table: Any, ranking_row: Any) -> None:
    rows = [
        ranking_row("p", "l", [["a"], ["b"]], round=1),
        ranking_row("p", "l", [["a"], ["b"]], round=2),
        ranking_row("p", "l", [["a"], ["b"]], round=3),
        ranking_row("p", "x", [["b"], ["a"]], round=1),
        ranking_row("p", "x", [["b"], ["a"]], round=2),
    ]
    frames = {"rankings": table("rankings", rows), "labeler_stats": stats(table, l=0.8, x=None)}
    (row,) = read_view("pair_votes", frames).rows(named=True)
    assert row["weight_first"] == pytest.approx(row["weight_second"])
    assert (row["n_first"], row["n_second"]) == (3, 2)


def test_preference_pairs_are_what_a_trainer_reads(
    table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any
) -> None:
    asked = prompt_row("What is it?")
    p = asked["prompt_id"]
    good, bad = candidate_row(p, "good"), candidate_row(p, "bad")
    chosen, rejected = good["candidate_id"], bad["candidate_id"]
    pair = ids.pair_id(p, chosen, rejected)
    frames = {
        "prompts": table("prompts", [asked]),
        "candidates": table("candidates", [good, bad]),
        "rankings": table("rankings", [ranking_row(p, "l", [[chosen], [rejected]])]),
        "labeler_stats": stats(table, l=0.8),
        "assignments": table("assignments", [{"prompt_id": p, "cluster_id": p, "split": "validation"}]),
        "preferences": table(
            "preferences",
            [{"pair_id": pair, "prompt_id": p, "chosen_id": chosen, "rejected_id": rejected,
              "votes_for": 1, "votes_against": 0, "votes_tie": 0}],
        ),
    }  # fmt: skip
    (row,) = read_view("preference_pairs", frames).rows(named=True)
    assert row["messages"] == asked["messages"] and row["split"] == "validation"
    assert row["chosen"][0]["content"] == "good" and row["rejected"][0]["content"] == "bad"
    # one vote, right with .8: margin 1, weight .8 - .2
    assert (row["margin"], row["weight"]) == (1.0, pytest.approx(0.6))


def test_lineage_leads_from_a_model_to_everything_behind_it(table: Any, ranking_row: Any) -> None:
    pair = ids.pair_id("p", "a", "b")
    ranking = ranking_row("p", "l", [["a"], ["b"]])
    origin = {"source": "sandbox", "external_id": "1", "turn": 1, "licence": "own"}
    frames = {
        "training_rows": table("training_rows", [{"model": "m", "row_id": pair, "table_name": "preferences"}]),
        "preferences": table("preferences", [
            {"pair_id": pair, "prompt_id": "p", "chosen_id": "a", "rejected_id": "b",
             "votes_for": 1, "votes_against": 0, "votes_tie": 0}]),
        "rankings": table("rankings", [ranking]),
        "samples": table("samples", [{"candidate_id": c, "policy": "md5", "sample_index": 0, "turn": 1} for c in "ab"]),
        "origins": table("origins", [{**origin, "row_id": "p", "table_name": "prompts"}]),
    }  # fmt: skip
    found = read_view("lineage", frames).select("model", "row_id", "from_table", "from_id", "source")
    assert set(found.rows()) == {
        ("m", pair, "preferences", pair, None),
        ("m", pair, "prompts", "p", "sandbox"),
        ("m", pair, "candidates", "a", "md5"),
        ("m", pair, "candidates", "b", "md5"),
        ("m", pair, "rankings", ranking["ranking_id"], "l"),
    }


def test_only_rankings_that_count_are_behind_a_preference(table: Any, ranking_row: Any) -> None:
    pair = ids.pair_id("p", "a", "b")
    kept, dropped, silenced = (ranking_row("p", labeler, [["a"], ["b"]]) for labeler in ("ann", "bob", "cyd"))
    frames = {
        "training_rows": table("training_rows", [{"model": "m", "row_id": pair, "table_name": "preferences"}]),
        "preferences": table("preferences", [
            {"pair_id": pair, "prompt_id": "p", "chosen_id": "a", "rejected_id": "b",
             "votes_for": 1, "votes_against": 0, "votes_tie": 0}]),
        "rankings": table("rankings", [kept, dropped, silenced]),
        "dropped": pl.concat([
            drop("rankings", dropped["ranking_id"]), drop("comparisons", f"{silenced['ranking_id']}:{pair}")]),
    }  # fmt: skip
    behind = read_view("lineage", frames).filter(pl.col("from_table") == "rankings")
    assert behind.select("from_id", "source").rows() == [(kept["ranking_id"], "ann")]


def test_texts_are_read_without_opening_messages(table: Any, candidate_row: Any) -> None:
    history = [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello"), ("user", "Who are you?")]
    messages = [{"role": role, "content": text} for role, text in history]
    asked = {"prompt_id": "p", "messages": messages, "conversation_id": "c", "kind": "chat"}
    good, bad = candidate_row("p", "An engine."), candidate_row("p", "Why?")
    called = {"role": "assistant", "content": None, "tool_calls": '[{"name": "look"}]', "train": True}
    answer = {"role": "assistant", "content": "Found it.", "train": True}
    frames = {
        "prompts": table("prompts", [asked]),
        "candidates": table("candidates", [good, bad]),
        "demonstrations": table(
            "demonstrations", [{"demonstration_id": "d", "prompt_id": "p", "completion": [called, answer]}]
        ),
        "preferences": table(
            "preferences",
            [{"pair_id": "x", "prompt_id": "p", "chosen_id": good["candidate_id"], "rejected_id": bad["candidate_id"],
              "votes_for": 1, "votes_against": 0, "votes_tie": 0}],
        ),
    }  # fmt: skip
    prompt = "system: Be brief.\n\nuser: Hi\n\nassistant: Hello\n\nuser: Who are you?"
    (row,) = read_view("texts", frames).rows(named=True)
    assert (row["prompt"], row["chosen"], row["rejected"]) == (prompt, "An engine.", "Why?")
    assert (row["pair_id"], row["kind"], row["split"]) == ("x", "chat", None)
    (shown,) = read_view("demonstration_texts", frames).rows(named=True)
    assert shown["completion"] == 'assistant: [{"name": "look"}]\n\nassistant: Found it.'
    frames["dropped"] = drop("candidates", bad["candidate_id"])
    (kept,) = read_view("candidate_texts", frames).rows(named=True)
    assert (kept["prompt"], kept["completion"]) == (prompt, "An engine.")


def test_every_sql_file_is_a_view_and_opens_with_what_it_reads_and_gives() -> None:
    names = {f.name.removesuffix(".sql") for f in (files("curation") / "sql").iterdir() if f.name.endswith(".sql")}
    assert names == set(VIEWS)
    for view in VIEWS:
        text = read_sql(view)
        assert re.match(r"-- inputs: .+\n(-- .+\n)*?-- one row per ", text), view
        code = re.sub(r"--.*", "", text)
        # a table less what was dropped is as the table lies: sorting all its text takes longer than reading it
        ending = "" if view.removeprefix("curated_") in TABLES else "ORDER BY"
        assert "\nfinal AS (" in code and f"SELECT * FROM final\n{ending}" in code and ";" not in code


def test_unknown_views_and_tables_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="no view 'nothing'"):
        read_sql("nothing")
    with pytest.raises(ValueError, match=r"no tables \['nothing'\]"):
        read_view("comparisons", {"nothing": pl.DataFrame()})
