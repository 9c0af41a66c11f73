from pathlib import Path
from typing import Any

import polars as pl

from pipelines.tokens import TOKENIZER, token_counter


class Here:
    """As much of a stage as a counter asks for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def dep(self, path: str) -> Path:
        assert path == TOKENIZER
        return self.path


def test_tokens_are_the_tokenizers_without_special_ones_and_without_truncation(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2, "<s>": 3}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 3)])
    tokenizer.enable_truncation(2)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    stage: Any = Here(tmp_path / "tokenizer.json")
    counts = token_counter(stage)(pl.Series(["a b a c", "", "b"]))
    assert counts.to_list() == [4, 0, 1] and counts.dtype == pl.Int64
    assert token_counter(stage)(pl.Series([], dtype=pl.String)).to_list() == []
