"""Turns candidates into what the audit of preferences reads beside them: tokens, and rewards by the parent."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curation.preference_audit import Readings
from pipelines.stage import Stage
from schemas.curation_params import Audit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GENERAL = "TokenizersBackend"
"""The class of a tokenizer that needs no code of its own, as its configuration names it."""
Item = tuple[list[dict[str, Any]], list[dict[str, Any]]]
TOKENS = {"candidate_id": pl.String(), "tokens": pl.List(pl.Int64())}


def read_candidates(stage: Stage, candidates: pl.DataFrame, prompts: pl.DataFrame) -> Readings:
    """Tokens of the candidates, and rewards of this turn's; nothing that no check asks for."""
    audit = stage.params.curate_preferences.audit
    tokens = _encode_candidates(stage, candidates, prompts, audit)
    scores = stage.new_rows("scores").select("candidate_id", "score")
    return Readings(tokens, scores, stage.params.start.max_tokens)


def _encode_candidates(stage: Stage, candidates: pl.DataFrame, prompts: pl.DataFrame, audit: Audit) -> pl.DataFrame:
    """(candidate_id, tokens) with the prompt, as trainers encode them, of each candidate that may be too long.

    The checks ask after what reaches `start.max_tokens`; candidates of all turns come by, most of them far shorter.
    """
    asked = audit.checks.identical_after_truncation.enabled or audit.checks.over_long.enabled
    joined, items = _list_items(candidates if asked else candidates.clear(), prompts)
    ids: list[str] = []
    tokens: list[list[int]] = []
    if items:
        from training.tokenizer import encode_example

        tokenizer = _load_tokenizer(stage.dep("models/start") / "policy")

        @cache
        def count_markers(roles: tuple[str, ...], n_prompt: int) -> int:
            empty = [{"role": role, "content": ""} for role in roles]
            return len(encode_example(tokenizer, empty[:n_prompt], empty[n_prompt:])[0])

        with stage.progress("counting tokens") as progress:
            for done, (row_id, item) in enumerate(zip(joined["candidate_id"], items, strict=True), 1):
                if not is_surely_short(item, stage.params.start.max_tokens, count_markers):
                    ids.append(row_id)
                    tokens.append(encode_example(tokenizer, *item)[0])
                progress(done, len(items))
    return pl.DataFrame({"candidate_id": ids, "tokens": tokens}, schema=TOKENS)


def _load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model, as `load_tokenizer` gives it; one of ours without the torch that AutoTokenizer imports.

    What we saved as of the general class is what AutoTokenizer made of it before, so it makes the same of it again.
    """
    from training.models import LINEAGE, load_tokenizer
    from training.tokenizer import ensure_chat_template

    config = folder / "tokenizer_config.json"
    ours = (folder / LINEAGE).exists() and config.exists()
    if not ours or json.loads(config.read_bytes()).get("tokenizer_class") != GENERAL:
        return load_tokenizer(folder)
    from transformers import PreTrainedTokenizerFast

    return ensure_chat_template(PreTrainedTokenizerFast.from_pretrained(str(folder)))


def is_surely_short(item: Item, max_tokens: int, count_markers: Callable[[tuple[str, ...], int], int]) -> bool:
    """Whether a prompt with its completion has fewer tokens than `max_tokens`, by its length alone.

    Plain ASCII text has no more tokens than characters, and one for the blank that a tokenizer may put before it.
    """
    messages = [*item[0], *item[1]]
    texts = [message["content"] or "" for message in messages]
    if any(message.get("tool_calls") or message.get("name") for message in messages):
        return False
    if not all(text.isascii() for text in texts):
        return False
    markers = count_markers(tuple(message["role"] for message in messages), len(item[0]))
    return markers + sum(map(len, texts)) + len(texts) < max_tokens


def _list_items(candidates: pl.DataFrame, prompts: pl.DataFrame) -> tuple[pl.DataFrame, list[Item]]:
    joined = candidates.join(prompts.select("prompt_id", "messages"), on="prompt_id").sort("candidate_id")
    return joined, list(zip(joined["messages"].to_list(), joined["completion"].to_list(), strict=True))
