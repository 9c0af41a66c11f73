"""Turns rows and a keep policy into the order in which they survive: of several alike, the first one is kept.

A policy is a list of SQL expressions over the rows' columns, as polars reads them: the greatest value survives
(true before false), null comes last, and each expression counts only where those before it are equal. `-turn` keeps the
earlier row, `length(text)` the longer, `teacher is null` what no teacher wrote.
"""

from collections.abc import Sequence

import polars as pl

from schemas.errors import UserError


class KeepError(UserError):
    """An expression of a keep policy is none, or asks for what the rows don't have; the message names it."""


def order_rows(rows: pl.DataFrame, keep: Sequence[str], key: str = "row_id") -> pl.DataFrame:
    """Rows in the order in which they survive; equal ones by key, whatever order they come in.

    Raises:
        KeepError: an expression can't be read or computed.
    """
    names = [f"keep_{place}" for place in range(len(keep))]
    rows = rows.with_columns(_compute(rows, text).alias(name) for name, text in zip(names, keep, strict=True))
    return rows.sort([*names, key], descending=[True] * len(names) + [False], nulls_last=True).drop(names)


def compute_values(rows: pl.DataFrame, keep: Sequence[str]) -> pl.DataFrame:
    """What the expressions of a policy give, a column each: their names are a policy that orders rows the same.

    Raises:
        KeepError: as `order_rows`.
    """
    return pl.DataFrame([_compute(rows, text).alias(name) for name, text in zip(name_values(keep), keep, strict=True)])


def name_values(keep: Sequence[str]) -> list[str]:
    """Names of the columns of `compute_values`."""
    return [f"value_{place}" for place in range(len(keep))]


def list_columns(keep: Sequence[str]) -> list[str]:
    """Columns that a policy reads, each once, in the order of their first use.

    Raises:
        KeepError: an expression can't be read.
    """
    return list(dict.fromkeys(name for text in keep for name in _parse(text).meta.root_names()))


def _parse(text: str) -> pl.Expr:
    try:
        expression = pl.sql_expr(text)
    except pl.exceptions.PolarsError as error:
        raise KeepError(f"keep: {text!r} is no SQL expression ({_first_line(error)})") from None
    # "turn desc" would be read as a column renamed to "desc", and the order be another one than meant
    if expression.meta.output_name(raise_if_undetermined=False) in ("asc", "ASC", "desc", "DESC"):
        raise KeepError(f"keep: {text!r}: the greatest survives; write -column to keep the least")
    return expression


def _compute(rows: pl.DataFrame, text: str) -> pl.Series:
    expression = _parse(text)
    missing = [name for name in expression.meta.root_names() if name not in rows.columns]
    if missing:
        raise KeepError(f"keep: {text!r}: there is no column {missing[0]}; there are {', '.join(rows.columns)}")
    try:
        values = _sign_numbers(rows, expression.meta.root_names()).select(expression.alias("value"))["value"]
        if values.dtype.is_unsigned_integer() and "-" in text:  # -length(text) would be 2^32 - length(text)
            raise KeepError(f"keep: {text!r} subtracts from what has no sign; write cast(... as bigint) around it")
        values = values.fill_nan(None) if values.dtype.is_float() else values
        return values.new_from_index(0, rows.height) if len(values) == 1 != rows.height else values
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise KeepError(f"keep: {text!r} can't be computed ({_first_line(error)})") from None


def _sign_numbers(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The columns named, whole numbers with a sign where they have room for one: -turn of an unsigned turn is none."""
    read = rows.select(names or rows.columns[:1])
    for name, values in zip(read.columns, read, strict=True):
        signed = values.cast(pl.Int64, strict=False) if values.dtype.is_unsigned_integer() else values
        if signed.null_count() == values.null_count():
            read = read.with_columns(signed.alias(name))
    return read


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
