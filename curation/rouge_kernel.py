"""Compiled loops of ROUGE-L: words, a cheap filter of candidates, and the longest common subsequence bit by bit.

Importing this module imports numba; import it inside functions.
"""

import numpy as np
from numba import njit

from curation.kernels import mix_bits
from curation.text_kernels import WORD_PART, _flag, _read_character


@njit(cache=True, nogil=True)
def count_parts(first, last, data, offsets, flags, counts):  # type: ignore[no-untyped-def]
    """Write the number of runs of letters and digits of each row."""
    for row in range(first, last):
        i, inside = offsets[row], False
        while i < offsets[row + 1]:
            code, size = _read_character(data, i)
            part = (_flag(flags, code) & WORD_PART) != 0
            counts[row] += part and not inside
            inside = part
            i += size


@njit(cache=True, nogil=True)
def hash_parts(first, last, data, offsets, flags, starts, hashes):  # type: ignore[no-untyped-def]
    """Write the hash of each run of letters and digits, flat; starts[row] is where a row's begin."""
    for row in range(first, last):
        i, end, at = offsets[row], offsets[row + 1], starts[row]
        h = np.uint64(0)
        while i < end:
            code, size = _read_character(data, i)
            if _flag(flags, code) & WORD_PART:
                h = (h ^ np.uint64(code + 1)) * np.uint64(0x9E3779B97F4A7C15)
            elif h:
                hashes[at], h, at = mix_bits(h), np.uint64(0), at + 1
            i += size
        if h:
            hashes[at] = mix_bits(h)


@njit(cache=True)
def accept_rows(words, starts, bags, heads, threshold):  # type: ignore[no-untyped-def]
    """Row accepted before that is most alike to each row, and their ROUGE-L, where it is above the threshold; else -1.

    A row that is too much like an accepted one is not accepted. words: numbers of each row's words, in order. bags:
    the same as a sorted set, the k-th occurrence of a word apart from the others, rare ones first. heads: -1 for
    each number in bags. F of two rows is 2 LCS / (n + m), and their bags share at least as many as the LCS has: so rows
    above the threshold share one of their rarest words (the prefix filter of Bayardo et al. 2007).
    """
    n_rows, n_words = len(starts) - 1, words.max() + 1 if len(words) else 1
    matched, scores = np.full(n_rows, -1, np.int64), np.zeros(n_rows)
    owners, following, n_listed = np.empty(len(words), np.int64), np.empty(len(words), np.int64), 0
    stamps, local = np.full(n_rows, -1, np.int64), np.full(n_words, -1, np.int64)
    for i in range(n_rows):
        begin, n = starts[i], starts[i + 1] - starts[i]
        masks = _mask_words(words[begin : begin + n], local)
        prefix = n - int(np.ceil(n * threshold / (2 - threshold) - 1e-9)) + 1 if n else 0
        for k in range(begin, begin + min(prefix, n)):
            entry = heads[bags[k]]
            while entry >= 0:
                j = owners[entry]
                entry = following[entry]
                if stamps[j] == i:
                    continue
                stamps[j] = i
                m = starts[j + 1] - starts[j]
                least = max(threshold, scores[i]) * (n + m) / 2
                if min(n, m) < least or _count_shared(bags[begin : begin + n], bags[starts[j] : starts[j] + m]) < least:
                    continue
                score = 2.0 * _measure_lcs(masks, n, words[starts[j] : starts[j] + m], local) / (n + m)
                if score > threshold and (score > scores[i] or (score == scores[i] and j < matched[i])):
                    matched[i], scores[i] = j, score
        for k in range(begin, begin + n):
            local[words[k]] = -1
        for k in range(begin, begin + min(prefix, n) if matched[i] < 0 else begin):
            owners[n_listed], following[n_listed], heads[bags[k]] = i, heads[bags[k]], n_listed
            n_listed += 1
    return matched, scores


@njit(cache=True)
def _mask_words(words, local):  # type: ignore[no-untyped-def]
    """Where each different word stands, as bits; local numbers the words met, from 0."""
    masks, n = np.zeros((len(words), len(words) // 64 + 1), np.uint64), 0
    for k in range(len(words)):
        if local[words[k]] < 0:
            local[words[k]] = n
            n += 1
        masks[local[words[k]], k // 64] |= np.uint64(1) << np.uint64(k % 64)
    return masks


@njit(cache=True)
def _count_shared(first, second):  # type: ignore[no-untyped-def]
    """Members of both of two sorted sets."""
    i, j, shared = 0, 0, 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            shared += 1
            i += 1
            j += 1
        elif first[i] < second[j]:
            i += 1
        else:
            j += 1
    return shared


@njit(cache=True)
def _measure_lcs(masks, n, words, local):  # type: ignore[no-untyped-def]
    """Length of the longest common subsequence: 64 cells of a row of the table at a time (Hyyro 2004)."""
    blocks = masks.shape[1]
    rows = np.full(blocks, ~np.uint64(0), np.uint64)
    for k in range(len(words)):
        number = local[words[k]]
        if number < 0:
            continue
        carry = np.uint64(0)
        for b in range(blocks):
            row, met = rows[b], rows[b] & masks[number, b]
            total = row + met
            over = total < row
            total += carry
            carry = np.uint64(over or total < carry)
            rows[b] = total | (row - met)
    length = 0
    for k in range(n):
        length += (rows[k // 64] >> np.uint64(k % 64)) & np.uint64(1) == 0
    return length
