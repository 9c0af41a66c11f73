"""Turns texts into counts of their characters, words, lines and paragraphs: what many noise rules read."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from curation.words import Array, string_buffers


def count_characters(texts: pl.Series) -> pl.DataFrame:
    """visible, solid (not blank), symbols and unprintable characters of each text."""
    from curation import text_kernels as kernels

    columns = ["visible", "solid", "symbols", "unprintable"]
    return _count(kernels.count_characters, texts, columns, kernels.classify_characters())


def count_words(texts: pl.Series, stop_words: Sequence[str]) -> pl.DataFrame:
    """words with a letter or digit, their characters, all words, those with a letter, symbols, stop words met."""
    from curation import text_kernels as kernels

    columns = ["words", "word_characters", "all_words", "alphabetic", "hashes", "ellipses", "stop_words"]
    stops = [np.frombuffer(word.lower().encode(), np.uint8) for word in stop_words]
    hashes = np.array([kernels.hash_word(word, 0, len(word)) for word in stops], np.uint64)
    return _count(kernels.count_words, texts, columns, kernels.classify_characters(), hashes)


def count_lines(texts: pl.Series) -> pl.DataFrame:
    """Lines that are not blank and paragraphs between blank lines: how many, characters, repeats, kinds."""
    from curation import text_kernels as kernels

    columns = ["lines", "line_characters", "repeated_lines", "repeated_line_characters", "bullet_lines",
               "ellipsis_lines", "sentences", "paragraphs", "paragraph_characters", "repeated_paragraphs",
               "repeated_paragraph_characters"]  # fmt: skip
    return _count(kernels.count_lines, texts, columns, kernels.classify_characters())


def _count(kernel: Callable[..., Any], texts: pl.Series, columns: Sequence[str], *arguments: Array) -> pl.DataFrame:
    from curation.kernels import run_rows

    counts = np.zeros((len(texts), len(columns)), np.int64)
    run_rows(kernel, len(texts), *string_buffers(texts), *arguments, counts)
    return pl.DataFrame(counts, schema=list(columns), orient="row")
