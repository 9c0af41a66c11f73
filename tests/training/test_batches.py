from collections import Counter

from training.batches import plan_batches

LENGTHS = [5, 9, 1, 7, 3, 8, 2]


def test_every_row_comes_once_an_epoch_and_only_the_last_batch_is_smaller():
    batches = plan_batches(LENGTHS, batch_rows=3, n_rows=14, seed=1)
    assert [len(batch) for batch in batches] == [3, 3, 3, 3, 2]
    assert Counter(row for batch in batches for row in batch) == {row: 2 for row in range(7)}


def test_rows_of_like_length_share_a_batch():
    batches = plan_batches(LENGTHS, batch_rows=3, n_rows=6, seed=1)
    first, second = sorted(sorted(LENGTHS[row] for row in batch) for batch in batches)
    assert max(first) <= min(second), "both batches come from one pool, so they split it by length"


def test_the_seed_alone_decides():
    same = [plan_batches(LENGTHS, batch_rows=2, n_rows=7, seed=3) for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != plan_batches(LENGTHS, batch_rows=2, n_rows=7, seed=4)
