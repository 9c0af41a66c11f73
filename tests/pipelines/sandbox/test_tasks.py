"""Tasks and prompts' texts: one names the other."""

import random
from collections import Counter

import pytest

from pipelines.sandbox.patterns import PATTERNS
from pipelines.sandbox.shingles import measure_overlap
from pipelines.sandbox.tasks import COURTESIES, KINDS, Task, every_task, parse_task, render_task

MODES = [(p.kind, p.mode) for p in PATTERNS]


@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_every_wording_parses_back_to_its_task(kind: str, mode: str) -> None:
    tasks = random.Random(kind + mode).sample(every_task(kind, mode), 250)
    for task in tasks:
        for wording in range(4):
            text = render_task(task, wording)
            assert parse_task(text) == task, text


def test_a_task_is_read_by_hand() -> None:
    task = parse_task("List four birds in one line with commas, with owl as the first.")
    assert task == Task("list", (("mode", "start"), ("n", "4"), ("item", "owl"), ("form", "commas")))


def test_a_courtesy_does_not_change_the_task() -> None:
    text = 'How do I say "fix the clock tonight, or else" politely?'
    assert parse_task(COURTESIES[0] + text) == parse_task(text) is not None


@pytest.mark.parametrize("text", [
    "", "asdf", "List four birds in one line with commas, with apple as the first.",
    "In two steps, at school, how do I boil a bike, please?",
    "List two birds in one line with commas, with owl as the first.",
    "Count up from nine to three in words with dashes between them.",
])  # fmt: skip
def test_what_the_world_never_asks_is_no_task(text: str) -> None:
    assert parse_task(text) is None


def test_the_world_is_large_and_no_task_is_counted_twice() -> None:
    tasks = [task for kind, mode in MODES for task in every_task(kind, mode)]
    assert len(set(tasks)) == len(tasks) >= 20_000
    assert min(Counter(task.kind for task in tasks).values()) >= 2_500
    assert {task.kind for task in tasks} == set(KINDS) and len(KINDS) == 8


def test_tasks_that_differ_in_one_slot_are_no_near_duplicates() -> None:
    rng = random.Random(3)
    for pattern in PATTERNS:
        tasks = every_task(pattern.kind, pattern.mode)
        for task in rng.sample(tasks, 60):
            near = [
                t
                for t in rng.sample(tasks, min(len(tasks), 1000))
                if sum(a != b for a, b in zip(t.slots, task.slots, strict=True)) == 1
            ]
            for other in near:
                for wording in range(len(pattern.wordings)):
                    texts = render_task(task, wording), render_task(other, wording)
                    assert measure_overlap(*texts) < 0.8, texts


def test_prompts_are_short() -> None:
    for pattern in PATTERNS:
        for task in random.Random(0).sample(every_task(pattern.kind, pattern.mode), 50):
            assert 5 <= len(render_task(task, 0).split()) <= 24
