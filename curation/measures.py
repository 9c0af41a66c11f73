"""What a noise rule looks at (`Texts`) and what it answers (`Measure`): shapes shared by the rule modules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from curation.surveys import count_characters, count_lines, count_words
from curation.verifiers import Verifier
from curation.words import Tokens, hash_words


@dataclass(frozen=True)
class Texts:
    """Rows to judge: row_id, text, n_tokens (null: not counted), and what rules of completions read.

    Those are prompt, finish_reason and reference, the known answer (each null: unknown). stop_words are those to count;
    verifiers judge final answers beside those that are named in params.
    """

    frame: pl.DataFrame
    stop_words: tuple[str, ...] = ()
    verifiers: Mapping[str, Verifier] = field(default_factory=dict)

    @cached_property
    def tokens(self) -> Tokens:
        """White-space words of every text, hashed once for all rules that look at words."""
        return hash_words(self.frame["text"], split_spaceless=False)

    @cached_property
    def characters(self) -> pl.DataFrame:
        """Characters of every text by class, as `surveys.count_characters` says."""
        return count_characters(self.frame["text"])

    @cached_property
    def words(self) -> pl.DataFrame:
        """Words of every text by kind, as `surveys.count_words` says."""
        return count_words(self.frame["text"], self.stop_words)

    @cached_property
    def lines(self) -> pl.DataFrame:
        """Lines and paragraphs of every text by kind, as `surveys.count_lines` says."""
        return count_lines(self.frame["text"])


@dataclass(frozen=True)
class Measure:
    """One rule's answer for every row: what was measured, the limit, and whether it is broken; null is no."""

    value: pl.Expr
    limit: pl.Expr
    broken: pl.Expr


def break_above(value: pl.Expr, limit: float) -> Measure:
    """Broken where the value is above the limit."""
    return Measure(value, pl.lit(float(limit)), value > limit)


def break_below(value: pl.Expr, limit: float) -> Measure:
    """Broken where the value is below the limit."""
    return Measure(value, pl.lit(float(limit)), value < limit)


def take_judged(values: pl.Series, judged: pl.Series) -> pl.Expr:
    """The values, null where the row is not judged."""
    return pl.lit(pl.select(pl.when(judged).then(values)).to_series())


def judge_suspects(frame: pl.DataFrame, suspect: pl.Expr, value: pl.Expr) -> pl.Expr:
    """The value of rows that a cheap test suspects, null for the rest; the value is worked out for those only."""
    found = frame.with_row_index("at").filter(suspect).select("at", value=value.cast(pl.Float64))
    values = pl.repeat(None, frame.height, dtype=pl.Float64, eager=True)
    return pl.lit(values.scatter(found["at"], found["value"]) if found.height else values)


def divide_judged(parts: pl.Series, wholes: pl.Series, judged: pl.Series) -> pl.Expr:
    """Ratio of two counts a row, null where the row is not judged."""
    return take_judged(parts / wholes, judged & (wholes > 0))


def break_where(fault: pl.Expr) -> Measure:
    """Broken where the fault holds: value 1 against a limit of 0."""
    return break_above(fault.cast(pl.Float64), 0)
