"""Turns a turn's tables into the pairs and votes that the audit reads, and audits its preferences."""

from dataclasses import dataclass

import polars as pl

from curation.audit import audit_pairs
from curation.conversations import count_empty_turns, last_message
from curation.ledger import keep_rows
from curation.texts import prompt_text, said_text, system_text
from schemas.curation_params import Audit, NearDuplicates


@dataclass(frozen=True)
class Tables:
    """The tables that preferences come from, rows of all turns, and what is dropped of them so far.

    demonstrations: those that stay.
    """

    rankings: pl.DataFrame
    candidates: pl.DataFrame
    prompts: pl.DataFrame
    demonstrations: pl.DataFrame
    assignments: pl.DataFrame
    labelers: pl.DataFrame
    labeler_stats: pl.DataFrame
    dropped: pl.DataFrame


@dataclass(frozen=True)
class Readings:
    """What models read in candidates.

    tokens: candidate_id, tokens (ids of its prompt with it, by the run's tokenizer), of which a trainer reads the first
    max_tokens. scores: candidate_id, score, of one reward model.
    """

    tokens: pl.DataFrame
    scores: pl.DataFrame
    max_tokens: int | None = None


NOTHING_READ = Readings(
    pl.DataFrame(schema={"candidate_id": pl.String, "tokens": pl.List(pl.Int64)}),
    pl.DataFrame(schema={"candidate_id": pl.String, "score": pl.Float64}),
)


def audit_preferences(
    preferences: pl.DataFrame,
    decided: pl.DataFrame,
    comparisons: pl.DataFrame,
    tables: Tables,
    *,
    audit: Audit,
    near: NearDuplicates,
    readings: Readings,
) -> pl.DataFrame:
    """Table `pair_findings` of the preferences.

    Args:
        decided: pair_id, margin.
        comparisons: view `comparisons`, one direction of each pair.
    """
    texts = _describe_candidates(tables.candidates, readings)
    pairs = _describe_pairs(preferences, decided, texts, tables.prompts)
    votes = _describe_votes(preferences, comparisons, texts, tables)
    held = tables.assignments.filter(pl.col("split") == "benchmark")
    benchmark = tables.prompts.join(held, on="prompt_id", how="semi").select(row_id="prompt_id", text=prompt_text())
    return audit_pairs(
        pairs, audit, near, votes=votes, benchmark=benchmark, max_tokens=readings.max_tokens,
        demonstrations=_describe_demonstrations(tables.demonstrations, tables.prompts),
    )  # fmt: skip


def _describe_demonstrations(demonstrations: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """One row a demonstration whose prompt is known, columns of curation.pairs.TAUGHT."""
    asked = prompts.select("prompt_id", prompt=prompt_text(), system=system_text())
    said = demonstrations.select("prompt_id", row_id="demonstration_id", text=said_text())
    return said.join(asked, on="prompt_id").select("row_id", "system", "prompt", "text")


def _describe_candidates(candidates: pl.DataFrame, readings: Readings) -> pl.DataFrame:
    """One row a candidate: candidate_id, prompt_id, text, n_empty, tokens, reward."""
    rows = candidates.select(
        "candidate_id",
        "prompt_id",
        text=said_text(),
        # what is empty at the end is an empty side; what is empty before is an empty turn
        n_empty=count_empty_turns(candidates, "completion") - _ends_empty("completion").cast(pl.Int64),
    )
    rows = rows.join(readings.tokens.select("candidate_id", "tokens"), on="candidate_id", how="left")
    return rows.join(readings.scores.select("candidate_id", reward="score"), on="candidate_id", how="left")


def _ends_empty(messages: str) -> pl.Expr:
    last = pl.col(messages).list.last().struct
    silent = (last.field("content").fill_null("").str.strip_chars() == "") & last.field("tool_calls").is_null()
    return (silent & (last.field("role") == "assistant")).fill_null(False)


def _describe_pairs(
    preferences: pl.DataFrame, decided: pl.DataFrame, texts: pl.DataFrame, prompts: pl.DataFrame
) -> pl.DataFrame:
    """One row a preference, columns of curation.pairs.PAIRS."""
    asked = prompts.select(
        "prompt_id", "kind", prompt=prompt_text(), system=system_text(), asked=last_message("messages"),
        n_empty_turns=count_empty_turns(prompts, "messages"),
    )  # fmt: skip
    columns = ("pair_id", "prompt_id", "chosen_id", "rejected_id", "votes_for", "votes_against", "votes_tie")
    rows = preferences.select(columns).join(decided.select("pair_id", pl.col("margin").abs()), on="pair_id", how="left")
    rows = rows.join(asked, on="prompt_id", how="left")
    for side in ("chosen", "rejected"):
        named = texts.select(
            pl.col("candidate_id").alias(f"{side}_id"), pl.col("prompt_id").alias(f"{side}_prompt"),
            pl.col("text").alias(side), pl.col("n_empty").alias(f"{side}_n_empty"),
            pl.col("tokens").alias(f"{side}_tokens"), pl.col("reward").alias(f"{side}_reward"),
        )  # fmt: skip
        rows = rows.join(named, on=f"{side}_id", how="left")
    empty = pl.col("n_empty_turns").fill_null(0) + pl.max_horizontal("chosen_n_empty", "rejected_n_empty").fill_null(0)
    return rows.with_columns(n_empty_turns=empty)


def _describe_votes(
    preferences: pl.DataFrame, comparisons: pl.DataFrame, texts: pl.DataFrame, tables: Tables
) -> pl.DataFrame:
    """One row a kept vote on a preference, columns of curation.pairs.VOTES; only persons' seconds are seconds."""
    persons = tables.labelers.filter(pl.col("kind") == "person").select("labeler_id", person=True)
    read = _count_characters(tables.rankings, texts, tables.prompts)
    rows = (
        _keep_votes(comparisons, tables.dropped)
        .join(preferences.select("pair_id", "chosen_id"), on="pair_id")
        .join(tables.rankings.select("ranking_id", "seconds"), on="ranking_id", how="left")
        .join(read, on="ranking_id", how="left")
        .join(tables.labeler_stats.select("labeler_id", "reliability"), on="labeler_id", how="left")
        .join(persons, on="labeler_id", how="left")
    )
    first = pl.col("first_id") == pl.col("chosen_id")
    won = (pl.col("verdict") == "first") == first
    strict = pl.when(won).then(pl.lit("chosen")).otherwise(pl.lit("rejected"))
    return rows.select(
        "pair_id", "labeler_id", "ranking_id", "n_characters", "reliability",
        verdict=pl.when(pl.col("verdict") == "tie").then(pl.lit("tie")).otherwise(strict),
        chosen_shown=pl.when(first).then("first_shown").otherwise("second_shown"),
        rejected_shown=pl.when(first).then("second_shown").otherwise("first_shown"),
        seconds=pl.when("person").then("seconds"),
    )  # fmt: skip


def _keep_votes(comparisons: pl.DataFrame, dropped: pl.DataFrame) -> pl.DataFrame:
    """What the view `curated_comparisons` keeps of pairs whose candidates both stay, as a preference's do."""
    gone = dropped.filter(pl.col("table_name") == "comparisons")
    kept = keep_rows("rankings", comparisons, dropped)
    return kept.join(gone, left_on="comparison_id", right_on="row_id", how="anti")


def _count_characters(rankings: pl.DataFrame, texts: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """(ranking_id, n_characters): of the prompt and all candidates that a ranking puts in order."""
    named = rankings.select("ranking_id", "prompt_id", "tiers").explode("tiers")
    named = named.select("ranking_id", "prompt_id", candidate_id=pl.col("tiers").struct.field("candidate_ids"))
    judged = named.explode("candidate_id").join(
        texts.select("candidate_id", n=pl.col("text").str.len_chars()), on="candidate_id", how="left"
    )
    read = judged.group_by("ranking_id", "prompt_id").agg(pl.col("n").sum())
    asked = prompts.select("prompt_id", n_prompt=prompt_text().str.len_chars())
    return read.join(asked, on="prompt_id", how="left").select(
        "ranking_id", n_characters=(pl.col("n") + pl.col("n_prompt").fill_null(0)).cast(pl.Int64)
    )
