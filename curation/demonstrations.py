"""Turns demonstrations of all turns into a ledger of those that are not trained on."""

import polars as pl

from curation.contamination import find_contamination
from curation.ledger import make_findings, record_drops, take_drops
from curation.near_duplicates import drop_exact_duplicates, drop_near_duplicates, normalise_text
from curation.noise import FOUND, CountTokens, find_noise
from curation.references import list_references
from curation.texts import completion_text, prompt_text, system_text, trained_text
from schemas import ids
from schemas.curation_params import CurateDemonstrations, LowReward, NearDuplicates

STAGE = "curate_demonstrations"
_COLUMNS = ("prompt", "text")


def curate_demonstrations(
    demonstrations: pl.DataFrame,
    prompts: pl.DataFrame,
    assignments: pl.DataFrame,
    prompt_drops: pl.DataFrame,
    origins: pl.DataFrame,
    scores: pl.DataFrame,
    *,
    params: CurateDemonstrations,
    near: NearDuplicates,
    turn: int,
    count_tokens: CountTokens | None = None,
) -> pl.DataFrame:
    """Table `dropped` for all demonstrations, judged by every rule.

    Args:
        demonstrations, prompts, origins: rows of all turns.
        prompt_drops: `dropped` rows of the prompts stage; those of demonstrations are taken over.
        scores: the parent turn's reward model over candidates (prompt_id with completion); may be empty.
        count_tokens: the run's tokenizer, as `find_noise` wants it.
    """
    rules = params.rules
    rows = _describe_demonstrations(demonstrations, prompts, assignments, origins, scores)
    references = list_references(demonstrations, origins, rules.wrong_answer.reference_sources)
    rows = rows.join(references, on="prompt_id", how="left", maintain_order="left")
    found = [find_noise(rows, rules, count_tokens=count_tokens)]
    if rules.prompt_dropped.enabled:
        found.append(_find_dropped_prompts(rows, prompt_drops))
    found.append(take_drops("demonstrations", prompt_drops).join(rows, on="row_id", how="semi"))
    if rules.held_out_split.enabled:
        held_out = rows.filter((pl.col("split") != "train").fill_null(True))
        found.append(make_findings(held_out.select("row_id", matched_id="prompt_id"), "held_out_split"))
    if rules.conflicting_outputs.enabled:
        found.append(_find_conflicts(rows))
    if rules.low_reward.enabled:
        found.append(_find_low_rewards(rows, rules.low_reward))
    found.append(_find_contaminated(rows, prompts, assignments, params, near))
    faulty = pl.concat([f.select("row_id") for f in found]).unique().with_columns(faulty=True)
    rows = rows.join(faulty, on="row_id", how="left").with_columns(pl.col("faulty").fill_null(False))
    found += _find_duplicates(rows, params, near)
    return record_drops(found, table="demonstrations", stage=STAGE, turn=turn)


def _describe_demonstrations(
    demonstrations: pl.DataFrame,
    prompts: pl.DataFrame,
    assignments: pl.DataFrame,
    origins: pl.DataFrame,
    scores: pl.DataFrame,
) -> pl.DataFrame:
    """One row a demonstration: ids, prompt, setting, text (all replies), split, and what a keep policy may ask for."""
    asked = prompts.select(
        "prompt_id", prompt=prompt_text(), setting=system_text() + "\n" + pl.col("tools").fill_null("")
    )
    came = (
        origins.filter(pl.col("table_name") == "demonstrations")
        .sort("turn", "source", "external_id")
        .group_by("row_id")
        .agg(pl.col("turn", "source", "teacher").first())
    )
    rewards = _score_demonstrations(demonstrations, scores)
    return (
        demonstrations.select(
            "prompt_id", row_id="demonstration_id", text=completion_text(), trained=trained_text()
        )
        .join(asked, on="prompt_id", how="left")
        .join(assignments.select("prompt_id", "split"), on="prompt_id", how="left")
        .join(came, on="row_id", how="left")
        .join(rewards, on="row_id", how="left")
        .with_columns(
            pl.col("prompt", "setting").fill_null(""),
            length=normalise_text(pl.col("text")).str.len_chars().cast(pl.Int64),
            untidiness=pl.col("text").str.count_matches(r"[ \t]{2,}|\n{3,}").cast(pl.Int64)
            + ~pl.col("text").str.contains(r"\p{Lu}"),
        )
        .sort("row_id")
    )  # fmt: skip


def _score_demonstrations(demonstrations: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """(row_id, reward): a demonstration has the score of the candidate with its prompt and completion."""
    if not scores.height:
        return pl.DataFrame(schema={"row_id": pl.String, "reward": pl.Float64})
    named = demonstrations.select(
        row_id="demonstration_id",
        candidate_id=pl.Series(
            [ids.candidate_id(p, c) for p, c in demonstrations.select("prompt_id", "completion").iter_rows()],
            dtype=pl.String,
        ),
    )
    rewards = scores.group_by("candidate_id").agg(reward=pl.col("score").mean())
    return named.join(rewards, on="candidate_id").select("row_id", "reward")


def _find_dropped_prompts(rows: pl.DataFrame, prompt_drops: pl.DataFrame) -> pl.DataFrame:
    gone = prompt_drops.filter(pl.col("table_name") == "prompts").select(prompt_id="row_id").unique()
    return make_findings(
        rows.join(gone, on="prompt_id", how="semi").select("row_id", matched_id="prompt_id"), "prompt_dropped"
    )


def _find_conflicts(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of one prompt and setting whose completions differ: the value is how many, and all go (self-instruct)."""
    normal = rows.with_columns(asked=normalise_text(pl.col("prompt")), said=normalise_text(pl.col("text")))
    answers = normal.group_by("asked", "setting", "said").agg(answer_id=pl.col("row_id").min())
    groups = answers.group_by("asked", "setting").agg(value=pl.len(), ids=pl.col("answer_id").sort())
    met = normal.join(groups.filter((pl.col("value") > 1) & (pl.col("asked") != "")), on=["asked", "setting"])
    met = met.join(answers, on=["asked", "setting", "said"])
    first, second = pl.col("ids").list.first(), pl.col("ids").list.get(1)
    other = pl.when(pl.col("answer_id") == first).then(second).otherwise(first)
    return make_findings(met.select("row_id", "value", matched_id=other), "conflicting_outputs", threshold=1.0)


def _find_low_rewards(rows: pl.DataFrame, rule: LowReward) -> pl.DataFrame:
    """The lowest share by reward, of rows that have one."""
    limit = rows["reward"].quantile(rule.max_quantile)
    if limit is None:
        return pl.DataFrame(schema=FOUND)
    low = rows.filter(pl.col("reward") < limit).select("row_id", value="reward")
    return make_findings(low, "low_reward", threshold=limit)


def _find_contaminated(
    rows: pl.DataFrame,
    prompts: pl.DataFrame,
    assignments: pl.DataFrame,
    params: CurateDemonstrations,
    near: NearDuplicates,
) -> pl.DataFrame:
    """Findings for demonstrations whose prompt or completion holds a benchmark prompt.

    A completion is only held against prompts long enough for an n-gram: a short one ("Hello") is anybody's answer.
    """
    benchmark = prompts.join(assignments.filter(pl.col("split") == "benchmark"), on="prompt_id", how="semi")
    benchmark = benchmark.select(row_id="prompt_id", text=prompt_text())
    trained = rows.filter(pl.col("split") == "train")
    long = benchmark.filter(
        pl.col("text").str.count_matches(r"\S+") >= params.contamination.benchmark_short_overlap.n_words
    )
    asked = find_contamination(
        trained.select("row_id", text="prompt"), benchmark, params=params.contamination, near=near, field="prompt"
    )
    answered = find_contamination(
        trained.select("row_id", "text"), long, params=params.contamination, near=near, field="completion"
    )
    return pl.concat([asked, answered])


def _find_duplicates(rows: pl.DataFrame, params: CurateDemonstrations, near: NearDuplicates) -> list[pl.DataFrame]:
    """Findings for rows alike in prompt and completion both."""
    found = []
    if params.rules.exact_duplicate.enabled:
        exact = drop_exact_duplicates(rows, columns=_COLUMNS, keep=params.keep, within="setting").rename(
            {"similarity": "value"}
        )
        found.append(make_findings(exact, "exact_duplicate", threshold=1.0))
    if params.rules.near_duplicate.enabled:
        matches = drop_near_duplicates(rows, near, columns=_COLUMNS, keep=params.keep, within="setting").rename(
            {"similarity": "value"}
        )
        found.append(make_findings(matches, "near_duplicate", threshold=near.threshold))
    return found
