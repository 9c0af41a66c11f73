from typing import Any

import polars as pl
import pytest

from curation.ledger import keep_rows, make_findings, record_drops
from curation.preferences import CuratedPreferences, curate_preferences
from curation.views import read_view
from schemas import ids
from schemas.params import Params
from schemas.tables import check_frame, empty_frame


class World:
    """Prompts with candidates and rankings, curated with the settings as committed."""

    def __init__(self, params: Params, table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any) -> None:
        self.params, self.table = params, table
        self.prompt_row, self.candidate_row, self.ranking_row = prompt_row, candidate_row, ranking_row
        self.rows: dict[str, list[dict[str, Any]]] = {
            n: [] for n in ("rankings", "candidates", "samples", "prompts", "assignments", "labelers")
        }
        self.prompt_drops = empty_frame("dropped")

    def ask(self, text: str, *answers: str, split: str = "train") -> tuple[str, list[str]]:
        """A prompt with candidates; returns its id and theirs."""
        asked = self.prompt_row(text)
        name = asked["prompt_id"]
        rows = [self.candidate_row(name, answer) for answer in answers]
        self.rows["prompts"].append(asked)
        self.rows["candidates"] += rows
        self.rows["assignments"].append({"prompt_id": name, "cluster_id": name, "split": split})
        return name, [row["candidate_id"] for row in rows]

    def rank(self, prompt_id: str, labeler: str, *tiers: list[str], **fields: Any) -> str:
        row = self.ranking_row(prompt_id, labeler, list(tiers), **fields)
        self.rows["rankings"].append(row)
        return str(row["ranking_id"])

    def curate(self, section: Any = None, *, shuffle: bool = False) -> CuratedPreferences:
        frames = {name: self.table(name, rows) for name, rows in self.rows.items()}
        if shuffle:
            frames = {name: frame.sample(fraction=1, shuffle=True, seed=5) for name, frame in frames.items()}
        result = curate_preferences(
            frames["rankings"], empty_frame("ratings"), frames["candidates"], frames["samples"], frames["prompts"],
            frames["assignments"], self.prompt_drops, frames["labelers"],
            params=section or self.params.curate_preferences, near=self.params.near_duplicates, turn=1, seed=1,
        )  # fmt: skip
        check_frame("preferences", result.preferences)
        check_frame("labeler_stats", result.labeler_stats)
        check_frame("dropped", result.dropped)
        return result

    def reasons(self, *arguments: Any) -> set[tuple[str, str, str]]:
        return set(self.curate(*arguments).dropped.select("table_name", "row_id", "reason").iter_rows())


@pytest.fixture
def world(params: Params, table: Any, prompt_row: Any, candidate_row: Any, ranking_row: Any) -> World:
    return World(params, table, prompt_row, candidate_row, ranking_row)


def test_agreed_rankings_become_preferences_of_all_pairs(world: World) -> None:
    p, (a, b, c) = world.ask("What is it?", "good", "fair", "bad")
    for labeler in "lmn":
        world.rank(p, labeler, [a], [b], [c])
    made = world.curate().preferences
    assert {(r["chosen_id"], r["rejected_id"], r["votes_for"]) for r in made.iter_rows(named=True)} == {
        (a, b, 3), (a, c, 3), (b, c, 3)
    }  # fmt: skip
    assert set(made["pair_id"]) == {ids.pair_id(p, x, y) for x, y in ((a, b), (a, c), (b, c))}


def test_all_levels_of_alpha_are_counted_over_kept_labelers_and_over_all(world: World) -> None:
    """Two of three votes on one pair agree: alpha is 1 - (2 / 3) / (4 / 6) = 0, whatever the distance of two values."""
    p, (a, b) = world.ask("What is it?", "good", "bad")
    for labeler, best in (("l", a), ("m", a), ("n", b)):
        world.rank(p, labeler, [best], [b if best == a else a])
    found = world.curate().metrics
    levels = ("krippendorff_alpha", "krippendorff_alpha_ordinal", "krippendorff_alpha_interval_level")
    assert [found[f"{name}_raw"] for name in levels] == pytest.approx([0.0] * 3)
    assert found["labeler_agreement_raw"] == pytest.approx(1 / 3) and set(levels) <= set(found)


def test_ties_and_balanced_votes_are_no_preference(world: World) -> None:
    p, (a, b, c) = world.ask("What is it?", "one", "two", "three")
    world.rank(p, "l", [a, b], [c])
    world.rank(p, "m", [a, b], [c])
    world.rank(p, "n", [a], [b], [c])
    pair = ids.pair_id(p, a, b)
    assert world.reasons() == {("preferences", pair, "tied_consensus")}


def test_identical_and_empty_sides_are_no_comparison(world: World) -> None:
    p, (a, same, empty) = world.ask("What is it?", "An apple.", "an  APPLE.", "")
    ranking = world.rank(p, "l", [a], [same], [empty])
    pairs = {name: ids.pair_id(p, *two) for name, two in (("as", (a, same)), ("ae", (a, empty)), ("se", (same, empty)))}
    assert world.reasons() == {
        ("candidates", empty, "empty"),
        ("comparisons", f"{ranking}:{pairs['as']}", "identical_sides"),
        ("comparisons", f"{ranking}:{pairs['ae']}", "empty_side"),
        ("comparisons", f"{ranking}:{pairs['se']}", "empty_side"),
        *(("preferences", pair, "no_votes_left") for pair in pairs.values()),
    }


def test_labels_of_spoiled_and_benchmark_prompts_go_those_of_duplicates_stay(world: World) -> None:
    rankings = {}
    for text, split in (("noisy", "train"), ("copy", "train"), ("held", "benchmark"), ("kept", "validation")):
        p, (a, b) = world.ask(f"This prompt is {text}", "good answer", "bad answer", split=split)
        rankings[text] = (p, world.rank(p, "l", [a], [b]))
    found = [
        make_findings(pl.DataFrame({"row_id": [rankings[text][0]]}), reason, value=1.0)
        for text, reason in (("noisy", "mojibake"), ("copy", "near_duplicate"))
    ]
    world.prompt_drops = record_drops(found, table="prompts", stage="prompts", turn=1)
    result = world.curate()
    assert set(
        result.dropped.filter(pl.col("table_name") == "rankings").select("row_id", "reason", "matched_id").rows()
    ) == {
        (rankings["noisy"][1], "prompt_dropped", rankings["noisy"][0]),
        (rankings["held"][1], "benchmark_prompt", rankings["held"][0]),
    }
    assert set(result.preferences["prompt_id"]) == {rankings["copy"][0], rankings["kept"][0]}


def test_a_contradiction_drops_the_weaker_pair_or_both(world: World) -> None:
    p, (a, b, a2, b2) = world.ask("What is it?", "An apple.", "A pear.", "an apple.", "a  pear.")
    for labeler in "lmn":
        world.rank(p, labeler, [a], [b])
    world.rank(p, "l", [b2], [a2])
    world.rank(p, "m", [b2, a2])
    strong, weak = ids.pair_id(p, a, b), ids.pair_id(p, a2, b2)
    section = world.params.curate_preferences
    rules = section.rules.model_copy(
        update={"tied_consensus": section.rules.tied_consensus.model_copy(update={"enabled": False})}
    )
    result = world.curate(section.model_copy(update={"rules": rules}))
    assert result.dropped.select("row_id", "reason", "matched_id").rows() == [(weak, "contradictory_pair", strong)]
    world.rows["rankings"] = world.rows["rankings"][:1]
    world.rank(p, "l", [b2], [a2])
    assert {row for row, reason in world.curate().dropped.select("row_id", "reason").rows() if reason[0] == "c"} == {
        strong,
        weak,
    }


def fill(world: World, *, n_prompts: int = 150, seed: int = 0) -> None:
    """Eight honest labelers, right with about .85; one that draws; one contrary; one that takes what is shown first."""
    import random

    rng = random.Random(seed)
    labelers = [f"honest-{i}" for i in range(8)] + ["careless", "contrary", "position"]
    world.rows["labelers"] += [{"labeler_id": n, "kind": "simulated"} for n in [*labelers, "idle"]]
    for number in range(n_prompts):
        answers = [f"answer {quality} to {number} of them" for quality in range(4)]
        p, names = world.ask(f"This is prompt number {number}, is it not?", *answers)
        for labeler in rng.sample(labelers, 5):
            shown = rng.sample(range(4), 4)
            liking = {
                "honest": lambda q: q + rng.gauss(0, 0.9),
                "careless": lambda q: rng.random(),
                "contrary": lambda q: -q + rng.gauss(0, 0.9),
                "position": lambda q, shown=shown: -shown.index(q) + 0.1 * q,
            }[labeler.split("-")[0]]
            order = sorted(range(4), key=liking, reverse=True)
            for round_ in (1, 2) if labeler == "honest-0" else (1,):
                world.rank(
                    p, labeler, *([names[q]] for q in order), shown_order=[names[q] for q in shown], round=round_
                )


def test_bad_labelers_lose_their_rankings_and_are_told_apart(world: World) -> None:
    fill(world)
    result = world.curate()
    drops = result.dropped.filter(pl.col("table_name") == "rankings")
    by_labeler = {(matched, reason) for matched, reason in drops.select("matched_id", "reason").iter_rows()}
    assert by_labeler == {
        ("careless", "unreliable_labeler"), ("contrary", "unreliable_labeler"),
        ("position", "unreliable_labeler"), ("position", "position_biased_labeler"),
    }  # fmt: skip
    assert result.metrics["dropped_labelers"] == ["careless", "contrary", "position"]
    stats = {row["labeler_id"]: row for row in result.labeler_stats.iter_rows(named=True)}
    assert stats["contrary"]["reliability"] < 0.3 < 0.7 < stats["honest-3"]["reliability"]
    assert stats["position"]["position_bias"] > 0.9 and abs(stats["honest-3"]["position_bias"]) < 0.3
    assert stats["honest-3"]["agreement"] > stats["careless"]["agreement"] > stats["contrary"]["agreement"]
    assert stats["honest-0"]["repeat_consistency"] == 1.0 and stats["honest-1"]["repeat_consistency"] is None
    assert stats["idle"]["n_rankings"] == 0 and stats["idle"]["reliability"] is None
    assert result.metrics["labeler_agreement"] > result.metrics["labeler_agreement_raw"]


def test_gold_rankings_tell_who_is_contrary_even_of_a_majority(world: World) -> None:
    for number in range(120):
        p, (a, b, c) = world.ask(f"What is thing number {number}?", f"good {number}", f"fair {number}", f"bad {number}")
        for labeler in ("honest-1", "honest-2"):
            world.rank(p, labeler, [a], [b], [c])
        for labeler in ("contrary-1", "contrary-2", "contrary-3"):
            world.rank(p, labeler, [c], [b], [a])
        if number < 6:
            world.rank(p, "gold", [a], [b], [c])
    contrary, section = ["contrary-1", "contrary-2", "contrary-3"], world.params.curate_preferences
    assert world.curate().metrics["dropped_labelers"] == ["gold", "honest-1", "honest-2"]
    result = world.curate(section.model_copy(update={"gold_labelers": ["gold"]}))
    assert result.metrics["dropped_labelers"] == contrary
    assert (result.metrics["gold_accuracy"], result.metrics["gold_accuracy_raw"]) == (1.0, pytest.approx(0.4))
    stats = {row["labeler_id"]: row for row in result.labeler_stats.iter_rows(named=True)}
    assert stats["contrary-1"]["gold_accuracy"] == 0.0 and stats["honest-1"]["gold_accuracy"] == 1.0
    assert stats["gold"]["reliability"] == 1.0 and stats["gold"]["agreement"] is None
    assert result.preferences.height == 3 * 120 and result.metrics["kendall_w"] == 1.0


@pytest.mark.parametrize("method", ["bradley_terry", "newman", "plackett_luce"])
def test_a_model_of_the_prompt_decides_where_params_say_so(world: World, method: str) -> None:
    p, (a, b, c) = world.ask("What is it?", "good", "fair", "bad")
    for labeler in "lmn":
        world.rank(p, labeler, [a], [b], [c])
    section = world.params.curate_preferences
    consensus = section.consensus.model_copy(update={"method": method})
    made = world.curate(section.model_copy(update={"consensus": consensus})).preferences
    assert set(made.select("chosen_id", "rejected_id").iter_rows()) == {(a, b), (a, c), (b, c)}
    weights = {(r["chosen_id"], r["rejected_id"]): r["weight"] for r in made.iter_rows(named=True)}
    assert 0 < weights[a, b] < weights[a, c] < 1  # the ends are surest to differ
    assert world.curate().preferences["weight"].to_list() == [None] * 3


def test_every_judged_pair_is_a_preference_or_says_why_not(world: World) -> None:
    fill(world, n_prompts=60)
    p, names = world.ask("One more?", "", "fine", "Fine")
    world.rank(p, "honest-1", *([name] for name in names))
    result = world.curate()
    frames = {name: world.table(name, rows) for name, rows in world.rows.items()}
    judged = set(read_view("comparisons", {"rankings": frames["rankings"]})["pair_id"])
    gone = set(result.dropped.filter(pl.col("table_name") == "preferences")["row_id"])
    assert set(result.preferences["pair_id"]) | gone == judged
    assert not set(result.preferences["pair_id"]) & gone
    for name in ("rankings", "candidates"):
        out = result.dropped.filter(pl.col("table_name") == name)["row_id"].n_unique()
        assert keep_rows(name, frames[name], result.dropped).height + out == frames[name].height
    again = world.curate(shuffle=True)
    assert again.preferences.equals(result.preferences) and again.labeler_stats.equals(result.labeler_stats)
    assert again.dropped.equals(result.dropped) and again.metrics == result.metrics
    pairs = read_view(
        "preference_pairs",
        {**frames, "preferences": result.preferences, "labeler_stats": result.labeler_stats, "dropped": result.dropped},
    )
    assert pairs["pair_id"].equals(result.preferences["pair_id"])
    assert (
        pairs["weight"].is_between(0, 1, closed="right").all()
        and pairs["margin"].is_between(0, 1, closed="right").all()
    )


def test_nothing_to_curate(world: World) -> None:
    result = world.curate()
    assert result.preferences.height == result.dropped.height == result.labeler_stats.height == 0
    assert result.metrics["labeler_agreement"] is None
