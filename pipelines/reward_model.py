"""Turns preferences into a reward model, measures it on held-out prompts, and scores this turn's candidates."""

import random

import polars as pl

from pipelines.groups import build_groups, newest_checkpoint, read_pairs
from pipelines.models import name_training_rows
from pipelines.samples import score_rows
from pipelines.stage import Stage
from schemas.messages import join_contents
from training.examples import Group
from training.models import set_determinism
from training.reward_checks import length_correlation, reward_accuracy
from training.reward_model import train_reward_model


def run(stage: Stage) -> None:
    """Go on from the parent's reward model, or from the last SFT checkpoint in a cold start."""
    params, out = stage.params, stage.out("models/reward_model")
    set_determinism(stage.seed, params.threads)
    pairs, prompts, candidates = read_pairs(stage), stage.rows("prompts"), stage.rows("candidates")
    trained = replay_pairs(stage, pairs.filter(pl.col("split") == "train"))
    groups = build_groups(trained, prompts, candidates)
    parent = stage.dep("models/start") / "reward_model"
    with stage.progress("training") as progress:
        result = train_reward_model(
            parent if parent.exists() else newest_checkpoint(stage), groups, params=params.reward_model,
            max_tokens=params.start.max_tokens, seed=stage.seed, out=out, work=stage.resume(), progress=progress,
        )  # fmt: skip
    scores = score_rows(stage, out, stage.new_rows("candidates"), prompts, params.reward_model.score_batch_rows)
    # on-policy: both answers were first written in this turn
    held_out = pairs.filter(pl.col("split") == "validation")
    for column in ("chosen_id", "rejected_id"):
        held_out = held_out.join(scores, left_on=column, right_on="candidate_id", how="semi")
    stage.write_table("training_rows", name_training_rows(result.model_md5, result.trained_row_ids, "preferences"))
    stage.write_table("scores", scores)
    counts = {"pairs_trained": len(result.trained_row_ids), "pairs_too_long": len(result.skipped_row_ids)}
    stage.write_metrics("reward_model", counts | measure(build_groups(held_out, prompts, candidates), held_out, scores))


def replay_pairs(stage: Stage, pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs of this turn's prompts and of a sample of earlier ones: the tenth turn costs what the second does."""
    past = stage.past_rows("prompts").join(pairs, on="prompt_id", how="semi")["prompt_id"].to_list()
    limit = stage.params.reward_model.past_prompts
    if limit is None or len(past) <= limit:
        return pairs
    replayed = random.Random(stage.seed).sample(sorted(past), limit)
    left_out = pl.Series(sorted(set(past) - set(replayed)), dtype=pl.String)
    return pairs.filter(~pl.col("prompt_id").is_in(left_out.implode()))


def measure(groups: list[Group], pairs: pl.DataFrame, scores: pl.DataFrame) -> dict[str, float | int]:
    """Accuracy on held-out pairs, beside how often the labelers agree with the very same verdicts."""
    rewards = dict(zip(scores["candidate_id"].to_list(), scores["score"].to_list(), strict=True))
    values, lengths = [], []
    for group, rows in zip(groups, pairs.sort("prompt_id").partition_by("prompt_id", maintain_order=True), strict=True):
        ids = sorted({*rows["chosen_id"], *rows["rejected_id"]})
        values.append([rewards[row_id] for row_id in ids])
        lengths.append([len(join_contents(completion)) for completion in group.completions])
    accuracy = reward_accuracy(values, [group.pairs for group in groups])
    votes = pairs.select(pl.col("votes_for", "votes_against").sum()).row(0) if pairs.height else (0, 0)
    return {
        "accuracy": accuracy.accuracy, "standard_error": accuracy.standard_error, "pairs": accuracy.n_pairs,
        "prompts": accuracy.n_prompts, "length_correlation": length_correlation(values, lengths),
        "labelers_with_consensus": votes[0] / max(1, sum(votes)),
    }  # fmt: skip
