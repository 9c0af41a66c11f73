"""Which prompts the page shows: kinds take turns, wins and losses take turns, and the order of rows is no matter."""

from types import SimpleNamespace

from pipelines.reporting.answers import decide_outcome, pick_prompts

OUTCOMES = {
    "a1": ("count", "win"), "a2": ("count", "win"), "a3": ("count", "loss"), "a4": ("count", "tie"),
    "b1": ("note", "tie"), "b2": ("note", "tie"),
}  # fmt: skip


def pick(n: int, outcomes: dict[str, tuple[str, str]] = OUTCOMES) -> list[str]:
    return pick_prompts(outcomes, SimpleNamespace(params=SimpleNamespace(n_answers=n)))  # type: ignore[arg-type]


def test_kinds_and_outcomes_take_turns() -> None:
    assert pick(2) == ["a1", "b1"]  # the first of each kind
    assert pick(3) == ["a1", "a3", "b1"]  # then a loss, not the second win
    assert pick(0) == []


def test_all_are_shown_once_when_there_is_room_in_any_order() -> None:
    assert sorted(pick(99)) == sorted(OUTCOMES)
    assert pick(99, dict(reversed(OUTCOMES.items()))) == pick(99)


def test_outcome_is_that_of_the_policy_against_its_start() -> None:
    def judge(before: float | None, after: float | None, tie_tolerance: float = 1e-6) -> str:
        return decide_outcome({"start": {"gold": before}, "policy": {"gold": after}}, "gold", tie_tolerance)

    assert [judge(0.2, 0.4), judge(0.4, 0.2), judge(0.3, 0.3), judge(None, 0.3)] == ["win", "loss", "tie", "tie"]
    assert judge(0.2, 0.25, tie_tolerance=0.1) == "tie"
