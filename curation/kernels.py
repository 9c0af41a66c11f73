"""Compiled loops over Arrow string buffers: words, shingles, MinHash signatures, buckets, verified similarity.

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
def _mix(value):  # type: ignore[no-untyped-def]
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
            skip = _space_bytes(data, i, end)
            if skip:
                inside = False
                i += skip
                continue
            if by_character[row]:
                if (data[i] & 0xC0) != 0x80:
                    count += 1
            elif not inside:
                count += 1
                inside = True
            i += 1
        counts[row] = count


@njit(cache=True, nogil=True)
def hash_tokens(first, last, data, offsets, by_character, starts, hashes, lengths):  # type: ignore[no-untyped-def]
    """Write the 64-bit hash and the length in characters of each token, flat; starts[row] is where a row's begin."""
    for row in range(first, last):
        i, end, at = offsets[row], offsets[row + 1], starts[row]
        h, characters = np.uint64(0), np.uint32(0)
        while i < end:
            skip = _space_bytes(data, i, end)
            begins = (data[i] & 0xC0) != 0x80
            if characters and (skip or (by_character[row] and begins)):
                hashes[at], lengths[at] = _mix(h), characters
                at += 1
                h, characters = np.uint64(0), np.uint32(0)
            if skip:
                i += skip
                continue
            h = (h ^ np.uint64(data[i])) * np.uint64(0x9E3779B97F4A7C15)
            h ^= h >> np.uint64(29)
            if begins:
                characters += np.uint32(1)
            i += 1
        if characters:
            hashes[at], lengths[at] = _mix(h), characters


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
            shingles[shingle_starts[row] + k] = _mix(h)


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
def hash_bands(first, last, signatures, band, rows_per_band, keys):  # type: ignore[no-untyped-def]
    """Write one 64-bit key a row for a band of its signature."""
    for row in range(first, last):
        h = np.uint64(band)
        for k in range(band * rows_per_band, (band + 1) * rows_per_band):
            h = _mix(h ^ np.uint64(signatures[row, k]) * np.uint64(0x9E3779B97F4A7C15))
        keys[row] = h


@njit(cache=True)
def _count_common(values, start_i, size_i, start_j, size_j, misses):  # type: ignore[no-untyped-def]
    """Values that two sorted sets share; -1 as soon as more than `misses` are in one set only."""
    i, j, common = start_i, start_j, 0
    end_i, end_j = start_i + size_i, start_j + size_j
    while i < end_i and j < end_j:
        if values[i] == values[j]:
            common += 1
            i += 1
            j += 1
            continue
        misses -= 1
        if misses < 0:
            return -1
        if values[i] < values[j]:
            i += 1
        else:
            j += 1
    return common


@njit(cache=True)
def _similarity(values, starts, sizes, i, j, limits):  # type: ignore[no-untyped-def]
    """Jaccard similarity of two rows over all fields' shingles; -1 below limits[0], or a field below limits[1]."""
    total = 0
    for f in range(len(starts)):
        total += sizes[f, i] + sizes[f, j]
    # J >= t leaves at most (1-t)/(1+t) of both sizes outside the intersection: give up once more have missed
    misses = int(total * (1.0 - limits[0]) / (1.0 + limits[0]) + 1e-9)
    common_total = 0
    for f in range(len(starts)):
        both = sizes[f, i] + sizes[f, j]
        if both == 0:
            continue
        if abs(sizes[f, i] - sizes[f, j]) > misses:
            return -1.0
        common = _count_common(values, starts[f, i], sizes[f, i], starts[f, j], sizes[f, j], misses)
        if common < 0 or common < limits[1] * (both - common):
            return -1.0
        misses -= both - 2 * common
        common_total += common
    similarity = common_total / (total - common_total)
    return similarity if similarity >= limits[0] else -1.0


@njit(cache=True)
def _list_candidates(i, buckets, heads, following, stamps, found):  # type: ignore[no-untyped-def]
    """Write the listed rows that share a bucket with row i into found, each once; returns how many."""
    n = 0
    for band in range(buckets.shape[1]):
        bucket = buckets[i, band]
        if bucket < 0:
            continue
        j = heads[bucket]
        while j >= 0:
            if stamps[j] != i:
                stamps[j] = i
                found[n] = j
                n += 1
            j = following[j, band]
    return n


@njit(cache=True)
def _enlist(i, buckets, heads, following):  # type: ignore[no-untyped-def]
    """Put row i at the head of the list of each of its buckets."""
    for band in range(buckets.shape[1]):
        bucket = buckets[i, band]
        if bucket >= 0:
            following[i, band] = heads[bucket]
            heads[bucket] = i


@njit(cache=True)
def match_rows(buckets, n_buckets, values, starts, sizes, limits, listed, every):  # type: ignore[no-untyped-def]
    """Nearest listed row before each row, and the similarity; -1 without one.

    listed[row] says whether later rows may match this one. With every false, a row that found a match
    is not listed: what remains listed are the survivors, each dropped row beside a direct one.
    """
    n = len(buckets)
    matched, similarities = np.full(n, -1, np.int64), np.zeros(n, np.float64)
    heads, following = np.full(n_buckets, -1, np.int32), np.full(buckets.shape, -1, np.int32)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, heads, following, stamps, found)):
            j = found[k]
            s = _similarity(values, starts, sizes, i, j, limits)
            if s > similarities[i] or (s == similarities[i] and matched[i] > j):
                matched[i], similarities[i] = j, s
        if listed[i] and (every or matched[i] < 0):
            _enlist(i, buckets, heads, following)
    return matched, similarities


@njit(cache=True)
def list_pairs(buckets, n_buckets, values, starts, sizes, limits):  # type: ignore[no-untyped-def]
    """Every verified pair of rows that share a bucket: first, second (second before first), similarity."""
    n, n_pairs = len(buckets), 0
    first, second = np.empty(1024, np.int64), np.empty(1024, np.int64)
    similarities = np.empty(1024, np.float64)
    heads, following = np.full(n_buckets, -1, np.int32), np.full(buckets.shape, -1, np.int32)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, heads, following, stamps, found)):
            s = _similarity(values, starts, sizes, i, found[k], limits)
            if s < 0:
                continue
            if n_pairs == len(first):
                first = np.concatenate((first, np.empty(n_pairs, np.int64)))
                second = np.concatenate((second, np.empty(n_pairs, np.int64)))
                similarities = np.concatenate((similarities, np.empty(n_pairs, np.float64)))
            first[n_pairs], second[n_pairs], similarities[n_pairs] = i, found[k], s
            n_pairs += 1
        _enlist(i, buckets, heads, following)
    return first[:n_pairs], second[:n_pairs], similarities[:n_pairs]


@njit(cache=True)
def _find_root(parents, i):  # type: ignore[no-untyped-def]
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@njit(cache=True)
def join_components(buckets, n_buckets, values, starts, sizes, limits):  # type: ignore[no-untyped-def]
    """First row of each row's connected component over all verified pairs; joined rows aren't verified again."""
    n = len(buckets)
    parents = np.arange(n)
    heads, following = np.full(n_buckets, -1, np.int32), np.full(buckets.shape, -1, np.int32)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, heads, following, stamps, found)):
            root, other = _find_root(parents, i), _find_root(parents, found[k])
            if root != other and _similarity(values, starts, sizes, i, found[k], limits) >= 0:
                parents[max(root, other)] = min(root, other)
        _enlist(i, buckets, heads, following)
    for i in range(n):
        parents[i] = _find_root(parents, i)
    return parents


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
                h = _mix(h ^ tokens[t])
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
