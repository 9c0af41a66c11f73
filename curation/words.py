"""Turns texts into hashed words: UTF-8 bytes as compiled loops read them, tokens, and n-grams of tokens.

Words are what stands between white space, punctuation included, lower-cased in NFC. Texts in scripts without spaces
are split into characters where asked. All ASCII texts, most of them, are lower-cased as they are read: the
others alone pass through Unicode normalisation, which takes ten times as long as hashing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray

# All characters that normalisation to NFC may change, or compose with one before them, lie in here
_DECOMPOSED = r"[\x{300}-\x{2001}\x{20d0}-\x{4dff}\x{a000}-\x{10ffff}]"
# Han, Hiragana, Katakana, Thai, Lao, Myanmar, Khmer, Tibetan: written without spaces between words
_SPACELESS = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}\p{Tibetan}]"


@dataclass(frozen=True)
class Encoded:
    """UTF-8 bytes of some rows of a column, lower-cased but for ASCII: row at[k] is data[offsets[k]:offsets[k + 1]].

    at[k] is -1 where the bytes are to be passed over. by_character[k]: tokens are characters, not words. ascii_only:
    there is no other character in any row that is not passed over.
    """

    data: Array
    offsets: Array
    at: Array
    by_character: Array
    ascii_only: bool


@dataclass(frozen=True)
class Tokens:
    """Hashes and lengths (characters) of every row's tokens, flat; row r's are at starts[r]:starts[r + 1]."""

    hashes: Array
    lengths: Array
    starts: Array
    by_character: Array


def encode_texts(texts: pl.Series, *, split_spaceless: bool = True) -> list[Encoded]:
    """Bytes of all rows (null is empty), in at most two parts: all ASCII, and the rest in NFC and lower case."""
    column = texts.alias("text").fill_null("").to_frame()
    foreign = column.select(pl.col("text").str.len_bytes() != pl.col("text").str.len_chars())["text"].to_numpy()
    at = np.arange(len(texts))
    plain = Encoded(*string_buffers(column["text"]), np.where(foreign, -1, at), np.zeros(len(texts), np.bool_), True)
    if not foreign.any():
        return [plain]
    rest = _lower_foreign(column["text"].filter(pl.Series(foreign)))
    by_character = _find_spaceless(rest) if split_spaceless else np.zeros(len(rest), np.bool_)
    return [plain, Encoded(*string_buffers(rest), at[foreign], by_character, False)]


def hash_words(texts: pl.Series, *, split_spaceless: bool = True) -> Tokens:
    """Tokens of each text; with split_spaceless, characters where the script has no spaces."""
    from curation import kernels

    n = len(texts)
    counts, by_character = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    parts = encode_texts(texts, split_spaceless=split_spaceless)
    for part in parts:
        kernels.run_rows(
            kernels.count_tokens, len(part.at), part.data, part.offsets, part.at, part.by_character, counts
        )
        by_character[part.at[part.by_character]] = True
    starts = running_sum(counts)
    hashes, lengths = np.empty(starts[-1], np.uint64), np.empty(starts[-1], np.uint32)
    for part in parts:
        kernels.run_rows(
            kernels.hash_tokens,
            len(part.at),
            part.data,
            part.offsets,
            part.at,
            part.by_character,
            starts,
            hashes,
            lengths,
        )
    return Tokens(hashes, lengths, starts, by_character)


def hash_ngrams(tokens: Tokens, n_words: int) -> tuple[Array, Array]:
    """Hash of every run of n_words tokens, flat, and where each row's begin; shorter rows have none."""
    from curation import kernels

    starts = running_sum(np.maximum(np.diff(tokens.starts) - n_words + 1, 0))
    ngrams = np.empty(starts[-1], np.uint64)
    kernels.run_rows(kernels.hash_ngrams, len(starts) - 1, tokens.hashes, tokens.starts, n_words, starts, ngrams)
    return ngrams, starts


def string_buffers(texts: pl.Series) -> tuple[Array, Array]:
    """UTF-8 bytes of all texts and the offsets (n + 1) of each, without a copy per text."""
    return arrow_buffers(texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()))  # offsets, not views


def arrow_buffers(array: "pa.LargeStringArray") -> tuple[Array, Array]:
    """`string_buffers` of an Arrow array, of which nothing is read."""
    _, offset_buffer, data_buffer = array.buffers()
    if not len(array):
        return np.frombuffer(b"\0", np.uint8), np.frombuffer(bytes(8), np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data_buffer if data_buffer and data_buffer.size else b"\0", np.uint8), offsets


def running_sum(counts: Array) -> Array:
    """Where each part begins, and last where all end: n + 1 numbers from n counts."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)))


def _lower_foreign(texts: pl.Series) -> pl.Series:
    """NFC and lower case of texts, of which few have characters that normalisation could change."""
    suspect = texts.str.contains(_DECOMPOSED)
    if suspect.any():
        normal = texts.filter(suspect).str.normalize("NFC")
        texts = texts.scatter(suspect.arg_true(), normal)
    return texts.str.to_lowercase()


def _find_spaceless(texts: pl.Series) -> Array:
    """True where at least half of the characters that are not white space belong to a script without spaces."""
    suspect = texts.str.contains(_SPACELESS)
    if not suspect.any():
        return np.zeros(len(texts), np.bool_)
    counted = texts.to_frame("text").select(
        pl.col("text").str.count_matches(_SPACELESS) * 2 >= pl.col("text").str.count_matches(r"\S")
    )
    return (suspect & counted["text"]).to_numpy().copy()
