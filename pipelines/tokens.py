"""Turns texts into numbers of tokens, by the tokenizer of the run's policy."""

import polars as pl

from curation.noise import CountTokens
from pipelines.stage import Stage

TOKENIZER = "models/start/policy/tokenizer.json"
_ROWS = 1_000  # encoded at a time


def token_counter(stage: Stage) -> CountTokens:
    """A function from texts to their tokens, special ones left out; the tokenizer is read when it is first called."""
    path = stage.dep(TOKENIZER)

    def count_tokens(texts: pl.Series) -> pl.Series:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        counts: list[int] = []
        for part in texts.to_frame().iter_slices(_ROWS):
            batch = tokenizer.encode_batch_fast(part.to_series().to_list(), add_special_tokens=False)
            counts += [len(encoding) for encoding in batch]
        return pl.Series(counts, dtype=pl.Int64)

    return count_tokens
