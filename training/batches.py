"""Turns row lengths into the batches of a training run: every row once an epoch, rows of like length together."""

from collections.abc import Sequence

POOLED_BATCHES = 8
"""Rows of so many batches are sorted by length before they are cut into batches: little padding, still well mixed."""


def plan_batches(lengths: Sequence[int], *, batch_rows: int, n_rows: int, seed: int) -> list[list[int]]:
    """Indices of rows, batch after batch, `n_rows` in all; only the last batch may be smaller than `batch_rows`.

    Epochs are shuffled one by one and joined, so a batch can hold the end of one and the beginning of the next.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    stream: list[int] = []
    while len(stream) < n_rows:
        stream += torch.randperm(len(lengths), generator=generator).tolist()
    stream = stream[:n_rows]
    batches: list[list[int]] = []
    for begin in range(0, n_rows, batch_rows * POOLED_BATCHES):
        pool = sorted(stream[begin : begin + batch_rows * POOLED_BATCHES], key=lambda row: lengths[row])
        cut = [pool[at : at + batch_rows] for at in range(0, len(pool), batch_rows)]
        whole = len(cut) if len(cut[-1]) == batch_rows else len(cut) - 1
        batches += [cut[at] for at in torch.randperm(whole, generator=generator).tolist()] + cut[whole:]
    return batches
