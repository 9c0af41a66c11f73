"""Picks benchmark prompts whose answers before and after stand side by side: of each kind, wins and losses too."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest

import polars as pl

from pipelines.reporting.inputs import Inputs
from pipelines.reporting.texts import Shown, Texts

POLICIES = ("start", "sft", "policy")
OUTCOMES = ("win", "loss", "tie")
GOLD = "gold"


@dataclass(frozen=True)
class Answer:
    """A policy's greedy answer to a prompt."""

    policy: str
    shown: Shown
    gold: float | None
    reward: float | None
    cut: bool


@dataclass(frozen=True)
class Compared:
    """One prompt with the policies' answers; the outcome is the policy's against the start policy."""

    prompt: Shown
    kind: str
    outcome: str
    answers: list[Answer]


@dataclass(frozen=True)
class Comparison:
    """The prompts that are shown, how many there are of each outcome in all, and what decided: gold or reward."""

    shown: list[Compared]
    counts: dict[str, int]
    judge: str

    @property
    def listed(self) -> dict[str, int]:
        """How many of each outcome are shown."""
        return {outcome: sum(row.outcome == outcome for row in self.shown) for outcome in OUTCOMES}


def compare_policies(inputs: Inputs, texts: Texts) -> Comparison:
    """Greedy answers: there is no luck of the draw in them."""
    answers = list_answers(inputs)
    judge = GOLD if any(row[GOLD] is not None for rows in answers.values() for row in rows.values()) else "reward"
    outcomes = {prompt: decide_outcome(rows, judge, inputs.tie_tolerance) for prompt, rows in answers.items()}
    counts = {outcome: sum(found == outcome for found in outcomes.values()) for outcome in OUTCOMES}
    kinds = read_kinds(inputs)
    picked = pick_prompts({prompt: (kinds[prompt], found) for prompt, found in outcomes.items()}, inputs)
    shown = [
        Compared(texts.prompt(prompt), kinds[prompt], outcomes[prompt], _show_answers(answers[prompt], texts))
        for prompt in picked
    ]
    return Comparison(shown, counts, judge)


def list_answers(inputs: Inputs) -> dict[str, dict[str, dict]]:
    """Greedy answers by prompt and policy, with gold and reward where known; only prompts that all answered.

    Where the start policy was the best checkpoint there is no `sft` of its own.
    """
    scores = inputs.answer_scores
    known = {
        GOLD: scores.filter(pl.col("model") == GOLD).select("candidate_id", gold="score"),
        "reward": scores.filter(pl.col("model") != GOLD)
        .sort("candidate_id", "model")
        .unique("candidate_id", keep="first", maintain_order=True)
        .select("candidate_id", reward="score"),
    }
    greedy = inputs.answers.filter((pl.col("temperature") == 0) & pl.col("checkpoint").is_in(POLICIES))
    first = greedy.sort("sample_index").unique(["candidate_id", "checkpoint"], keep="first", maintain_order=True)
    joined = first.join(inputs.tables["candidates"].select("candidate_id", "prompt_id"), on="candidate_id")
    for frame in known.values():
        joined = joined.join(frame, on="candidate_id", how="left")
    found: dict[str, dict[str, dict]] = defaultdict(dict)
    for row in joined.sort("prompt_id", "checkpoint").iter_rows(named=True):
        found[row["prompt_id"]][row["checkpoint"]] = row
    present = set(joined["checkpoint"].unique())
    if not {"start", "policy"} <= present:
        return {}
    return {prompt: rows for prompt, rows in found.items() if set(rows) == present}


def read_kinds(inputs: Inputs) -> dict[str, str]:
    """Kind of each prompt by id."""
    return dict(inputs.tables["prompts"].select("prompt_id", pl.col("kind").fill_null("other")).iter_rows())


def decide_outcome(rows: Mapping[str, Mapping], judge: str, tie_tolerance: float) -> str:
    """Whether the policy's answer is better than the start policy's; a tie as in win rates, or without two scores."""
    before, after = rows["start"][judge], rows["policy"][judge]
    if before is None or after is None or abs(after - before) <= tie_tolerance:
        return "tie"
    return "win" if after > before else "loss"


def pick_prompts(outcomes: Mapping[str, tuple[str, str]], inputs: Inputs) -> list[str]:
    """Prompt ids, grouped by kind: kinds take turns, and within a kind wins, losses and ties do; else by id."""
    by_kind: dict[str, dict[str, list[str]]] = defaultdict(lambda: {outcome: [] for outcome in OUTCOMES})
    for prompt, (kind, outcome) in sorted(outcomes.items()):
        by_kind[kind][outcome].append(prompt)
    queues = {kind: _alternate(found) for kind, found in sorted(by_kind.items())}
    rounds = [prompt for row in zip_longest(*queues.values()) for prompt in row if prompt is not None]
    chosen = set(rounds[: inputs.params.n_answers])
    return [prompt for queue in queues.values() for prompt in queue if prompt in chosen]


def _alternate(by_outcome: Mapping[str, list[str]]) -> list[str]:
    rows = zip_longest(*(by_outcome[outcome] for outcome in OUTCOMES))
    return [prompt for row in rows for prompt in row if prompt is not None]


def _show_answers(rows: Mapping[str, Mapping], texts: Texts) -> list[Answer]:
    return [
        Answer(
            policy, texts.completion("candidates", rows[policy]["candidate_id"]), rows[policy][GOLD],
            rows[policy]["reward"], rows[policy]["finish_reason"] == "length",
        )
        for policy in POLICIES
        if policy in rows
    ]  # fmt: skip
