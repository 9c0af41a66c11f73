"""Turns frames of preference pairs into what the audit reads: texts, dialogues and votes, checked and normalised."""

from dataclasses import dataclass

import polars as pl

from curation.near_duplicates import normalise_text
from schemas.curation_params import Audit, NearDuplicates
from schemas.errors import UserError

PAIRS: dict[str, pl.DataType] = {
    # what a frame must have; a null text is one that nobody knows, an empty one is empty
    "pair_id": pl.String(),
    "prompt": pl.String(),
    "chosen": pl.String(),
    "rejected": pl.String(),
    # what it may have
    "prompt_id": pl.String(),
    "system": pl.String(),
    "asked": pl.String(),
    "chosen_prompt": pl.String(),
    "rejected_prompt": pl.String(),
    "n_empty_turns": pl.Int64(),
    "kind": pl.String(),
    "margin": pl.Float64(),
    "votes_for": pl.Int64(),
    "votes_against": pl.Int64(),
    "votes_tie": pl.Int64(),
    "chosen_reward": pl.Float64(),
    "rejected_reward": pl.Float64(),
    "chosen_tokens": pl.List(pl.Int64()),
    "rejected_tokens": pl.List(pl.Int64()),
}
"""Columns of pairs. prompt: all it says; asked: its last message. chosen_prompt, rejected_prompt: what each side
answers, in any form that is equal for equal dialogues. n_empty_turns: assistant's turns before the last that say
nothing. Tokens: of the whole conversation with that side."""

VOTES: dict[str, pl.DataType] = {
    "pair_id": pl.String(),
    "labeler_id": pl.String(),
    "verdict": pl.String(),
    "ranking_id": pl.String(),
    "chosen_shown": pl.Int64(),
    "rejected_shown": pl.Int64(),
    "seconds": pl.Float64(),
    "n_characters": pl.Int64(),
    "reliability": pl.Float64(),
}
"""Columns of votes, the first three required. verdict: chosen, rejected or tie. ranking_id: the judgement a vote is
part of. chosen_shown, rejected_shown: places in the order shown. seconds: what the judgement took, of n_characters
read for it (those of the pair where null)."""

TAUGHT = {"row_id": pl.String, "system": pl.String, "prompt": pl.String, "text": pl.String}
"""Columns of demonstrations; texts as those of pairs."""

_REQUIRED = {"pairs": ("pair_id", "prompt", "chosen", "rejected"), "votes": ("pair_id", "labeler_id", "verdict")}


class PairsError(UserError):
    """A frame of pairs or votes that cannot be audited; the message names the column and the mend."""


@dataclass(frozen=True)
class Evidence:
    """What checks look at: pairs (PAIRS, with normalised texts and `context`), votes (VOTES), demonstrations (TAUGHT).

    benchmark: row_id, text. max_tokens: where a trainer cuts; null leaves its checks out.
    """

    pairs: pl.DataFrame
    votes: pl.DataFrame
    benchmark: pl.DataFrame
    demonstrations: pl.DataFrame
    max_tokens: int | None
    audit: Audit
    near: NearDuplicates


def complete_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with every column of PAIRS, sorted by id; and normal_chosen, normal_rejected, normal_asked, context.

    context is the normalised prompt with its system messages: pairs of one context compete with each other.

    Raises:
        PairsError: a column is missing or of another type, or an id is null or repeated.
    """
    full = _complete_frame("pairs", pairs, PAIRS)
    repeated = full.filter(pl.col("pair_id").is_duplicated() | pl.col("pair_id").is_null())
    if repeated.height:
        shown = repeated["pair_id"][0]
        raise PairsError(f"pairs, column pair_id: {repeated.height} null or repeated, such as {shown!r}; number them")
    asked = pl.coalesce("asked", "prompt")
    context = pl.concat_str(normalise_text(pl.col("system")), normalise_text(pl.col("prompt")), separator="\n")
    return full.sort("pair_id").with_columns(
        prompt_id=pl.coalesce("prompt_id", "pair_id"),
        normal_chosen=normalise_text(pl.col("chosen")),
        normal_rejected=normalise_text(pl.col("rejected")),
        normal_asked=normalise_text(asked),
        context=context,
    )


def complete_votes(votes: pl.DataFrame | None) -> pl.DataFrame:
    """Votes with every column of VOTES; none where there are none.

    Raises:
        PairsError: a column is missing or of another type, or a verdict is none of chosen, rejected, tie.
    """
    if votes is None:
        return pl.DataFrame(schema=VOTES)
    full = _complete_frame("votes", votes, VOTES)
    wrong = full.filter(~pl.col("verdict").is_in(["chosen", "rejected", "tie"]).fill_null(False))
    if wrong.height:
        raise PairsError(f"votes, column verdict: {wrong['verdict'][0]!r} is none of chosen, rejected, tie")
    return full.sort("pair_id", "labeler_id", "ranking_id", nulls_last=True)


def _complete_frame(what: str, frame: pl.DataFrame, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    missing = [c for c in _REQUIRED[what] if c not in frame.columns]
    if missing:
        raise PairsError(f"{what}: no column {', '.join(missing)}; there are {', '.join(frame.columns)}: rename them")
    try:
        given = frame.select(pl.col(c).cast(t) for c, t in columns.items() if c in frame.columns)
    except pl.exceptions.PolarsError as error:
        raise PairsError(f"{what}: a column has another type than the audit reads: {error}") from error
    absent = [pl.lit(None, t).alias(c) for c, t in columns.items() if c not in frame.columns]
    return given.with_columns(*absent).select(*columns)
