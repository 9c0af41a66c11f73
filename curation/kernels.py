"""Compiled loops over Arrow string buffers: words, shingles, MinHash signatures, repeated n-grams.

Importing this module imports numba; import it inside functions. Loops over independent rows take the range
[first, last) of rows to do and let go of the interpreter's lock: `run_rows` shares them out over threads. That
compiles in a fraction of the time of numba's own parallel loops, and gives the same numbers for any thread count.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
from numba import njit

_ROWS_A_SHARE = 2_000


def run_rows(kernel: Callable[..., Any], n_rows: int, *arguments: Any) -> None:
    """Call kernel(first, last, *arguments) over all rows, in as many threads as polars may use."""
    shares = min(pl.thread_pool_size(), n_rows // _ROWS_A_SHARE + 1)
    if shares == 1:
        kernel(0, n_rows, *arguments)
        return
    # more shares than threads: rows are of different length
    edges = np.linspace(0, n_rows, 8 * shares + 1).astype(np.int64)
    with ThreadPoolExecutor(shares) as pool:
        for done in [pool.submit(kernel, a, b, *arguments) for a, b in pairwise(edges)]:
            done.result()


@njit(cache=True, inline="always")
def mix_bits(value):  # type: ignore[no-untyped-def]
    """The 64-bit finaliser of MurmurHash3."""
    value = np.uint64(value)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    value ^= value >> np.uint64(33)
    return value


@njit(cache=True, inline="always")
def _space_bytes(data, i, end):  # type: ignore[no-untyped-def]
    """Bytes of the white-space character that starts at i (Unicode White_Space in UTF-8), 0 when it is none."""
    c = data[i]
    if c == 0x20 or (0x09 <= c <= 0x0D):
        return 1
    if c < 0x80:
        return 0
    if c == 0xC2 and i + 1 < end and (data[i + 1] == 0xA0 or data[i + 1] == 0x85):
        return 2
    if i + 2 >= end:
        return 0
    d, e = data[i + 1], data[i + 2]
    if c == 0xE3 and d == 0x80 and e == 0x80:
        return 3
    if c == 0xE2 and d == 0x80 and (0x80 <= e <= 0x8A or e == 0xA8 or e == 0xA9 or e == 0xAF):
        return 3
    if (c == 0xE2 and d == 0x81 and e == 0x9F) or (c == 0xE1 and d == 0x9A and e == 0x80):
        return 3
    return 0


@njit(cache=True, nogil=True)
def count_tokens(first, last, data, offsets, by_character, counts):  # type: ignore[no-untyped-def]
    """Write the tokens of each row: words between white space, or characters other than white space."""
    for row in range(first, last):
        i, end, count, inside = offsets[row], offsets[row + 1], 0, False
        while i < end:
            c = data[i]
            if 0x20 < c < 0x80:  # most bytes, told first: four times faster
                count += by_character[row] or not inside
                inside = True
                i += 1
                continue
            skip = _space_bytes(data, i, end)
            if skip:
                inside = False
                i += skip
                continue
            count += (c & 0xC0) != 0x80 if by_character[row] else not inside
            inside = True
            i += 1
        counts[row] = count


@njit(cache=True, nogil=True)
def hash_tokens(first, last, data, offsets, by_character, starts, hashes, lengths):  # type: ignore[no-untyped-def]
    """Write the 64-bit hash and the length in characters of each token, flat; starts[row] is where a row's begin."""
    for row in range(first, last):
        i, end, at = offsets[row], offsets[row + 1], starts[row]
        h, characters = np.uint64(0), 0
        while i < end:
            c = data[i]
            if 0x20 < c < 0x80 and not by_character[row]:
                h = (h ^ np.uint64(c)) * np.uint64(0x9E3779B97F4A7C15)
                characters += 1
                i += 1
                continue
            skip = _space_bytes(data, i, end)
            begins = (c & 0xC0) != 0x80
            if characters and (skip or (by_character[row] and begins)):
                hashes[at], lengths[at] = mix_bits(h), characters
                at += 1
                h, characters = np.uint64(0), 0
            if skip:
                i += skip
                continue
            h = (h ^ np.uint64(c)) * np.uint64(0x9E3779B97F4A7C15)
            characters += begins
            i += 1
        if characters:
            hashes[at], lengths[at] = mix_bits(h), characters


@njit(cache=True, nogil=True)
def hash_shingles(first, last, tokens, starts, widths, seeds, shingle_starts, shingles):  # type: ignore[no-untyped-def]
    """Write the hash of each run of widths[row] tokens, flat; a row with fewer tokens is one shingle of all of them.

    Rows of different seeds share no shingle.
    """
    for row in range(first, last):
        width = min(widths[row], starts[row + 1] - starts[row])
        for k in range(shingle_starts[row + 1] - shingle_starts[row]):
            h = seeds[row] + np.uint64(width)
            for t in range(starts[row] + k, starts[row] + k + width):
                h = (h ^ tokens[t]) * np.uint64(0x9E3779B97F4A7C15)
                h ^= h >> np.uint64(32)
            shingles[shingle_starts[row] + k] = mix_bits(h)


@njit(cache=True, nogil=True)
def sign_shingles(first, last, shingles, starts, a, b, signatures):  # type: ignore[no-untyped-def]
    """Lower each row's signature by its shingles: min of a*h + b mod 2^32 over fmix32 of their low 32 bits.

    This is datasketch's scheme `affine32`. A row without shingles keeps the signature it came with.
    """
    for row in range(first, last):
        signature = signatures[row]
        for s in range(starts[row], starts[row + 1]):
            h = np.uint32(shingles[s])
            h ^= h >> np.uint32(16)
            h = np.uint32(h * np.uint32(0x85EBCA6B))
            h ^= h >> np.uint32(13)
            h = np.uint32(h * np.uint32(0xC2B2AE35))
            h ^= h >> np.uint32(16)
            for k in range(len(a)):
                value = np.uint32(a[k] * h + b[k])
                if value < signature[k]:
                    signature[k] = value


@njit(cache=True, nogil=True)
def sort_sets(first, last, shingles, starts, wanted, sizes):  # type: ignore[no-untyped-def]
    """Sort the wanted rows' shingles in place, repeats moved out; write the number of different ones a row."""
    for row in range(first, last):
        if not wanted[row]:
            continue
        part = shingles[starts[row] : starts[row + 1]]
        part.sort()
        size = 0
        for k in range(len(part)):
            if k == 0 or part[k] != part[size - 1]:
                part[size] = part[k]
                size += 1
        sizes[row] = size


@njit(cache=True, nogil=True)
def measure_repeats(first, last, tokens, lengths, starts, width, top, shares):  # type: ignore[no-untyped-def]
    """Write the share of a row's word characters in repeated n-grams of `width` words (Gopher, table A1).

    With top, those of the most frequent n-gram, counted at each of at least three occurrences; else
    of all words that lie in a second or later occurrence of an n-gram, each word counted once.
    """
    for row in range(first, last):
        begin, end = starts[row], starts[row + 1]
        shares[row] = 0.0
        if end - begin <= width:
            continue
        grams = np.empty(end - begin - width + 1, np.uint64)
        for k in range(len(grams)):
            h = np.uint64(width)
            for t in range(begin + k, begin + k + width):
                h = mix_bits(h ^ tokens[t])
            grams[k] = h
        order = np.argsort(grams, kind="mergesort")
        sizes = lengths[begin:end].astype(np.float64)
        covered = (
            _cover_most_frequent(grams, order, sizes, width) if top else _cover_repeats(grams, order, sizes, width)
        )
        shares[row] = min(1.0, covered / sizes.sum())


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
