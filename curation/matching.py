"""Compiled loops over MinHash buckets: which rows of one bucket are truly similar, who survives, what belongs together.

Importing this module imports numba; import it inside functions.
"""

import numpy as np
from numba import njit


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


@njit(cache=True, inline="always")
def _count_bits(word):  # type: ignore[no-untyped-def]
    """Bits set in 64; the compiler knows this sequence as one instruction."""
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(cache=True)
def _sketch_sets(values, starts, sizes):  # type: ignore[no-untyped-def]
    """256 bits a row, each set by some shingles: a bit that two rows differ in is a shingle that only one has."""
    sketches, totals = np.zeros((sizes.shape[1], 4), np.uint64), np.zeros(sizes.shape[1], np.int64)
    for f in range(len(starts)):
        for row in range(sizes.shape[1]):
            totals[row] += sizes[f, row]
            for k in range(starts[f, row], starts[f, row] + sizes[f, row]):
                sketches[row, (values[k] >> np.uint64(6)) & np.uint64(3)] |= np.uint64(1) << (values[k] & np.uint64(63))
    return sketches, totals


@njit(cache=True)
def _open_lists(buckets, n_buckets):  # type: ignore[no-untyped-def]
    """An empty list for each bucket, with room for all of its rows: where it begins, where it ends so far, its rows."""
    ends = np.zeros(n_buckets + 1, np.int64)
    for i in range(len(buckets)):
        for band in range(buckets.shape[1]):
            ends[buckets[i, band] + 1] += buckets[i, band] >= 0
    begins = np.cumsum(ends)[:-1]
    return begins, begins.copy(), np.empty(ends.sum(), np.int32)


@njit(cache=True)
def _list_candidates(i, buckets, lists, sketches, totals, threshold, stamps, found):  # type: ignore[no-untyped-def]
    """Write the listed rows that share a bucket with row i and may reach the threshold, each once; returns how many.

    Templated rows meet in their thousands: nearly all are told apart by their sketches, with certainty, and unread.
    """
    begins, ends, members = lists
    ratio, n = (1.0 - threshold) / (1.0 + threshold), 0
    for band in range(buckets.shape[1]):
        bucket = buckets[i, band]
        if bucket < 0:
            continue
        for place in range(begins[bucket], ends[bucket]):
            j = members[place]
            if stamps[j] == i:
                continue
            stamps[j] = i
            misses = int((totals[i] + totals[j]) * ratio + 1e-9)
            if abs(totals[i] - totals[j]) > misses:
                continue
            apart = np.uint64(0)
            for k in range(4):
                apart += _count_bits(sketches[i, k] ^ sketches[j, k])
            if apart <= np.uint64(misses):
                found[n] = j
                n += 1
    return n


@njit(cache=True)
def _enlist(i, buckets, lists):  # type: ignore[no-untyped-def]
    """Put row i at the end of the list of each of its buckets."""
    _, ends, members = lists
    for band in range(buckets.shape[1]):
        bucket = buckets[i, band]
        if bucket >= 0:
            members[ends[bucket]] = i
            ends[bucket] += 1


@njit(cache=True)
def match_rows(buckets, n_buckets, values, starts, sizes, limits, n_first, joining):  # type: ignore[no-untyped-def]
    """Nearest listed row before each row, and the similarity; -1 without one.

    The first n_first rows are listed, whatever they are like. With joining, so is each later row that found no match:
    what is listed are the survivors, each dropped row beside a direct one.
    """
    n = len(buckets)
    matched, similarities = np.full(n, -1, np.int64), np.zeros(n, np.float64)
    lists, (sketches, totals) = _open_lists(buckets, n_buckets), _sketch_sets(values, starts, sizes)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        if i < n_first:
            _enlist(i, buckets, lists)
            continue
        for k in range(_list_candidates(i, buckets, lists, sketches, totals, limits[0], stamps, found)):
            j = found[k]
            s = _similarity(values, starts, sizes, i, j, limits)
            if s > similarities[i] or (s == similarities[i] and matched[i] > j):
                matched[i], similarities[i] = j, s
        if joining and matched[i] < 0:
            _enlist(i, buckets, lists)
    return matched, similarities


@njit(cache=True)
def list_pairs(buckets, n_buckets, values, starts, sizes, limits):  # type: ignore[no-untyped-def]
    """Every verified pair of rows that share a bucket: first, second (second before first), similarity."""
    n, n_pairs = len(buckets), 0
    first, second = np.empty(1024, np.int64), np.empty(1024, np.int64)
    similarities = np.empty(1024, np.float64)
    lists, (sketches, totals) = _open_lists(buckets, n_buckets), _sketch_sets(values, starts, sizes)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        for k in range(_list_candidates(i, buckets, lists, sketches, totals, limits[0], stamps, found)):
            s = _similarity(values, starts, sizes, i, found[k], limits)
            if s < 0:
                continue
            if n_pairs == len(first):
                first = np.concatenate((first, np.empty(n_pairs, np.int64)))
                second = np.concatenate((second, np.empty(n_pairs, np.int64)))
                similarities = np.concatenate((similarities, np.empty(n_pairs, np.float64)))
            first[n_pairs], second[n_pairs], similarities[n_pairs] = i, found[k], s
            n_pairs += 1
        _enlist(i, buckets, lists)
    return first[:n_pairs], second[:n_pairs], similarities[:n_pairs]


@njit(cache=True)
def _find_root(parents, i):  # type: ignore[no-untyped-def]
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


@njit(cache=True)
def join_components(buckets, n_buckets, values, starts, sizes, limits):  # type: ignore[no-untyped-def]
    """First row of each row's connected component over all verified pairs; joined rows aren't verified again.

    A row with the shingles of a listed one joins it and is not listed: whoever is like it is like that one.
    """
    n = len(buckets)
    parents = np.arange(n)
    lists, (sketches, totals) = _open_lists(buckets, n_buckets), _sketch_sets(values, starts, sizes)
    stamps, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    for i in range(n):
        repeated = False
        for k in range(_list_candidates(i, buckets, lists, sketches, totals, limits[0], stamps, found)):
            j = found[k]
            root, other = _find_root(parents, i), _find_root(parents, j)
            same = totals[i] == totals[j] and (sketches[i] == sketches[j]).all()
            if root == other and not same:
                continue
            s = _similarity(values, starts, sizes, i, j, limits)
            if s >= 0:
                parents[max(root, other)] = min(root, other)
            if s == 1.0:
                repeated = True
                break
        if not repeated:
            _enlist(i, buckets, lists)
    for i in range(n):
        parents[i] = _find_root(parents, i)
    return parents
