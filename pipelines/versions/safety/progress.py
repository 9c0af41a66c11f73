"""Draws how many bytes are done on a terminal, and is silent elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_bytes(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A callback that takes the bytes that were done since it was last called."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n_bytes: bar.advance(task, n_bytes)
