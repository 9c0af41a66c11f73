"""Compiled loops over Arrow string buffers: words and shingles.

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
def count_tokens(first, last, data, offsets, at, by_character, counts):  # type: ignore[no-untyped-def]
    """Write the tokens of each row: words between white space, or characters other than white space."""
    for k in range(first, last):
        if at[k] < 0:
            continue
        i, end, count, inside = offsets[k], offsets[k + 1], 0, False
        while i < end:
            c = data[i]
            if 0x20 < c < 0x80:  # most bytes, told first: four times faster
                count += by_character[k] or not inside
                inside = True
                i += 1
                continue
            skip = _space_bytes(data, i, end)
            if skip:
                inside = False
                i += skip
                continue
            count += (c & 0xC0) != 0x80 if by_character[k] else not inside
            inside = True
            i += 1
        counts[at[k]] = count


@njit(cache=True, inline="always")
def _add_byte(h, c):  # type: ignore[no-untyped-def]
    """One more byte of a token, ASCII in lower case."""
    return (h ^ np.uint64(c | 0x20 if 0x41 <= c <= 0x5A else c)) * np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def hash_tokens(first, last, data, offsets, at, by_character, starts, hashes, lengths):  # type: ignore[no-untyped-def]
    """Write the 64-bit hash and the length in characters of each token, flat; starts[row] is where a row's begin."""
    for k in range(first, last):
        if at[k] < 0:
            continue
        i, end, place = offsets[k], offsets[k + 1], starts[at[k]]
        h, characters = np.uint64(0), 0
        while i < end:
            c = data[i]
            if 0x20 < c < 0x80 and not by_character[k]:
                h = _add_byte(h, c)
                characters += 1
                i += 1
                continue
            skip = _space_bytes(data, i, end)
            begins = (c & 0xC0) != 0x80
            if characters and (skip or (by_character[k] and begins)):
                hashes[place], lengths[place] = mix_bits(h), characters
                place += 1
                h, characters = np.uint64(0), 0
            if skip:
                i += skip
                continue
            h = _add_byte(h, c)
            characters += begins
            i += 1
        if characters:
            hashes[place], lengths[place] = mix_bits(h), characters


@njit(cache=True, inline="always")
def load_8(data, i):  # type: ignore[no-untyped-def]
    """Eight bytes, the first one lowest; one instruction once compiled. The index is unsigned: never from the end."""
    j = np.uint64(i)
    word = np.uint64(data[j])
    for k in range(1, 8):
        word |= np.uint64(data[j + np.uint64(k)]) << np.uint64(8 * k)
    return word


@njit(cache=True, inline="always")
def _fold_8(h, word):  # type: ignore[no-untyped-def]
    """Up to eight bytes more of a token, in lower case where they are ASCII; missing ones are 0."""
    low = word & np.uint64(0x7F7F7F7F7F7F7F7F)
    from_a, past_z = low + np.uint64(0x3F3F3F3F3F3F3F3F), low + np.uint64(0x2525252525252525)
    capital = from_a & ~past_z & ~word & np.uint64(0x8080808080808080)
    h = (h ^ (word | (capital >> np.uint64(2)))) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(32))


@njit(cache=True)
def _hash_ascii(data, begin, end, tokens):  # type: ignore[no-untyped-def]
    """`hash_row` of an ASCII text, eight bytes at a time; -1 where it holds control characters or the data ends."""
    i, n, h, length = begin, 0, np.uint64(0), 0
    last = len(data) - 8
    while i < end:
        if i > last:
            return -1
        word = load_8(data, i)
        # lowest byte at or below a blank: exact for the first one, as no byte before it borrows
        blank = (word - np.uint64(0x2121212121212121)) & ~word & np.uint64(0x8080808080808080)
        if blank == 0 and i + 8 <= end:
            h = _fold_8(h, word)
            length += 8
            i += 8
            continue
        size = 8
        if blank:
            below = ((blank & (~blank + np.uint64(1))) - np.uint64(1)) & np.uint64(0x0101010101010101)
            size = int((below * np.uint64(0x0101010101010101)) >> np.uint64(56)) - 1
        size = min(size, end - i)
        if size:
            h = _fold_8(h, word & ((np.uint64(1) << np.uint64(8 * size)) - np.uint64(1)))
        i, length = i + size, length + size
        if length:
            tokens[n] = mix_bits(h + np.uint64(length))
            n += 1
            h, length = np.uint64(0), 0
        if i < end:
            c = data[i]
            if c != 0x20 and not 0x09 <= c <= 0x0D:
                return -1
            i += 1
    if length:
        tokens[n] = mix_bits(h + np.uint64(length))
        n += 1
    return n


@njit(cache=True)
def hash_row(data, begin, end, by_character, ascii_only, tokens):  # type: ignore[no-untyped-def]
    """Write the hashes of one row's tokens, words or characters; returns how many."""
    if ascii_only:
        n = _hash_ascii(data, begin, end, tokens)
        if n >= 0:
            return n
    i, n, h, length, word = begin, 0, np.uint64(0), 0, np.uint64(0)
    while i < end:
        c = data[i]
        skip = 0 if 0x20 < c < 0x80 else _space_bytes(data, i, end)
        if length and (skip or (by_character and (c & 0xC0) != 0x80)):
            h = _fold_8(h, word) if length & 7 else h
            tokens[n] = mix_bits(h + np.uint64(length))
            n += 1
            h, length, word = np.uint64(0), 0, np.uint64(0)
        if skip:
            i += skip
            continue
        word |= np.uint64(c) << np.uint64(8 * (length & 7))
        length += 1
        if length & 7 == 0:
            h, word = _fold_8(h, word), np.uint64(0)
        i += 1
    if length:
        h = _fold_8(h, word) if length & 7 else h
        tokens[n] = mix_bits(h + np.uint64(length))
        n += 1
    return n


@njit(cache=True, inline="always")
def hash_run(tokens, start, width, seed):  # type: ignore[no-untyped-def]
    """Hash of the run of `width` tokens at `start`; runs of different seeds or widths are never equal."""
    h = seed + np.uint64(width)
    for t in range(start, start + width):
        h = (h ^ tokens[t]) * np.uint64(0x9E3779B97F4A7C15)
        h ^= h >> np.uint64(32)
    return mix_bits(h)


@njit(cache=True, nogil=True)
def hash_ngrams(first, last, tokens, starts, width, ngram_starts, ngrams):  # type: ignore[no-untyped-def]
    """Write the hash of each run of `width` tokens of each row, flat."""
    for row in range(first, last):
        for k in range(ngram_starts[row + 1] - ngram_starts[row]):
            ngrams[ngram_starts[row] + k] = hash_run(tokens, starts[row] + k, width, np.uint64(0))
