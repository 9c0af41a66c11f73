"""Compiled loops from texts to MinHash bands and shingle sets.

Importing this module imports numba; import it inside functions. A row's words are hashed while its bytes are read,
its shingles rolled and signed at once; nothing of a row is stored but its signature. The loop over permutations is the
innermost one, over neighbours in memory, so that the compiler makes vectors of it.
"""

import numpy as np
from numba import njit

from curation.kernels import hash_row, hash_run, load_8, mix_bits

PADDED = 32
"""Signatures are computed in multiples of this many permutations: whole vectors, no rest."""
NOBODY = 0xFFFFFFFF


@njit(cache=True, nogil=True)
def sign_texts(data, offsets, at, by_character, ascii_only, widths, seeds, a, b, signatures, counts):  # type: ignore[no-untyped-def]
    """Lower row at[k]'s signature by its shingles: min of a*h + b mod 2^32 over fmix32 of their low 32 bits.

    This is datasketch's scheme `affine32`. A row without shingles keeps the signature it came with. widths: tokens a
    shingle, of words and of characters. counts[row] is set to the number of the row's shingles, repeats included.
    len(a) is a multiple of PADDED.
    """
    tokens, hashes = np.empty(64, np.uint64), np.empty(64, np.uint32)
    for k in range(len(at)):
        row, size = at[k], offsets[k + 1] - offsets[k]
        if row < 0:
            continue
        if size + 4 > len(tokens):
            tokens, hashes = np.empty(2 * size + 4, np.uint64), np.empty(2 * size + 4, np.uint32)
        n = hash_row(data, offsets[k], offsets[k + 1], by_character[k], ascii_only, tokens)
        if n == 0:
            continue
        width = min(n, widths[1] if by_character[k] else widths[0])
        n_shingles = n - width + 1
        for s in range(n_shingles):
            hashes[s] = _mix_32(np.uint32(hash_run(tokens, s, width, seeds[row])))
        for s in range(n_shingles, n_shingles + 3):  # four at a time below: the last one again does no harm
            hashes[s] = hashes[n_shingles - 1]
        _lower(signatures[row], hashes, n_shingles, a, b)
        counts[row] = n_shingles


@njit(cache=True, inline="always")
def _mix_32(value):  # type: ignore[no-untyped-def]
    """The 32-bit finaliser of MurmurHash3."""
    value ^= value >> np.uint32(16)
    value = np.uint32(value * np.uint32(0x85EBCA6B))
    value ^= value >> np.uint32(13)
    value = np.uint32(value * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@njit(cache=True)
def _lower(signature, hashes, n, a, b):  # type: ignore[no-untyped-def]
    """Four shingles a round, so that a value of the signature is loaded and stored once for all four."""
    for s in range(0, n, 4):
        h0, h1, h2, h3 = hashes[s], hashes[s + 1], hashes[s + 2], hashes[s + 3]
        for k in range(len(a)):
            v0, v1 = np.uint32(a[k] * h0 + b[k]), np.uint32(a[k] * h1 + b[k])
            v2, v3 = np.uint32(a[k] * h2 + b[k]), np.uint32(a[k] * h3 + b[k])
            v0, v2 = (v0 if v0 < v1 else v1), (v2 if v2 < v3 else v3)
            v0 = v0 if v0 < v2 else v2
            signature[k] = v0 if v0 < signature[k] else signature[k]


@njit(cache=True, nogil=True)
def hash_bands(signatures, rows_per_band, first_row, keys):  # type: ignore[no-untyped-def]
    """Write one 32-bit key a band (keys: bands x rows) of signatures that begin at first_row."""
    for row in range(len(signatures)):
        for band in range(len(keys)):
            h = np.uint64(band)
            for k in range(band * rows_per_band, (band + 1) * rows_per_band):
                h = mix_bits(h ^ np.uint64(signatures[row, k]) * np.uint64(0x9E3779B97F4A7C15))
            keys[band, first_row + row] = np.uint32(h)


@njit(cache=True, nogil=True)
def group_bands(first, last, keys, alone, shared, n_buckets):  # type: ignore[no-untyped-def]
    """Turn each band's keys into numbers of the buckets that hold two rows or more, in place; NOBODY elsewhere.

    Rows that are alone take no part. shared[row] becomes true where a row is in a bucket of any band.
    """
    n = len(alone)
    packed, spare = np.empty(n, np.uint64), np.empty(n, np.uint64)
    for band in range(first, last):
        size = 0
        for row in range(n):
            if not alone[row]:
                packed[size] = (np.uint64(keys[band, row]) << np.uint64(32)) | np.uint64(row)
                size += 1
            keys[band, row] = NOBODY
        packed, spare = _sort_keys(packed, spare, size)
        number, begin = 0, 0
        for k in range(1, size + 1):
            if k < size and packed[k] >> np.uint64(32) == packed[begin] >> np.uint64(32):
                continue
            if k - begin > 1:
                for m in range(begin, k):
                    row = int(packed[m] & np.uint64(NOBODY))
                    keys[band, row] = number
                    shared[row] = True
                number += 1
            begin = k
        n_buckets[band] = number


@njit(cache=True, nogil=True)
def index_keys(keys):  # type: ignore[no-untyped-def]
    """A hash table of keys, and bits that tell most others apart without a look at it: they fit a smaller cache.

    NOBODY is an empty place, so that the one key that looks like it is not found.
    """
    size = 64
    while size < 4 * len(keys):
        size *= 2
    table, bits = np.full(size, NOBODY, np.uint32), np.zeros(size >> 5, np.uint64)
    for key in keys:
        bits[_word(key, bits)] |= np.uint64(1) << np.uint64(key & np.uint32(63))
        place = int(key) & (size - 1)
        while table[place] != NOBODY and table[place] != key:
            place = (place + 1) & (size - 1)
        table[place] = key
    return table, bits


@njit(cache=True, inline="always")
def _word(key, bits):  # type: ignore[no-untyped-def]
    return (key >> np.uint32(6)) & np.uint32(len(bits) - 1)


@njit(cache=True, nogil=True)
def mark_shared(keys, table, bits, shared):  # type: ignore[no-untyped-def]
    """Mark the rows whose key is in what `index_keys` gave."""
    for row in range(len(keys)):
        key = keys[row]
        if (bits[_word(key, bits)] >> np.uint64(key & np.uint32(63))) & np.uint64(1) == 0:
            continue
        place = int(key) & (len(table) - 1)
        while table[place] != NOBODY:
            if table[place] == key:
                shared[row] = True
                break
            place = (place + 1) & (len(table) - 1)


@njit(cache=True)
def _sort_keys(packed, spare, size):  # type: ignore[no-untyped-def]
    """Sort by the upper 32 bits, least digit of 11 bits first; returns the sorted array and the other one."""
    counts = np.empty(2048, np.int64)
    for shift in (32, 43, 54):
        counts[:] = 0
        for k in range(size):
            counts[(packed[k] >> np.uint64(shift)) & np.uint64(2047)] += 1
        place = 0
        for digit in range(2048):
            count = counts[digit]
            counts[digit] = place
            place += count
        for k in range(size):
            digit = (packed[k] >> np.uint64(shift)) & np.uint64(2047)
            spare[counts[digit]] = packed[k]
            counts[digit] += 1
        packed, spare = spare, packed
    return packed, spare


@njit(cache=True, nogil=True)
def digest_texts(data, offsets, digests):  # type: ignore[no-untyped-def]
    """Replace each row's digest by one of itself and of the row's bytes."""
    for row in range(len(digests)):
        h, i, end = digests[row] + np.uint64(offsets[row + 1] - offsets[row]), offsets[row], offsets[row + 1]
        while i + 8 <= end:
            h = mix_bits(h ^ load_8(data, i)) + np.uint64(0x9E3779B97F4A7C15)
            i += 8
        while i < end:
            h = mix_bits(h ^ np.uint64(data[i])) + np.uint64(0x9E3779B97F4A7C15)
            i += 1
        digests[row] = mix_bits(h)


@njit(cache=True, nogil=True)
def write_sets(data, offsets, at, by_character, ascii_only, widths, seeds, starts, values, sizes):  # type: ignore[no-untyped-def]
    """Write row at[k]'s shingles at starts[row], sorted, repeats left out, and how many they are."""
    tokens, spare, places = np.empty(64, np.uint64), np.empty(64, np.uint64), np.empty(65, np.int64)
    for k in range(len(at)):
        row = at[k]
        if row < 0:
            continue
        if offsets[k + 1] - offsets[k] > len(tokens):
            size = 2 * (offsets[k + 1] - offsets[k])
            tokens, spare, places = np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size + 1, np.int64)
        n = hash_row(data, offsets[k], offsets[k + 1], by_character[k], ascii_only, tokens)
        width = min(n, widths[1] if by_character[k] else widths[0])
        n_shingles = n - width + (n > 0)
        part = values[starts[row] : starts[row] + n_shingles]
        for s in range(n_shingles):
            spare[s] = hash_run(tokens, s, width, seeds[row])
        _sort_hashes(spare, part, places)
        size = 0
        for s in range(n_shingles):
            if s == 0 or part[s] != part[size - 1]:
                part[size] = part[s]
                size += 1
        sizes[row] = size


@njit(cache=True)
def _sort_hashes(hashes, ordered, places):  # type: ignore[no-untyped-def]
    """Write hashes in ascending order: evenly spread as they are, each is first put near its place, then moved in."""
    n = np.uint64(len(ordered))
    places[: n + 1] = 0
    for k in range(n):
        places[((hashes[k] >> np.uint64(32)) * n >> np.uint64(32)) + np.uint64(1)] += 1
    for k in range(n):
        places[k + 1] += places[k]
    for k in range(n):
        digit = (hashes[k] >> np.uint64(32)) * n >> np.uint64(32)
        ordered[places[digit]] = hashes[k]
        places[digit] += 1
    for k in range(1, len(ordered)):
        value, m = ordered[k], k
        while m > 0 and ordered[m - 1] > value:
            ordered[m] = ordered[m - 1]
            m -= 1
        ordered[m] = value
