"""Draws how much of some work is done on a terminal, and is silent elsewhere."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Row = TypeVar("Row")
Show = Callable[[int, int | None], None]
"""Takes how much is done, and of how much: None where that is not known."""
STEP = 1000
"""Rows between two calls, where there is one for rows."""


@contextmanager
def show_progress(what: str) -> Iterator[Show]:
    """A callback that draws a bar on a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def count_off(rows: Iterable[Row], show: Show, total: int | None = None) -> Iterator[Row]:
    """The rows, telling now and then how many have been taken."""
    for done, row in enumerate(rows):
        if done % STEP == 0:
            show(done, total)
        yield row
