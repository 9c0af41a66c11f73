"""Turns the rows of a query into text to read, JSON, CSV or Parquet."""

import csv
import datetime
import decimal
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import duckdb

from schemas.errors import UserError

CELL_CHARACTERS = 60
SHOWN_ROWS = 100
BATCH_ROWS = 2048
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Answer:
    """A query that is bound in a connection, and runs when its rows are asked for."""

    connection: duckdb.DuckDBPyConnection
    text: str
    columns: tuple[str, ...]
    explains: bool = False
    """Its rows are names and texts of plans."""

    def list_rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, fetched a batch at a time."""
        cursor = self.connection.execute(self.text)
        while batch := cursor.fetchmany(BATCH_ROWS):
            yield from batch


def name_columns(columns: Sequence[str]) -> list[str]:
    """Columns with names of their own: `a, a` is `a, a_1`, as DuckDB writes to Parquet."""
    names: list[str] = []
    for column in columns:
        name, count = column, 0
        while name in names:
            count += 1
            name = f"{column}_{count}"
        names.append(name)
    return names


def plain_value(value: Any) -> Any:
    """A value as JSON has it: times and the like as text, numbers that are none as null."""
    if isinstance(value, dict):
        return {str(key): plain_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(inner) for inner in value]
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def write_json(answer: Answer, out: TextIO) -> None:
    """A list of objects, one a line."""
    names = name_columns(answer.columns)
    separator = "["
    for row in answer.list_rows():
        values = {name: plain_value(value) for name, value in zip(names, row, strict=True)}
        out.write(f"{separator}\n{json.dumps(values, ensure_ascii=False)}")
        separator = ","
    out.write("[]\n" if separator == "[" else "\n]\n")


def write_csv(answer: Answer, out: TextIO) -> None:
    """A header and a line a row; null is empty, lists and structs are JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.list_rows():
        writer.writerow([_flat_value(value) for value in row])


def _flat_value(value: Any) -> Any:
    plain = plain_value(value)
    return json.dumps(plain, ensure_ascii=False) if isinstance(plain, dict | list) else plain


def name_staged(path: Path) -> Path:
    """Where a file is written before it takes its place.

    Raises:
        UserError: its folder is not there.
    """
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.absolute().parent}; make it first")
    return path.absolute().with_name(f".{path.name}.{os.getpid()}.part")


def write_parquet(answer: Answer, path: Path) -> None:
    """Zstd-compressed Parquet, whole or not at all."""
    staged = name_staged(path)
    try:
        answer.connection.sql(answer.text).write_parquet(str(staged), compression="zstd", use_tmp_file=False)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def write_table(answer: Answer, out: TextIO) -> list[str]:
    """A table to read, long texts cut and only the first rows; coloured on a terminal.

    Returns:
        What is not shown, in words.
    """
    if answer.explains:
        out.writelines(f"{plan}\n" for _, plan in answer.list_rows())
        return []
    columns, rows = answer.columns, list(islice(answer.list_rows(), SHOWN_ROWS + 1))
    more = len(rows) > SHOWN_ROWS
    cells = [[_show_cell(value) for value in row] for row in rows[:SHOWN_ROWS]]
    n_cut = sum(cut for row in cells for _, cut in row)
    texts = [[text for text, _ in row] for row in cells]
    numeric = [all(isinstance(row[place], int | float | None) for row in rows) for place in range(len(columns))]
    if out.isatty():
        _draw_table(columns, texts, numeric)
    else:
        out.writelines(f"{line}\n" for line in _align_table(columns, texts, numeric))
    notes = [f"{n_cut} long texts are cut" if n_cut > 1 else "1 long text is cut"] if n_cut else []
    notes += [f"only the first {SHOWN_ROWS} rows are shown"] if more else []
    return notes


def _show_cell(value: Any) -> tuple[str, bool]:
    """A value in a line, and whether it was cut. What models write may hold escape codes: no terminal sees these."""
    if value is None:
        return "", False
    plain = plain_value(value)
    text = f"{plain:.6g}" if isinstance(plain, float) and abs(plain) < 1e6 else str(_flat_value(plain))
    text = _UNPRINTABLE.sub("�", text.replace("\r\n", "\n").replace("\n", "⏎").replace("\t", " "))
    cut = len(text) > CELL_CHARACTERS
    return (f"{text[: CELL_CHARACTERS - 1]}…" if cut else text), cut


def _align_table(columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in [columns, ["-" * width for width in widths], *rows]:
        cells = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        ]
        yield "  ".join(cells).rstrip()


def _draw_table(columns: Iterable[str], rows: Iterable[Sequence[str]], numeric: Iterable[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for column, right in zip(columns, numeric, strict=True):
        table.add_column(Text(column), justify="right" if right else "left", overflow="ellipsis")
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console(file=sys.stdout, width=shutil.get_terminal_size().columns).print(table)
