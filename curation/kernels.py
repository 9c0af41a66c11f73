"""Compiled loops over Arrow string buffers: words, shingles, MinHash signatures, buckets, verified similarity.

Importing this module imports numba; import it inside functions. Every loop is integer arithmetic, so
results are the same for any thread count.
"""

import numpy as np
from numba import njit, prange

_EMPTY = np.uint32(0xFFFFFFFF)


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


@njit(cache=True)
def count_tokens(data, offsets, by_character):  # type: ignore[no-untyped-def]
    """Tokens of each row: words between white space, or characters other than white space."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(counts)):
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
    return counts


@njit(cache=True, parallel=True)
def hash_tokens(data, offsets, by_character, starts):  # type: ignore[no-untyped-def]
    """64-bit hash and length in characters of each token, flat; starts[row] is where a row's begin."""
    hashes = np.empty(starts[-1], np.uint64)
    lengths = np.empty(starts[-1], np.uint32)
    for row in prange(len(offsets) - 1):
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
    return hashes, lengths


@njit(cache=True, parallel=True)
def hash_shingles(tokens, starts, widths, shingle_starts, seed):  # type: ignore[no-untyped-def]
    """Hash each run of widths[row] tokens, flat; a row with fewer tokens is one shingle of all of them."""
    shingles = np.empty(shingle_starts[-1], np.uint64)
    for row in prange(len(starts) - 1):
        n_tokens = starts[row + 1] - starts[row]
        width = min(widths[row], n_tokens)
        for k in range(shingle_starts[row + 1] - shingle_starts[row]):
            h = np.uint64(seed) + np.uint64(width)
            for t in range(starts[row] + k, starts[row] + k + width):
                h = (h ^ tokens[t]) * np.uint64(0x9E3779B97F4A7C15)
                h ^= h >> np.uint64(32)
            shingles[shingle_starts[row] + k] = _mix(h)
    return shingles


@njit(cache=True, parallel=True)
def sign_shingles(shingles, starts, a, b, signatures):  # type: ignore[no-untyped-def]
    """Lower each row's signature by its shingles: min of a*h + b mod 2^32 over fmix32 of their low 32 bits.

    This is datasketch's scheme `affine32`. A row without shingles keeps the signature it came with.
    """
    for row in prange(len(starts) - 1):
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


@njit(cache=True, parallel=True)
def sort_sets(shingles, starts):  # type: ignore[no-untyped-def]
    """Sort each row's shingles in place, repeats moved out; returns the number of different ones a row."""
    sizes = np.zeros(len(starts) - 1, np.int64)
    for row in prange(len(starts) - 1):
        part = shingles[starts[row] : starts[row + 1]]
        part.sort()
        size = 0
        for k in range(len(part)):
            if k == 0 or part[k] != part[size - 1]:
                part[size] = part[k]
                size += 1
        sizes[row] = size
    return sizes


@njit(cache=True)
def hash_bands(signatures, band, rows_per_band):  # type: ignore[no-untyped-def]
    """One 64-bit key a row for a band of its signature."""
    keys = np.empty(len(signatures), np.uint64)
    for row in range(len(signatures)):
        h = np.uint64(band)
        for k in range(band * rows_per_band, (band + 1) * rows_per_band):
            h = _mix(h ^ np.uint64(signatures[row, k]) * np.uint64(0x9E3779B97F4A7C15))
        keys[row] = h
    return keys


@njit(cache=True)
def _jaccard(values, start_i, size_i, start_j, size_j, threshold):  # type: ignore[no-untyped-def]
    """|A and B| / |A or B| of two sorted sets; 1 when both are empty, -1 as soon as it is below the threshold."""
    if size_i == 0 and size_j == 0:
        return 1.0
    if min(size_i, size_j) < threshold * max(size_i, size_j):
        return -1.0
    # J >= t needs at least t/(1+t) of both sizes in common: give up once too many have missed
    misses = (size_i + size_j) * (1.0 - threshold) / (1.0 + threshold) + 1e-9
    i, j, common, missed = start_i, start_j, 0, 0
    end_i, end_j = start_i + size_i, start_j + size_j
    while i < end_i and j < end_j:
        if values[i] == values[j]:
            common += 1
            i += 1
            j += 1
        else:
            missed += 1
            if missed > misses:
                return -1.0
            if values[i] < values[j]:
                i += 1
            else:
                j += 1
    similarity = common / (size_i + size_j - common)
    return similarity if similarity >= threshold else -1.0


@njit(cache=True)
def _similarity(values, starts, sizes, i, j, threshold):  # type: ignore[no-untyped-def]
    """Least Jaccard similarity over the fields of two rows, -1 below the threshold."""
    least = 1.0
    for f in range(len(starts)):
        similarity = _jaccard(values, starts[f, i], sizes[f, i], starts[f, j], sizes[f, j], threshold)
        if similarity < 0:
            return -1.0
        least = min(least, similarity)
    return least


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
def match_rows(buckets, n_buckets, values, starts, sizes, threshold, listed, every):  # type: ignore[no-untyped-def]
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
            s = _similarity(values, starts, sizes, i, j, threshold)
            if s > similarities[i] or (s == similarities[i] and matched[i] > j):
                matched[i], similarities[i] = j, s
        if listed[i] and (every or matched[i] < 0):
            _enlist(i, buckets, heads, following)
    return matched, similarities


@njit(cache=True)
def list_pairs(buckets, n_buckets, values, starts, sizes, threshold):  # type: ignore[no-untyped-def]
    """Every verified pair of rows that share a bucket: first, second (second before first), similarity."""
    n, n_pairs = len(buckets), 0
    first, second = np.empty(1024, np.int64), np.empty(1024, np.int64)
    similarities = np.empty(1024, np.float64)
    heads, following = np.full(n_buckets, -1, np.int32), np.full(buckets.shape, -1, np.int32)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, heads, following, stamps, found)):
            s = _similarity(values, starts, sizes, i, found[k], threshold)
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
def join_components(buckets, n_buckets, values, starts, sizes, threshold):  # type: ignore[no-untyped-def]
    """First row of each row's connected component over all verified pairs; joined rows aren't verified again."""
    n = len(buckets)
    parents = np.arange(n)
    heads, following = np.full(n_buckets, -1, np.int32), np.full(buckets.shape, -1, np.int32)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, heads, following, stamps, found)):
            root, other = _find_root(parents, i), _find_root(parents, found[k])
            if root != other and _similarity(values, starts, sizes, i, found[k], threshold) >= 0:
                parents[max(root, other)] = min(root, other)
        _enlist(i, buckets, heads, following)
    for i in range(n):
        parents[i] = _find_root(parents, i)
    return parents


@njit(cache=True, parallel=True)
def measure_repeats(tokens, lengths, starts, width, top):  # type: ignore[no-untyped-def]
    """Share of a row's word characters in repeated n-grams of `width` words (Gopher, Rae et al. 2021, table A1).

    With top, those of the most frequent n-gram, counted at each of at least three occurrences; else
    of all words that lie in a second or later occurrence of an n-gram, each word counted once.
    """
    shares = np.zeros(len(starts) - 1, np.float64)
    for row in prange(len(starts) - 1):
        begin, end = starts[row], starts[row + 1]
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
    return shares


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


@njit(cache=True)
def longest_runs(data, offsets):  # type: ignore[no-untyped-def]
    """Longest run of one repeated byte character (ASCII other than blank) in each row."""
    longest = np.zeros(len(offsets) - 1, np.int64)
    for row in range(len(longest)):
        run = 0
        for i in range(offsets[row], offsets[row + 1]):
            c = data[i]
            if c <= 0x20 or c >= 0x80:
                run = 0
            elif run and data[i - 1] == c:
                run += 1
            else:
                run = 1
            longest[row] = max(longest[row], run)
    return longest
