"""Begins and ends a process without searching and taking apart all that imported libraries leave in memory."""

import atexit
import errno
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

FULL = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT))
THRESHOLDS = (100_000, 50, 100)


def run_and_end(main: Callable[[], int | None]) -> NoReturn:
    """Run an entry point and end the process with its exit status; what it raises but SystemExit goes on.

    Libraries make up to millions of objects that stay. Python's own thresholds, of 700, search them for garbage again
    and again, a fifth of the start of a command or a stage; at its end they are searched once more and deleted one by
    one, which takes .2 s after numba. So garbage is looked for rarely, and the kernel takes the memory back whole.
    """
    gc.set_threshold(*THRESHOLDS)
    try:
        status = main() or 0
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        status = ended.code or 0
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a reader that has gone
            stream.flush()
    os._exit(status)


def tells_full_disk(error: Exception) -> bool:
    """Whether it says so. Libraries in other languages raise errors of their own kinds, with the system's words."""
    return any(words in str(error) for words in FULL)
