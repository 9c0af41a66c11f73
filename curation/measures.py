"""What a noise rule looks at (`Texts`) and what it answers (`Measure`): shapes shared by the rule modules."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from curation.near_duplicates import Tokens, hash_words


@dataclass(frozen=True)
class Texts:
    """Rows to judge: row_id, text, and what rules of completions read: prompt, finish_reason (null: unknown)."""

    frame: pl.DataFrame

    @cached_property
    def tokens(self) -> Tokens:
        """White-space words of every text, hashed once for all rules that look at words."""
        return hash_words(self.frame["text"], split_spaceless=False)


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


def break_where(fault: pl.Expr) -> Measure:
    """Broken where the fault holds: value 1 against a limit of 0."""
    return break_above(fault.cast(pl.Float64), 0)
