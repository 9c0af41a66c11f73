"""Turns a task (kind and slots) into a prompt's text, and a prompt's text back into its task."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from pipelines.sandbox.patterns import KINDS, PATTERNS
from pipelines.sandbox.wordings import Pattern

__all__ = ["COURTESIES", "KINDS", "Task", "every_task", "find_pattern", "parse_task", "render_task"]

COURTESIES = ("Hello. ", "Hi there. ", "Good morning. ")
"""What a prompt may open with without becoming another task."""


@dataclass(frozen=True)
class Task:
    """What is asked, whatever the wording."""

    kind: str
    slots: tuple[tuple[str, str], ...]

    def __getitem__(self, slot: str) -> str:
        return dict(self.slots)[slot]

    @property
    def mode(self) -> str:
        """The way of asking within the kind, such as "start" for lists with a given first item."""
        return self["mode"]


def make_task(pattern: Pattern, slots: Mapping[str, str]) -> Task:
    """A task of a pattern; slots in the pattern's order, so that equal tasks are equal."""
    return Task(pattern.kind, (("mode", pattern.mode), *((name, slots[name]) for name in pattern.slots)))


@cache
def find_pattern(kind: str, mode: str) -> Pattern:
    """The pattern of a kind's mode."""
    return next(p for p in PATTERNS if p.kind == kind and p.mode == mode)


def render_task(task: Task, wording: int) -> str:
    """The prompt's text; wordings are counted from 0 and wrap around."""
    pattern = find_pattern(task.kind, task.mode)
    return pattern.render(dict(task.slots), wording % len(pattern.wordings))


@lru_cache(maxsize=100_000)
def parse_task(text: str) -> Task | None:
    """The task that a prompt's text asks for; None when it is not a prompt of the sandbox."""
    bare = text.strip()
    for courtesy in COURTESIES:
        bare = bare.removeprefix(courtesy)
    for pattern in PATTERNS:
        slots = pattern.parse(bare)
        if slots is not None:
            return make_task(pattern, slots)
    return None


@cache
def every_task(kind: str, mode: str) -> tuple[Task, ...]:
    """All tasks of a kind's mode, in a fixed order."""
    pattern = find_pattern(kind, mode)
    return tuple(make_task(pattern, slots) for slots in pattern.every())
