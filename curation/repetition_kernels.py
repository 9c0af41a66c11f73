"""Compiled loops over repeats: runs of a character, units that make up a text, n-grams of words.

Importing this module imports numba; import it inside functions. Loops take a range of rows: see `kernels.run_rows`.
"""

import numpy as np
from numba import njit

from curation.kernels import hash_run
from curation.text_kernels import BLANK, _flag, _read_character


@njit(cache=True, nogil=True)
def longest_runs(first, last, data, offsets, longest):  # type: ignore[no-untyped-def]
    """Write the longest run of one repeated character (ASCII other than blank) in each row."""
    for row in range(first, last):
        run, most = 0, 0
        for i in range(offsets[row], offsets[row + 1]):
            c = data[i]
            if c <= 0x20 or c >= 0x80:
                run = 0
            elif run and data[i - 1] == c:
                run += 1
            else:
                run = 1
            most = max(most, run)
        longest[row] = most


@njit(cache=True, nogil=True)
def count_units(first, last, data, offsets, flags, judged, units):  # type: ignore[no-untyped-def]
    """Write how often the shortest unit makes up each judged row, blanks left out: once where nothing repeats."""
    for row in range(first, last):
        if not judged[row]:
            continue
        solid, n, i = np.empty(offsets[row + 1] - offsets[row], np.uint8), 0, offsets[row]
        while i < offsets[row + 1]:
            code, size = _read_character(data, i)
            if (_flag(flags, code) & BLANK) == 0:
                solid[n : n + size] = data[i : i + size]
                n += size
            i += size
        period = 1
        while period < n and (n % period or not _is_period(solid, n, period)):
            period += 1
        units[row] = n // period if n else 1


@njit(cache=True)
def _is_period(data, n, period):  # type: ignore[no-untyped-def]
    """Whether each byte equals the one a period later."""
    k = period
    while k < n and data[k] == data[k - period]:
        k += 1
    return k == n


@njit(cache=True, nogil=True)
def measure_repeats(first, last, tokens, lengths, starts, width, top, shares):  # type: ignore[no-untyped-def]
    """Write the share of a row's word characters in repeated n-grams of `width` words (Gopher, table A1).

    With top, those of the most frequent n-gram, counted at each of at least three occurrences; else
    of all words that lie in a second or later occurrence of an n-gram, each word counted once. Rows whose share is
    negative stay as they are.
    """
    for row in range(first, last):
        begin, end = starts[row], starts[row + 1]
        if shares[row] < 0:
            continue
        shares[row] = 0.0
        if end - begin <= width:
            continue
        grams = np.empty(end - begin - width + 1, np.uint64)
        for k in range(len(grams)):
            grams[k] = hash_run(tokens, begin + k, width, np.uint64(0))
        if not _occurs_often(grams, 3 if top else 2):
            continue
        order = np.argsort(grams, kind="mergesort")
        sizes = lengths[begin:end].astype(np.float64)
        covered = (
            _cover_most_frequent(grams, order, sizes, width) if top else _cover_repeats(grams, order, sizes, width)
        )
        shares[row] = min(1.0, covered / sizes.sum())


@njit(cache=True)
def _occurs_often(hashes, times):  # type: ignore[no-untyped-def]
    """Whether any hash occurs as many times: most texts repeat nothing, and this is told without sorting."""
    size = 2
    while size < 2 * len(hashes):
        size *= 2
    slots, counts = np.full(size, -1, np.int32), np.zeros(size, np.int32)
    for k in range(len(hashes)):
        slot = np.int64(hashes[k] & np.uint64(size - 1))
        while slots[slot] >= 0 and hashes[slots[slot]] != hashes[k]:
            slot = (slot + 1) & (size - 1)
        slots[slot] = k
        counts[slot] += 1
        if counts[slot] >= times:
            return True
    return False


@njit(cache=True)
def _cover_most_frequent(grams, order, sizes, width):  # type: ignore[no-untyped-def]
    """Characters of all occurrences of the n-gram that occurs most often; of equals, of the longest; 0 below three."""
    most, covered, run = 3, 0.0, 1
    for k in range(1, len(grams) + 1):
        if k < len(grams) and grams[order[k]] == grams[order[k - 1]]:
            run += 1
            continue
        size = run * sizes[order[k - 1] : order[k - 1] + width].sum()
        if run > most or (run == most and size > covered):
            most, covered = run, size
        run = 1
    return covered


@njit(cache=True)
def _cover_repeats(grams, order, sizes, width):  # type: ignore[no-untyped-def]
    """Characters of the words that lie in a second or later occurrence of an n-gram."""
    repeated = np.zeros(len(sizes), np.bool_)
    for k in range(1, len(grams)):
        if grams[order[k]] == grams[order[k - 1]]:
            repeated[order[k] : order[k] + width] = True
    return sizes[repeated].sum()
