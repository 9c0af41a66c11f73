"""The teacher: right unless it means to be wrong, and wrong in ways that gold can see."""

import random
from collections import Counter

import pytest

from pipelines.sandbox.answers import write_answer
from pipelines.sandbox.flaws import CONTENT_FLAWS, FORM_FLAWS, HABITS
from pipelines.sandbox.gold import gold_score, grade_answer, passes
from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.prompts import write_prompts
from pipelines.sandbox.shingles import measure_overlap
from pipelines.sandbox.tasks import every_task, parse_task, render_task
from pipelines.sandbox.teacher import JUNK, Demonstrated, write_demonstrations
from schemas.params import Sandbox

MODES = [(p.kind, p.mode) for p in PATTERNS]


@pytest.fixture(scope="module")
def prompts(params: Sandbox) -> list[str]:
    return write_prompts("train", 1500, params=params, turn_seed=1, exclude=set())


@pytest.fixture(scope="module")
def rows(params: Sandbox, prompts: list[str]) -> list[Demonstrated]:
    return write_demonstrations(prompts, params=params, seed=1)


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_answers_without_flaws_pass(kind: str, mode: str) -> None:
    rng = random.Random(kind + mode)
    for task in rng.sample(every_task(kind, mode), 250):
        text, answer = render_task(task, rng.randrange(4)), write_answer(task, rng)
        assert passes(text, answer), (text, answer, grade_answer(text, answer))
        assert 1 <= len(answer.split()) <= 40


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_every_flaw_lowers_gold(kind: str, mode: str) -> None:
    rng = random.Random(kind + mode)
    content = () if mode == "harm" else CONTENT_FLAWS[kind]
    for task in rng.sample(every_task(kind, mode), 60):
        for flaw in (*FORM_FLAWS[kind, mode], *content):
            text, answer = render_task(task, 0), write_answer(task, rng, frozenset((flaw,)))
            assert not passes(text, answer), (flaw, text, answer)


def test_shares_of_flaws_are_those_asked_for(params: Sandbox, rows: list[Demonstrated], prompts: list[str]) -> None:
    form = {flaw for flaws in FORM_FLAWS.values() for flaw in flaws}
    content = {flaw for flaws in CONTENT_FLAWS.values() for flaw in flaws}
    flaws = [set((row.flaw or "").split("+")) for row in rows]
    assert sum(bool(f & form) for f in flaws) / len(prompts) == pytest.approx(params.form_flaw_share, abs=0.04)
    assert sum(bool(f & content) for f in flaws) / len(prompts) == pytest.approx(params.content_flaw_share, abs=0.02)
    for name, share in (("duplicate", params.duplicate_share), ("near_duplicate", params.near_duplicate_share)):
        assert sum(f == {name} for f in flaws) == round(share * len(prompts))
    assert sum(bool(f & set(JUNK)) for f in flaws) == round(params.junk_share * len(prompts))


def test_near_duplicates_are_near_and_not_equal(rows: list[Demonstrated]) -> None:
    near = [row for row in rows if row.flaw == "near_duplicate"]
    for row in near:
        twins = [r for r in rows if r.prompt == row.prompt and r.completion != row.completion]
        overlap = max(measure_overlap(f"{r.prompt} {r.completion}", f"{r.prompt} {row.completion}") for r in twins)
        assert 0.8 <= overlap < 1, row


def test_each_prompt_is_answered_and_rows_keep_to_the_prompts(rows: list[Demonstrated], prompts: list[str]) -> None:
    assert {row.prompt for row in rows} == set(prompts)
    assert max(Counter(row.origin_id for row in rows).values()) == 1


def test_junk_scores_nothing_or_little(rows: list[Demonstrated]) -> None:
    for row in rows:
        if row.flaw in JUNK and row.flaw != "junk_truncated":
            assert gold_score(row.prompt, row.completion) == 0.0, row


def test_what_a_prompt_gets_does_not_depend_on_the_others(params: Sandbox, prompts: list[str]) -> None:
    def first_answers(texts: list[str]) -> dict[str, set[str]]:
        plain = params.model_copy(update={"junk_share": 0, "duplicate_share": 0, "near_duplicate_share": 0})
        return {row.prompt: {row.completion} for row in write_demonstrations(texts, params=plain, seed=1)}

    few = first_answers(prompts[:100])
    everyone = first_answers(prompts)
    assert all(everyone[prompt] == answer for prompt, answer in few.items())


def test_habits_are_flaws_of_form_and_the_commonest_ones(params: Sandbox) -> None:
    worst = params.model_copy(update={"form_flaw_share": 0.7, "junk_share": 0, "near_duplicate_share": 0})
    prompts = write_prompts("train", 3000, params=worst, turn_seed=2, exclude=set())
    for (kind, mode), habit in HABITS.items():
        assert habit in FORM_FLAWS[kind, mode]
        chosen = [p for p in prompts if (t := parse_task(p)) and (t.kind, t.mode) == (kind, mode)]
        rows = [r for r in write_demonstrations(chosen, params=worst, seed=2) if r.flaw != "duplicate"]
        # flawed: 1.3 * .7 = .91 of the rows; with the habit: at least .8 of those, so .73
        assert sum(habit in (r.flaw or "").split("+") for r in rows) / len(rows) > 0.6
