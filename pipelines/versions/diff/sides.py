"""Turns two scans of rows into the columns that both have, and hashes their rows for comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import duckdb
import numpy as np

from curation.row_changes import RowHashes
from pipelines.versions.scans import quote_name

FLOATS = ("DOUBLE", "FLOAT", "DECIMAL")
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT")  # fmt: skip
DATES = ("DATE", "TIMESTAMP", "TIME", "UUID", "INTERVAL")
PLACE = "flywheel place"


@dataclass(frozen=True)
class Side:
    """The rows of one table, as SQL that yields them in their order."""

    name: str
    select: str
    types: Mapping[str, str]
    """DuckDB's type of each column."""
    untyped: bool = False
    """All its values are texts that may stand for anything, an empty one for nothing: CSV."""
    inferred: bool = False
    """Its types were guessed from the values."""
    notes: Sequence[str] = field(default_factory=tuple)
    """What its reader has to say."""


@dataclass(frozen=True)
class SchemaChange:
    """How the columns of two tables differ."""

    added: Sequence[str]
    removed: Sequence[str]
    retyped: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped)


def read_types(connection: duckdb.DuckDBPyConnection, select: str) -> dict[str, str]:
    """Columns of a SELECT and DuckDB's names of their types."""
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {select}").fetchall()}


def compare_schemas(old: Side, new: Side) -> SchemaChange:
    """Columns that only one side has, and those whose values are of another kind."""
    return SchemaChange(
        [name for name in new.types if name not in old.types],
        [name for name in old.types if name not in new.types],
        {
            name: (old.types[name], kind)
            for name, kind in new.types.items()
            if name in old.types and _is_retyped(old, new, old.types[name], kind)
        },
    )


def _is_retyped(old: Side, new: Side, before: str, after: str) -> bool:
    if before == after or old.untyped or new.untyped:
        return False
    if old.inferred or new.inferred:  # how wide a number is, and whether all texts look like JSON, was not said
        return _kind(before) != _kind(after)
    return True


def _kind(type_: str) -> str:
    if type_.split("(")[0] in (*FLOATS, *INTEGERS):
        return "number"
    return "nested" if is_nested(type_) else "text"


def is_nested(type_: str) -> bool:
    """Whether values are lists, structs or JSON."""
    return type_ == "JSON" or type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION"))


def is_float(type_: str) -> bool:
    """Whether values are numbers with a fraction."""
    return type_.split("(")[0] in FLOATS


def _is_number(type_: str) -> bool:
    return type_.split("(")[0] in (*FLOATS, *INTEGERS)


class Aligned(NamedTuple):
    """SQL of a column on each side, by which equal values are equal."""

    old: str
    new: str
    is_float: bool = False


def align_columns(old: Side, new: Side, column: str) -> Aligned:
    """How to read a column on each side so that it can be compared."""
    name = quote_name(column)
    before, after = old.types[column], new.types[column]
    if old.untyped and new.untyped:
        return Aligned(name, name)
    if old.untyped or new.untyped:
        type_ = after if old.untyped else before
        text, typed = _from_text(name, type_), _as_text(name, type_)
        return Aligned(*((text, typed) if old.untyped else (typed, text)), is_float(type_))
    if _is_number(before) and _is_number(after):
        if is_float(before) or is_float(after):
            return _align_both(f"CAST({name} AS DOUBLE)", float_=True)
        return _align_both(name if before == after else f"CAST({name} AS HUGEINT)")
    if is_nested(before) or is_nested(after):  # DuckDB's hash takes [[a, b]] for [[a], [b]]
        return _align_both(f"CAST(to_json({name}) AS VARCHAR)")
    if before != after and "VARCHAR" in (before, after):  # 2024-01-01T12:00:00Z is a text in JSON
        return Aligned(_from_instant(name, before, after), _from_instant(name, after, before))
    return _align_both(name if before == after else f"CAST({name} AS VARCHAR)")


def _from_instant(name: str, type_: str, other: str) -> str:
    """A value as text, a text as the other side's dates or times are written."""
    if type_ != "VARCHAR" or not other.startswith(DATES):
        return f"CAST({name} AS VARCHAR)"
    return f"coalesce(CAST(TRY_CAST({name} AS {other}) AS VARCHAR), {name})"


def _align_both(expression: str, *, float_: bool = False) -> Aligned:
    return Aligned(expression, expression, float_)


def _from_text(name: str, type_: str) -> str:
    filled = f"nullif({name}, '')"
    if is_float(type_):
        return f"TRY_CAST({filled} AS DOUBLE)"
    if is_nested(type_):
        return f"CASE WHEN json_valid({filled}) THEN CAST(json({filled}) AS VARCHAR) ELSE {filled} END"
    return filled if type_ == "VARCHAR" else f"coalesce(CAST(TRY_CAST({filled} AS {type_}) AS VARCHAR), {filled})"


def _as_text(name: str, type_: str) -> str:
    if is_nested(type_):
        return f"CAST(to_json({name}) AS VARCHAR)"
    if is_float(type_):
        return f"CAST({name} AS DOUBLE)"
    return f"nullif({name}, '')" if type_ == "VARCHAR" else f"CAST({name} AS VARCHAR)"


def hash_sides(
    connection: duckdb.DuckDBPyConnection,
    old: Side,
    new: Side,
    key: Sequence[str],
    columns: Sequence[str],
    where: str | None = None,
) -> tuple[RowHashes, RowHashes]:
    """Both sides' rows for `match_rows`.

    Args:
        key: columns that name a row; none where the whole row does.
        columns: those to compare.
        where: an SQL condition that holds for wanted rows.
    """
    aligned = {column: align_columns(old, new, column) for column in dict.fromkeys([*key, *columns])}
    sides = []
    for place, side in enumerate((old, new)):
        read = {name: (column[:2][place], column.is_float) for name, column in aligned.items()}
        named = [_name_value(*read[column]) for column in key or columns]
        sides.append(
            hash_rows(connection, side, named, {name: read[name] for name in columns if name not in key}, where)
        )
    return sides[0], sides[1]


def _name_value(expression: str, float_: bool) -> str:
    """A value as part of a key."""
    return f"CAST({expression} AS VARCHAR)" if float_ else expression


def hash_rows(
    connection: duckdb.DuckDBPyConnection,
    side: Side,
    key: Sequence[str],
    values: Mapping[str, tuple[str, bool]],
    where: str | None = None,
) -> RowHashes:
    """One side's rows.

    Args:
        key: expressions that name a row.
        values: by column the expression to compare, and whether it is a float.
    """
    texts = ", ".join(f"CAST({expression} AS VARCHAR)" for expression in key)
    select = [f"hash({', '.join(key)}) AS k", f"hash(concat_ws('\x1f', '\x01', {texts})) AS q"]
    for place, (expression, number) in enumerate(values.values()):
        hashed = f"({expression}) IS NULL" if number else expression
        select.append(f"hash({hashed}) AS h{place}")
        if number:
            select.append(f"{expression} AS n{place}")
    if where is not None:
        select.append(f"coalesce(({where}\n), false) AS w")
    outer = ["k", "q", *(f"n{place}" for place, (_, number) in enumerate(values.values()) if number)]
    outer += [f"CAST(h{place} & 4294967295 AS UINTEGER) AS c{place}" for place in range(len(values))]
    row = f"hash({', '.join(f'h{place}' for place in range(len(values)))})" if values else "0::UBIGINT"
    outer += [f"{row} AS r", *(["w"] if where is not None else [])]
    found = connection.execute(
        f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(select)} FROM ({side.select}) AS rows)"
    ).fetchnumpy()
    arrays = {name: _fill(array) for name, array in found.items()}
    return RowHashes(
        arrays["k"], arrays["q"], arrays["r"],
        {column: arrays[f"c{place}"] for place, column in enumerate(values)},
        {column: arrays[f"n{place}"] for place, (column, (_, number)) in enumerate(values.items()) if number},
        arrays.get("w"),
    )  # fmt: skip


def _fill(array: Any) -> Any:
    """Nulls as NaN; only floats have any here. Masked arrays are told by what they can do: numpy.ma is slow to load."""
    return array.filled(np.nan) if array.dtype.kind == "f" and hasattr(array, "filled") else np.asarray(array)


def select_plain(side: Side) -> str:
    """Columns as Python gets them: times with a zone as texts, since it would need one more library for them."""
    zoned = [quote_name(name) for name, type_ in side.types.items() if "TIME ZONE" in type_]
    return f"* REPLACE ({', '.join(f'CAST({name} AS VARCHAR) AS {name}' for name in zoned)})" if zoned else "*"


def fetch_rows(connection: duckdb.DuckDBPyConnection, side: Side, places: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Rows by their place in a side's order; reads no further than the last of them."""
    wanted = sorted({int(place) for place in places})
    if not wanted:
        return {}
    cursor = connection.execute(
        f"SELECT {select_plain(side)} FROM (SELECT row_number() OVER () - 1 AS {quote_name(PLACE)}, * FROM"
        f" (FROM ({side.select}) LIMIT {wanted[-1] + 1})) WHERE {quote_name(PLACE)} IN ({', '.join(map(str, wanted))})"
    )
    names = [column[0] for column in cursor.description or []]
    return {row[0]: dict(zip(names[1:], row[1:], strict=True)) for row in cursor.fetchall()}
