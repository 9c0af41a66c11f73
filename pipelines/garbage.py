"""Keeps Python from searching all that imported libraries leave in memory, over and over, for garbage."""

import atexit
import gc

THRESHOLDS = (100_000, 50, 100)


def collect_rarely() -> None:
    """Look for garbage rarely from now on, and not when the process ends.

    Libraries make up to millions of objects that stay: Python's own thresholds, of 700, search them again and again,
    a fifth of the start of a command or a stage, and once more at its end, which takes .2 s after numba.
    """
    gc.set_threshold(*THRESHOLDS)
    atexit.register(gc.freeze)
