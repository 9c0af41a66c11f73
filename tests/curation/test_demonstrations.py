from typing import Any

import polars as pl
import pytest
from windows import window

from curation.demonstrations import curate_demonstrations
from curation.ledger import keep_rows, make_findings, record_drops
from schemas import ids
from schemas.messages import assistant_completion, make_message
from schemas.params import Params
from schemas.tables import check_frame, empty_frame


@pytest.fixture(scope="module")
def demonstration_row() -> Any:
    def make(prompt: dict[str, Any], text: str, **train: bool) -> dict[str, Any]:
        completion = [{**m, "train": True} for m in assistant_completion(text)]
        name = ids.demonstration_id(prompt["prompt_id"], completion)
        return {"demonstration_id": name, "prompt_id": prompt["prompt_id"], "completion": completion}

    return make


class World:
    """Prompts, their splits and demonstrations, curated with the settings as committed."""

    def __init__(self, table: Any, params: Params) -> None:
        self.table, self.params = table, params
        self.prompts: list[dict[str, Any]] = []
        self.splits: dict[str, str] = {}
        self.rows: list[dict[str, Any]] = []
        self.origins: list[dict[str, Any]] = []
        self.prompt_drops = empty_frame("dropped")
        self.scores: list[dict[str, Any]] = []

    def ask(self, prompt: dict[str, Any], split: str = "train") -> dict[str, Any]:
        self.prompts.append(prompt)
        self.splits[prompt["prompt_id"]] = split
        return prompt

    def add(self, row: dict[str, Any], turn: int = 1) -> str:
        self.rows.append(row)
        name = row["demonstration_id"]
        self.origins.append(
            {"row_id": name, "source": "s", "external_id": name, "table_name": "demonstrations", "turn": turn}
        )
        return name

    def curate(self, params: Any = None, shuffle: bool = False) -> pl.DataFrame:
        frames = [
            self.table("demonstrations", self.rows),
            self.table("prompts", self.prompts),
            self.table("assignments", [{"prompt_id": p, "cluster_id": p, "split": s} for p, s in self.splits.items()]),
            self.prompt_drops,
            self.table("origins", self.origins),
            self.table("scores", self.scores),
        ]
        if shuffle:
            frames = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in frames]
        dropped = curate_demonstrations(
            *frames, params=params or self.params.curate_demonstrations, near=self.params.near_duplicates, turn=2
        )
        check_frame("dropped", dropped)
        return dropped

    def reasons(self, *arguments: Any) -> set[tuple[str, str, str | None]]:
        return set(self.curate(*arguments).select("row_id", "reason", "matched_id").iter_rows())


@pytest.fixture
def world(table: Any, params: Params) -> World:
    return World(table, params)


def test_a_good_demonstration_stays(world: World, prompt_row: Any, demonstration_row: Any) -> None:
    world.add(demonstration_row(world.ask(prompt_row("What is an apple?")), "It is a fruit."))
    assert world.curate().height == 0


def test_noise_is_judged_beside_the_prompt(world: World, prompt_row: Any, demonstration_row: Any) -> None:
    asked = world.ask(prompt_row("What is the capital of France?"))
    echo = world.add(demonstration_row(asked, "What is the capital of France?"))
    empty = world.add(demonstration_row(asked, " "))
    assert world.reasons() == {(echo, "prompt_echoed", None), (empty, "empty", None)}


def test_demonstrations_of_dropped_and_held_out_prompts_go(
    world: World, prompt_row: Any, demonstration_row: Any
) -> None:
    gone = world.ask(prompt_row("What is an apple?"))
    held = world.ask(prompt_row("Where does a fox live?"), "validation")
    lost = prompt_row("This prompt has no split")
    found = make_findings(pl.DataFrame({"row_id": [gone["prompt_id"]]}), "keyboard_mash", value=1.0, threshold=0.5)
    world.prompt_drops = record_drops([found], table="prompts", stage="prompts", turn=1)
    world.prompts.append(lost)
    rows = [world.add(demonstration_row(p, "It is a fine thing.")) for p in (gone, held, lost)]
    assert world.reasons() == {
        (rows[0], "prompt_dropped", gone["prompt_id"]),
        (rows[1], "held_out_split", held["prompt_id"]),
        (rows[2], "held_out_split", lost["prompt_id"]),
    }


def test_copies_of_one_answer_leave_the_earlier_then_the_tidy_one(
    world: World, prompt_row: Any, demonstration_row: Any
) -> None:
    asked = world.ask(prompt_row("What is an apple?"))
    tidy = world.add(demonstration_row(asked, "It is a sweet fruit of a tree."), turn=2)
    lower = world.add(demonstration_row(asked, "it is a sweet fruit of a tree."), turn=2)
    wide = world.add(demonstration_row(asked, "It  is  a sweet fruit  of a tree."), turn=2)
    both = ("exact_duplicate", "near_duplicate")
    assert world.reasons() == {(row, reason, tidy) for row in (lower, wide) for reason in both}
    early = world.add(demonstration_row(asked, "IT IS a sweet fruit of a  tree."), turn=1)
    assert {(row, matched) for row, _, matched in world.reasons()} == {(r, early) for r in (tidy, lower, wide)}


def test_a_clean_row_survives_its_noisy_copy(world: World, prompt_row: Any, demonstration_row: Any) -> None:
    asked = world.ask(prompt_row("Tell me a story about words"))
    noisy = world.add(demonstration_row(asked, window(0) + " cafÃ©"), turn=1)
    clean = world.add(demonstration_row(asked, window(0) + " café"), turn=2)
    assert world.reasons() == {(noisy, "mojibake", None), (noisy, "near_duplicate", clean)}


def test_other_answers_to_one_prompt_are_no_duplicates(world: World, prompt_row: Any, demonstration_row: Any) -> None:
    asked = world.ask(prompt_row("Say yes or no to this: " + window(0)))
    world.add(demonstration_row(asked, "Yes."))
    world.add(demonstration_row(asked, "No."))
    assert world.curate().height == 0


def test_benchmark_prompts_are_found_in_prompts_and_in_completions(
    world: World, prompt_row: Any, demonstration_row: Any
) -> None:
    benchmark = world.ask(prompt_row(window(0, 20)), "benchmark")
    world.ask(prompt_row("Hello"), "benchmark")
    asked = world.ask(prompt_row("Please do this: " + window(0, 20) + " " + window(50, 30)))
    copied = world.add(demonstration_row(asked, "It is done."))
    free = world.ask(prompt_row("Write something"))
    leaked = world.add(demonstration_row(free, window(70, 25) + " " + window(0, 20)))
    world.add(demonstration_row(free, "Hello"))
    assert world.reasons() == {
        (row, f"benchmark_{overlap}_overlap_in_{field}", benchmark["prompt_id"])
        for row, field in ((copied, "prompt"), (leaked, "completion"))
        for overlap in ("long", "short")
    }


def test_different_answers_to_one_prompt_all_go_where_they_may_not_differ(
    world: World, prompt_row: Any, demonstration_row: Any, only: Any
) -> None:
    asked, again = world.ask(prompt_row("Is it?\n\nA fox")), world.ask(prompt_row("is it?  a fox"))
    free = world.ask(prompt_row("Is it?\n\nAn owl"))
    yes, also_yes, no = (
        world.add(demonstration_row(p, text)) for p, text in ((asked, "Yes."), (again, "yes. "), (asked, "No."))
    )
    world.add(demonstration_row(free, "Maybe."))
    section = world.params.curate_demonstrations
    rules = only(section.rules, conflicting_outputs={})
    dropped = world.curate(section.model_copy(update={"rules": rules}))
    assert dropped["value"].to_list() == [2.0] * 3 and set(dropped["reason"]) == {"conflicting_outputs"}
    # the three are two answers: each names one that says the other
    matched = dict(dropped.select("row_id", "matched_id").iter_rows())
    assert set(matched) == {yes, also_yes, no}
    assert matched[yes] == matched[also_yes] == no and matched[no] in (yes, also_yes)


def test_low_reward_drops_the_lowest_share(world: World, prompt_row: Any, demonstration_row: Any, only: Any) -> None:
    asked = world.ask(prompt_row("What is an apple?"))
    texts = ["A fruit of a tree.", "Something green to eat.", "No idea at all.", "Never scored before."]
    rows = [world.add(demonstration_row(asked, text)) for text in texts]
    for text, score in zip(texts, (2.0, 1.0, -3.0), strict=False):
        name = ids.candidate_id(asked["prompt_id"], assistant_completion(text))
        world.scores.append({"candidate_id": name, "model": "m", "score": score})
    section = world.params.curate_demonstrations
    rules = only(section.rules, low_reward={"max_quantile": 0.3})
    dropped = world.curate(section.model_copy(update={"rules": rules}))
    assert dropped.select("row_id", "reason", "value").rows() == [(rows[2], "low_reward", -3.0)]


def test_of_a_conversation_all_replies_are_judged(world: World, prompt_row: Any) -> None:
    asked = world.ask(prompt_row("What is an apple?"))
    completion = [
        {**make_message("assistant", "A fruit."), "train": True},
        {**make_message("user", "As an AI language model?"), "train": False},
        {**make_message("assistant", "As an AI language model, I like it."), "train": True},
    ]
    name = ids.demonstration_id(asked["prompt_id"], completion)
    world.add({"demonstration_id": name, "prompt_id": asked["prompt_id"], "completion": completion})
    assert world.reasons() == {(name, "assistant_boilerplate", None)}


def test_kept_and_dropped_are_the_input_and_order_does_not_matter(
    world: World, prompt_row: Any, demonstration_row: Any
) -> None:
    for n in range(12):
        asked = world.ask(prompt_row(window(n // 2)), ("train", "benchmark", "validation")[n % 3])
        world.add(demonstration_row(asked, ("", "fine " * 9, window(n), "nan", "Good answer.")[n % 5]), turn=1 + n % 2)
    world.prompts, world.splits = list({p["prompt_id"]: p for p in world.prompts}.values()), dict(world.splits)
    dropped = world.curate()
    assert dropped.height and world.curate(shuffle=True).equals(dropped)
    frame = world.table("demonstrations", world.rows)
    kept = keep_rows("demonstrations", frame, dropped)
    assert kept.height + dropped["row_id"].n_unique() == frame.height
