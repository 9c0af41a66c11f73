from typing import Any

import polars as pl
import pytest

from curation.ledger import combine_drops, make_findings, record_drops
from curation.preference_audit import NOTHING_READ, Readings, Tables, audit_preferences
from curation.preferences import CuratedPreferences, curate_preferences
from curation.views import read_view
from schemas import ids
from schemas.messages import make_message
from schemas.params import Params
from schemas.tables import check_frame, empty_frame

TABLES = ("rankings", "candidates", "samples", "prompts", "assignments", "labelers")


class Labels:
    """Rankings of one prompt's two candidates each, by labeler l unless said otherwise."""

    def __init__(self, params: Params, table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any) -> None:
        self.params, self.table = params, table
        self.prompt_row, self.candidate_row, self.ranking_row = prompt_row, candidate_row, ranking_row
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}

    def add(self, prompt: str, chosen: str, rejected: str, *, split: str = "train", **ranking: Any) -> str:
        """A prompt whose chosen answer was ranked above the rejected one; returns the pair's id."""
        asked = self.prompt_row(prompt)
        name = asked["prompt_id"]
        sides = [self.candidate_row(name, text) for text in (chosen, rejected)]
        self.rows["prompts"].append(asked)
        self.rows["candidates"] += sides
        self.rows["assignments"].append({"prompt_id": name, "cluster_id": name, "split": split})
        return self.rank(name, *(side["candidate_id"] for side in sides), **ranking)

    def rank(self, prompt_id: str, chosen: str, rejected: str, labeler: str = "l", **fields: Any) -> str:
        self.rows["rankings"].append(self.ranking_row(prompt_id, labeler, [[chosen], [rejected]], **fields))
        return ids.pair_id(prompt_id, chosen, rejected)

    def frames(self) -> dict[str, pl.DataFrame]:
        return {name: self.table(name, rows) for name, rows in self.rows.items()}

    def curate(
        self, actions: dict[str, str] | None = None, readings: Readings = NOTHING_READ, **more: Any
    ) -> CuratedPreferences:
        frames, section = self.frames(), self.params.curate_preferences
        checks = section.audit.checks
        changed = {
            name: getattr(checks, name).model_copy(update={"enabled": True, "action": action})
            for name, action in (actions or {}).items()
        }
        audit = section.audit.model_copy(update={"checks": checks.model_copy(update=changed)})
        result = curate_preferences(
            frames["rankings"], empty_frame("ratings"), frames["candidates"], frames["samples"], frames["prompts"],
            frames["assignments"], empty_frame("dropped"), frames["labelers"],
            params=section.model_copy(update={"audit": audit}), near=self.params.near_duplicates, turn=1, seed=1,
            readings=readings, **more,
        )  # fmt: skip
        check_frame("pair_findings", result.findings)
        return result

    def found(self, readings: Readings = NOTHING_READ) -> set[tuple[str, str]]:
        return set(self.curate(readings=readings).findings.select("pair_id", "reason").iter_rows())


@pytest.fixture
def labels(params: Params, table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any) -> Labels:
    return Labels(params, table, prompt_row, candidate_row, ranking_row)


def test_ordinary_pairs_are_not_found(labels: Labels) -> None:
    for number in range(5):
        labels.add(f"What is {number}?", f"It is {number}.", f"It is {number + 1}.")
    result = labels.curate()
    assert not result.findings.height and not result.dropped.height and result.preferences.height == 5
    assert result.audited == {"pairs_found": 0}


def test_rankings_of_what_is_not_there_are_dropped_and_counted(labels: Labels) -> None:
    good = labels.add("Name a fruit", "An apple.", "A dog.")
    prompt = labels.rows["prompts"][0]["prompt_id"]
    unknown = labels.rank(prompt, labels.rows["candidates"][0]["candidate_id"], "f" * 32)
    orphan = labels.rank("e" * 32, "d" * 32, "c" * 32)
    labels.add("Name a colour", "Red.", "Loud.")
    foreign = labels.rank(
        prompt, labels.rows["candidates"][0]["candidate_id"], labels.rows["candidates"][2]["candidate_id"]
    )
    result = labels.curate()
    drops = result.dropped.filter(pl.col("table_name") == "preferences").select("row_id", "reason")
    assert set(drops.iter_rows()) == {
        (unknown, "unknown_candidate"), (orphan, "unknown_candidate"), (orphan, "unknown_prompt"),
        (foreign, "no_shared_prompt"),
    }  # fmt: skip
    assert good in result.preferences["pair_id"] and result.preferences.height == 2
    assert result.audited == {
        "pairs_found": 3, "drop": {"no_shared_prompt": 1, "unknown_candidate": 2, "unknown_prompt": 1}
    }  # fmt: skip


def test_findings_that_down_weight_multiply_a_pairs_weight(labels: Labels) -> None:
    echo = "Tell me the name of any fruit"
    pair = labels.add(echo, f"{echo}.", "A dog.", seconds=0.001)
    other = labels.add("Name a colour", "Red.", "Loud.")
    labels.rows["labelers"].append({"labeler_id": "l", "kind": "person"})
    weights = {}
    for actions in ({}, {"prompt_echoed": "down_weight"}, {"prompt_echoed": "down_weight", "too_fast": "down_weight"}):
        result = labels.curate(actions)
        derived = {
            "preferences": result.preferences, "labeler_stats": result.labeler_stats,
            "pair_findings": result.findings, "dropped": result.dropped,
        }  # fmt: skip
        view = read_view("preference_pairs", labels.frames() | derived)
        weights[len(actions)] = dict(view.select("pair_id", "weight").iter_rows())
    assert weights[1][pair] == weights[0][pair] / 2 and weights[2][pair] == weights[0][pair] / 4
    assert weights[0][other] == weights[1][other] == weights[2][other] > 0


def test_only_persons_are_too_fast(labels: Labels) -> None:
    # some 60 characters in a tenth of a second, and in four seconds
    fast = labels.add("Name a fruit that is red or green", "An apple.", "A dog.", labeler="p", seconds=0.1)
    labels.add("Name a fruit that is long", "A banana.", "A dog.", labeler="p", seconds=4.0)
    labels.add("Name a fruit that is round", "A melon.", "A dog.", labeler="s", seconds=0.1)
    labels.add("Name a fruit that is small", "A berry.", "A dog.", labeler="p")
    labels.rows["labelers"] += [{"labeler_id": "p", "kind": "person"}, {"labeler_id": "s", "kind": "simulated"}]
    assert labels.found() == {(fast, "too_fast")}


def test_a_ranking_takes_the_time_to_read_all_that_it_ranks(labels: Labels) -> None:
    # 23 characters of the prompt and 4 x 25 of the answers in a second are too fast, 23 + 2 x 25 would not be
    asked = labels.prompt_row("Name a number, any will")
    answers = [labels.candidate_row(asked["prompt_id"], f"One such number is {n:05d}.") for n in range(4)]
    names = [row["candidate_id"] for row in answers]
    labels.rows["prompts"].append(asked)
    labels.rows["candidates"] += answers
    labels.rows["labelers"].append({"labeler_id": "p", "kind": "person"})
    labels.rows["rankings"].append(labels.ranking_row(asked["prompt_id"], "p", [[n] for n in names], seconds=1.0))
    assert {reason for _, reason in labels.found()} == {"too_fast"} and len(labels.found()) == 6


def test_the_order_shown_is_read_from_the_rankings(labels: Labels) -> None:
    pairs = set()
    for number in range(60):
        shown = [
            labels.candidate_row(labels.prompt_row(f"Name fruit {number}")["prompt_id"], text)["candidate_id"]
            for text in ("An apple.", "A dog.")
        ]
        pairs.add(labels.add(f"Name fruit {number}", "An apple.", "A dog.", shown_order=shown))
    assert labels.found() == {(pair, "position_bias") for pair in pairs}


def test_dropped_votes_speak_for_nothing(labels: Labels) -> None:
    pair = labels.add("Name a fruit that is red or green", "An apple.", "A dog.", labeler="fast", seconds=0.1)
    sides = [row["candidate_id"] for row in labels.rows["candidates"]]
    for name in ("slow", "slower"):
        labels.rank(labels.rows["prompts"][0]["prompt_id"], *sides, labeler=name, seconds=60.0)
    labels.rows["labelers"] += [{"labeler_id": name, "kind": "person"} for name in ("fast", "slow", "slower")]
    frames = labels.frames()
    comparisons = read_view("comparisons", frames).filter(pl.col("first_id") < pl.col("second_id"))
    preferences = labels.curate().preferences
    gone = {row["labeler_id"]: row for row in comparisons.to_dicts()}
    drops = [
        record_drops([make_findings(pl.DataFrame({"row_id": [gone[name][key]]}), "x")], table=table, stage="x", turn=1)
        for table, name, key in (("rankings", "slow", "ranking_id"), ("comparisons", "slower", "comparison_id"))
    ]
    for dropped, found in ((drops[:1], []), (drops[1:], []), (drops, [(pair, "too_fast")])):
        tables = Tables(
            frames["rankings"], frames["candidates"], frames["prompts"], empty_frame("demonstrations"),
            frames["assignments"], frames["labelers"], empty_frame("labeler_stats"), combine_drops(dropped),
        )  # fmt: skip
        findings = audit_preferences(
            preferences, pl.DataFrame({"pair_id": [pair], "margin": [1.0]}), comparisons, tables,
            audit=labels.params.curate_preferences.audit, near=labels.params.near_duplicates, readings=NOTHING_READ,
        )  # fmt: skip
        assert findings.select("pair_id", "reason").rows() == found


def test_each_side_is_held_against_benchmark_prompts(labels: Labels) -> None:
    text = "Write a letter to the baker of our village and thank her for the bread of last week"
    labels.add(text, "Dear baker, thank you.", "No.", split="benchmark")
    held = labels.rows["prompts"][0]["prompt_id"]
    chosen = labels.add("Repeat what you were asked", text, "No.")
    rejected = labels.add("What were you asked before this", "Nothing.", f"I was told: {text.lower()}")
    findings = labels.curate().findings.filter(pl.col("reason").str.starts_with("benchmark"))
    assert set(findings.select("pair_id", "reason", "matched_id").iter_rows()) == {
        (chosen, "benchmark_in_chosen", held), (rejected, "benchmark_in_rejected", held)
    }  # fmt: skip


def test_sides_that_repeat_a_demonstration_are_named_beside_it(labels: Labels) -> None:
    told = " ".join(f"w{n}" for n in range(30))
    asked = "Tell me all the words that you know"
    pair = labels.add(asked, f"{told} more", "None.")
    labels.add("Tell me some other words that you know", f"{told} more", "None.")  # 2 of 10 shingles of the prompts
    labels.add("Name a fruit that is red", "An apple.", "A dog.")
    prompts = [row["prompt_id"] for row in labels.rows["prompts"]]
    taught = [labels.candidate_row(prompts[0], text) for text in (f"{told} yet more", told, "So many.")]
    rows = [{"demonstration_id": f"d{n}", **row} for n, row in enumerate(taught)]
    demonstrations = labels.table("demonstrations", rows)
    for order in (demonstrations, demonstrations.reverse()):
        result = labels.curate({"repeated_demonstration": "warn"}, demonstrations=order)
        # the prompt's 6 shingles; of the reply's 29, 28 of "told"
        found = result.findings.select("pair_id", "reason", "action", "value", "threshold", "matched_id").rows()
        assert found == [(pair, "repeated_demonstration", "warn", 34 / 35, 0.8, "d1")]
        assert result.preferences.height == 3
    dropped = labels.curate({"repeated_demonstration": "drop"}, demonstrations=demonstrations).dropped
    assert dropped.select("table_name", "row_id", "reason", "matched_id").rows() == [
        ("preferences", pair, "repeated_demonstration", "d1")
    ]


def test_tokens_and_rewards_are_judged_where_they_are_given(labels: Labels) -> None:
    pairs = [labels.add(f"Name {n} fruits", f"Some {n} apples.", f"My {n} dogs.") for n in range(3)]
    names = [row["candidate_id"] for row in labels.rows["candidates"]]
    # the first pair is the same up to its fourth token, the second is short, the third differs at once
    encoded = [[1, 2, 3, 4], [1, 2, 3, 5], [1, 2], [1, 3], [1, 2, 3, 4], [2, 2, 3, 4]]
    tokens = pl.DataFrame({"candidate_id": names, "tokens": encoded})
    scores = pl.DataFrame({"candidate_id": names[:4], "score": [0.0, 4.0, 1.0, 1.0]})
    assert labels.found() == set()
    assert labels.found(Readings(tokens, NOTHING_READ.scores, 4)) == set()
    assert labels.found(Readings(tokens, scores, 3)) == {
        (pairs[0], "identical_after_truncation"), (pairs[0], "over_long"), (pairs[2], "over_long"),
        (pairs[0], "reward_opposed"),
    }  # fmt: skip


def test_answers_that_differ_in_a_call_of_a_tool_are_not_the_same(labels: Labels) -> None:
    pair = labels.add("What is the weather", "x", "y")
    for row, called in zip(labels.rows["candidates"], ("[1]", "[2]"), strict=True):
        row["completion"] = [
            make_message("assistant", None, tool_calls=called), make_message("tool", "rain"),
            make_message("assistant", "It rains."),
        ]  # fmt: skip
    result = labels.curate()
    assert result.preferences["pair_id"].to_list() == [pair]
    assert not result.dropped.height and not result.findings.height


def test_the_view_audit_says_all_that_was_found_of_a_pair(labels: Labels) -> None:
    echo = "Tell me the name of any fruit"
    warned = labels.add(echo, f"{echo}.", "A dog.")
    same = labels.add("Name a colour", "Red.", "red.")
    result = labels.curate()
    view = read_view("audit", {"pair_findings": result.findings, "dropped": result.dropped})
    assert set(view.select("pair_id", "reason", "action").iter_rows()) == {
        (warned, "prompt_echoed", "warn"), (same, "identical_sides", "drop"), (same, "no_votes_left", "drop")
    }  # fmt: skip


def test_a_drop_of_the_audit_is_in_the_ledger_with_what_decided(labels: Labels) -> None:
    echo = "Tell me the name of any fruit"
    pair = labels.add(echo, f"{echo}.", "A dog.")
    result = labels.curate({"prompt_echoed": "drop"})
    [row] = result.dropped.to_dicts()
    assert (row["table_name"], row["row_id"], row["reason"]) == ("preferences", pair, "prompt_echoed")
    # 29 characters of the prompt in 30 of the answer
    assert row["value"] == pytest.approx(29 / 30) and row["threshold"] == 0.5
    assert not result.preferences.height and not result.findings.height
