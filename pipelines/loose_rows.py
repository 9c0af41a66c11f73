"""Turns files with a column of text into rows to judge, and into rows to hold them against, numbered and named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.sources.columns import read_columns
from schemas.errors import UserError


@dataclass(frozen=True)
class Against:
    """A file that is only read: what is to be named of it, its column of texts and, if rows have one, of keys."""

    path: Path
    text: str
    key: str | None


def read_rows(
    file: Path, text: str, key: str | None, keep: Sequence[str], context: Mapping[str, str | None]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to judge (row, text, values of `keep`), and their names (place in the file, name), in the order of row.

    context: columns of what noise rules read beside the text, by its name in CONTEXT.

    Rows are numbered in the order of their keys, so that nothing depends on the file's order. No text is an empty one.

    Raises:
        UserError: the file has no rows, lacks a column, or one is not what it should be.
    """
    from curation.keeping import compute_values, list_columns
    from curation.loose_rows import CONTEXT

    beside = {CONTEXT[name]: column for name, column in context.items() if column}
    wanted = dict.fromkeys([text, *([key] if key else []), *list_columns(keep), *beside.values()])
    frame = read_columns(file, [name for name in wanted])
    if frame.height == 0:
        raise UserError(f"{file}: the file has no rows; check how it was made or fetched")
    _check_texts(file, text, frame[text])
    for column in beside.values():
        _check_context(file, column, frame[column])
    place = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    names = place.cast(pl.Int64) + 1
    if key:
        _check_keys(file, key, frame[key])
        names = frame[key]
        if not names.is_sorted():  # most files are: their texts need no second copy
            place = names.arg_sort()
            names, frame = names.gather(place), frame[place]
    numbers = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    known = [frame[column].cast(pl.String).alias(name) for name, column in beside.items()]
    # no other column of the file comes along: it may be called as one of ours
    rows = pl.DataFrame(
        [numbers.alias("row"), frame[text].fill_null("").alias("text"), *known, *compute_values(frame, keep)]
    )
    return rows, pl.DataFrame({"place": place, "name": names})


def parse_against(options: Sequence[str], file: Path, text: str, key: str | None) -> list[Against]:
    """Files of `--against FILE[:COLUMN[:KEY]]`; a column that is not given is called as in the file to judge.

    Raises:
        UserError: there is no such file, or it is the file to judge.
    """
    return [_parse_option(option, file, text, key) for option in options]


def _parse_option(option: str, file: Path, text: str, key: str | None) -> Against:
    parts = option.split(":")
    for n_path in range(len(parts), max(0, len(parts) - 3), -1):  # a path may have colons of its own
        path, named = Path(":".join(parts[:n_path])), [*parts[n_path:], "", ""]
        if path.exists():
            if path.resolve() == file.resolve():
                raise UserError(f"--against {option}: is the file itself, whose own duplicates are found without it")
            return Against(path, named[0] or text, named[1] or key)
    raise UserError(f"--against {option}: there is no such file; give FILE, FILE:COLUMN or FILE:COLUMN:KEY")


def read_against(files: Sequence[Against], first: int, names: pl.Series) -> pl.DataFrame:
    """Rows to hold others against: row (UInt32 from `first` on), text, name, file; a text once a file.

    They are numbered in the order of files, then of keys.

    Args:
        names: of the rows to judge; those read here are made to be of their type.

    Raises:
        UserError: as `read_rows` says, or keys are of another type.
    """
    parts = []
    for each in files:
        rows, named = read_rows(each.path, each.text, each.key, (), {})
        what = f"column {each.key} holds {named['name'].dtype}" if each.key else "rows without a key are numbered"
        fitted = fit_names(named["name"], names, f"--against {each.path}: {what}")
        held = pl.DataFrame({"text": rows["text"], "name": fitted})
        # thousands of one text would each be compared with every row like it
        held = held.unique("text", keep="first", maintain_order=True)
        parts.append(held.with_columns(file=pl.lit(str(each.path))))
    whole = pl.concat(parts)
    return whole.with_columns(row=pl.int_range(first, first + whole.height, dtype=pl.UInt32, eager=True))


def fit_names(given: pl.Series, names: pl.Series, told: str) -> pl.Series:
    """Names of other rows, made to be of the type that the names of the rows to judge have.

    Args:
        told: what the other names are, for the error.

    Raises:
        UserError: they cannot be: ones are texts and ones numbers, or too great.
    """
    if given.dtype == names.dtype:
        return given
    whole = given.dtype.is_integer() and names.dtype.is_integer()
    fitted = given.cast(names.dtype, strict=False) if whole else None
    if fitted is None or fitted.null_count():
        raise UserError(f"{told}, the names of the rows to judge are {names.dtype}; give keys of one type")
    return fitted


def _check_texts(file: Path, column: str, texts: pl.Series) -> None:
    if texts.dtype != pl.String:
        raise UserError(f"{file}: column {column} holds {texts.dtype}, not text; name a column of texts")
    if texts.null_count() == len(texts):
        raise UserError(f"{file}: column {column} is null in all of {len(texts):,} rows; name a column of texts")


def _check_context(file: Path, column: str, values: pl.Series) -> None:
    if values.dtype != pl.String and not values.dtype.is_numeric() and values.dtype != pl.Null:
        raise UserError(f"{file}: column {column} holds {values.dtype}; prompts are texts, references texts or numbers")


def _check_keys(file: Path, column: str, keys: pl.Series) -> None:
    if keys.dtype != pl.String and not keys.dtype.is_integer():
        raise UserError(f"{file}: column {column} holds {keys.dtype}; a key is text or a whole number")
    if keys.null_count():
        raise UserError(f"{file}, row {keys.is_null().arg_true()[0] + 1}: the key {column} is null; give each row one")
    if keys.n_unique() < len(keys):
        place = keys.is_duplicated().arg_true()[0]
        raise UserError(
            f"{file}, row {place + 1}: the key {keys[place]!r} of column {column} stands twice; keys name one row"
        )
