import numpy as np
import polars as pl
from datasketch import MinHash

from curation import signing
from curation.buckets import draw_permutations
from curation.words import encode_texts

TEXTS = ["one", "Sonst nichts, gar nichts!", "", "Été Über " * 9 + "end", " ".join(f"w{i}" for i in range(300))]
WIDTHS, SEEDS = np.array([3, 5]), np.zeros(len(TEXTS), np.uint64)


def sign(texts: list[str], n: int, seed: int) -> np.ndarray:
    a, b = draw_permutations(n, seed)
    signatures = np.full((len(texts), n), 0xFFFFFFFF, np.uint32)
    counts = np.zeros(len(texts), np.int32)
    for part in encode_texts(pl.Series(texts)):
        signing.sign_texts(*vars(part).values(), WIDTHS, SEEDS, a, b, signatures, counts)
    return signatures


def list_shingles(texts: list[str]) -> list[np.ndarray]:
    values, starts, sizes = np.zeros(1000, np.uint64), np.arange(len(texts)) * 100, np.zeros(len(texts), np.int64)
    starts[-1] = 500
    for part in encode_texts(pl.Series(texts)):
        signing.write_sets(*vars(part).values(), WIDTHS, SEEDS, starts, values, sizes)
    return [values[start : start + size] for start, size in zip(starts, sizes, strict=True)]


def test_signatures_equal_those_of_datasketch_for_the_same_shingle_hashes() -> None:
    signatures, shingles = sign(TEXTS, 128, 7), list_shingles(TEXTS)
    # "Été Über " nine times, then end: three different 3-grams (two inside, one with the end)
    assert [len(s) for s in shingles] == [1, 2, 0, 3, 298]
    for signature, values in zip(signatures, shingles, strict=True):
        theirs = MinHash(num_perm=128, seed=7, scheme="affine32", hashfunc=lambda value: value)
        if len(values):
            theirs.update_batch([int(s) & 0xFFFFFFFF for s in values])
        assert signature.tolist() == [int(v) for v in theirs.hashvalues]


def test_buckets_are_rows_of_equal_keys() -> None:
    rng = np.random.default_rng(1)
    digits = rng.integers(0, 8, (3, 5, 1000), dtype=np.uint32)
    keys = digits[0] | digits[1] << np.uint32(11) | digits[2] << np.uint32(22)  # as the sort takes them
    alone, shared, counts = rng.random(1000) < 0.1, np.zeros(1000, np.bool_), np.zeros(5, np.int64)
    wanted, some = keys.copy(), np.zeros(1000, bool)
    signing.group_bands(0, 5, keys, alone, shared, counts)
    for band in range(5):
        numbers = {}
        for key in set(wanted[band]):
            members = np.flatnonzero((wanted[band] == key) & ~alone)
            found = set(keys[band, members].tolist())
            some[members] |= len(members) > 1
            assert len(found) <= 1 and (found == {signing.NOBODY}) == (len(members) == 1)
            if len(members) > 1:
                numbers[found.pop()] = key
        assert sorted(numbers) == list(range(counts[band]))  # another number for each
        assert (keys[band, alone] == signing.NOBODY).all()
    assert shared.tolist() == some.tolist()


def test_shared_rows_are_those_whose_key_is_among_the_new_ones() -> None:
    rng = np.random.default_rng(2)
    known, new = (rng.integers(0, 5_000, n, dtype=np.uint32) * np.uint32(4096) for n in (900, 300))  # keys collide
    shared = rng.random(900) < 0.1
    expected = shared | np.isin(known, new)
    signing.mark_shared(known, *signing.index_keys(new), shared)
    assert 0 < shared.sum() < 900 and shared.tolist() == expected.tolist()
