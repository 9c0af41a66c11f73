"""Turns prompts into those that are too much like an earlier one by ROUGE-L, as self-instruct does."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from curation.keeping import order_rows
from curation.words import Array, running_sum, string_buffers


def drop_similar(rows: pl.DataFrame, max_rouge: float, *, keep: Sequence[str] = ()) -> pl.DataFrame:
    """Rows whose ROUGE-L with an accepted row is above max_rouge: (row_id, matched_id, value), the most alike named.

    ROUGE-L is the F-measure of the longest common subsequence of words (Lin 2004); words are runs of letters and
    digits in lower case, as in the package rouge_score, there only ASCII ones. Rows are accepted in the order of the
    policy `keep`, as `order_rows` says. A row without a word is like no other.
    """
    from curation import rouge_kernel

    rows = order_rows(rows, keep)
    words, starts = _number_words(rows["text"])
    bags, n_members = _order_bags(words, starts)
    heads = np.full(n_members, -1, np.int64)
    matched, scores = rouge_kernel.accept_rows(words, starts, bags, heads, max_rouge)
    found = np.flatnonzero(matched >= 0)
    ids = rows["row_id"]
    return pl.DataFrame(
        {"row_id": ids.gather(found), "matched_id": ids.gather(matched[found]), "value": scores[found]},
        schema={"row_id": pl.String, "matched_id": pl.String, "value": pl.Float64},
    ).sort("row_id")


def _number_words(texts: pl.Series) -> tuple[Array, Array]:
    """Each row's words as numbers, flat and in order, and where each row's begin."""
    from curation import rouge_kernel
    from curation.kernels import run_rows
    from curation.text_kernels import classify_characters

    data, offsets = string_buffers(texts.str.normalize("NFC").str.to_lowercase())
    counts = np.zeros(len(texts), np.int64)
    run_rows(rouge_kernel.count_parts, len(texts), data, offsets, classify_characters(), counts)
    starts = running_sum(counts)
    hashes = np.empty(starts[-1], np.uint64)
    run_rows(rouge_kernel.hash_parts, len(texts), data, offsets, classify_characters(), starts, hashes)
    return np.unique(hashes, return_inverse=True)[1].astype(np.int64), starts


def _order_bags(words: Array, starts: Array) -> tuple[Array, int]:
    """Each row's words as a sorted set of numbers: the k-th occurrence of a word is a member, rare ones come first."""
    owners = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    frame = pl.DataFrame({"row": owners, "word": words})
    members = frame.select("row", "word", occurrence=pl.int_range(pl.len()).over("row", "word"))
    sizes = (
        members.group_by("word", "occurrence").agg(n=pl.len()).sort("n", "word", "occurrence").with_row_index("member")
    )
    numbered = members.join(sizes, on=["word", "occurrence"]).sort("row", "member")
    return numbered["member"].cast(pl.Int64).to_numpy(), sizes.height
