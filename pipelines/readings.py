"""Turns candidates into what the audit of preferences asks of models: their tokens, and rewards by the parent's."""

from typing import Any

import polars as pl

from curation.preference_audit import Readings
from pipelines.stage import Stage
from schemas.params import Audit

Item = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def read_candidates(stage: Stage, candidates: pl.DataFrame, prompts: pl.DataFrame) -> Readings:
    """Tokens of the candidates, and rewards of this turn's; nothing that no check asks for."""
    audit = stage.params.curate_preferences.audit
    tokens = _encode_candidates(stage, candidates, prompts, audit)
    scores = _score_candidates(stage, stage.new_rows("candidates"), prompts, audit)
    return Readings(tokens, scores, stage.params.start.max_tokens)


def _encode_candidates(stage: Stage, candidates: pl.DataFrame, prompts: pl.DataFrame, audit: Audit) -> pl.DataFrame:
    """(candidate_id, tokens) of each candidate with its prompt, as trainers encode them; none where nobody asks."""
    asked = audit.checks.identical_after_truncation.enabled or audit.checks.over_long.enabled
    joined, items = _list_items(candidates if asked else candidates.clear(), prompts)
    tokens: list[list[int]] = []
    if items:
        from training.models import load_tokenizer
        from training.tokenizer import encode_example

        tokenizer = load_tokenizer(stage.dep("models/start") / "policy")
        with stage.progress("counting tokens") as progress:
            for done, (messages, completion) in enumerate(items, 1):
                tokens.append(encode_example(tokenizer, messages, completion)[0])
                progress(done, len(items))
    return pl.DataFrame(
        {"candidate_id": joined["candidate_id"], "tokens": tokens}, schema_overrides={"tokens": pl.List(pl.Int64)}
    )


def _score_candidates(stage: Stage, candidates: pl.DataFrame, prompts: pl.DataFrame, audit: Audit) -> pl.DataFrame:
    """(candidate_id, score) by the parent's reward model, which never saw these; none in a cold start."""
    reward_model = stage.dep("models/start") / "reward_model"
    asked = audit.checks.reward_outlier.enabled or audit.checks.reward_opposed.enabled
    joined, items = _list_items(candidates if asked and reward_model.exists() else candidates.clear(), prompts)
    scores: list[float] = []
    if items:
        from training.models import set_determinism
        from training.reward_model import score_completions

        set_determinism(stage.seed, stage.params.threads)
        with stage.progress("scoring") as progress:
            scores = score_completions(
                reward_model, items, batch_rows=audit.score_batch_rows, max_tokens=stage.params.start.max_tokens,
                progress=progress,
            )  # fmt: skip
    return pl.DataFrame(
        {"candidate_id": joined["candidate_id"], "score": scores}, schema_overrides={"score": pl.Float64}
    )


def _list_items(candidates: pl.DataFrame, prompts: pl.DataFrame) -> tuple[pl.DataFrame, list[Item]]:
    joined = candidates.join(prompts.select("prompt_id", "messages"), on="prompt_id").sort("candidate_id")
    return joined, list(zip(joined["messages"].to_list(), joined["completion"].to_list(), strict=True))
