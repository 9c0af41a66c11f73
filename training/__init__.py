"""What we learn: policies and reward models from curated rows; writes only into the directory it is handed.

Importing this package loads no torch: each module imports it where it needs it.
"""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told (done, total) as training or sampling goes on; what it raises stops the work, which a later call resumes."""


def ignore_progress(done: int, total: int) -> None:
    """A Progress that tells nobody."""
