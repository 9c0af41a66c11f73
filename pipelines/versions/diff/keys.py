"""Guesses which columns name the rows of two tables."""

from collections.abc import Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from pipelines.versions.diff.sides import Side, align_columns, is_float, is_nested
from schemas.errors import UserError

NAMES = ("id", "uuid", "key", "idx", "index", "_id", "row_id")
"""Columns that are believed where they hold next to no value twice, best first."""
BELIEVED = 0.98
NEAR = 0.9
"""Of keys that pair about as many rows, one of NAMES is taken, else the shortest: a long text is what people edit."""
MAX_COLUMNS = 4


class UnknownKeyError(UserError):
    """A key that no row can be named by; the message names the columns there are."""


def check_key(old: Side, new: Side, key: Sequence[str]) -> tuple[str, ...]:
    """The columns of `--key`.

    Raises:
        UnknownKeyError: one side lacks a column.
    """
    for column in key:
        for side in (old, new):
            if column not in side.types:
                raise UnknownKeyError(f"--key {column}: {side.name} has no such column; it has {', '.join(side.types)}")
    return tuple(key)


def guess_key(connection: duckdb.DuckDBPyConnection, old: Side, new: Side) -> tuple[str, ...]:
    """The columns that name most rows of both sides; none where nothing but whole rows can be compared."""
    shared = [name for name in old.types if name in new.types and not _is_vague(old, new, name)]
    lowered = {name.lower(): name for name in shared}
    for name in NAMES:
        if name in lowered:
            [(pairs, _)] = _measure(connection, old, new, [(lowered[name],)]).values()
            if pairs >= BELIEVED:
                return (lowered[name],)
    if not shared:
        return ()
    measured = _measure(connection, old, new, [(name,) for name in shared])
    if max(pairs for pairs, _ in measured.values()) < BELIEVED:
        longer = [tuple(shared[:count]) for count in range(2, min(len(shared), MAX_COLUMNS + 1))]
        measured |= _measure(connection, old, new, longer)
    best = max(pairs for pairs, _ in measured.values())
    if best == 0:
        return ()
    near = [key for key, (pairs, _) in measured.items() if pairs >= NEAR * best]
    return min(near, key=lambda key: (len(key) > 1 or key[0].lower() not in NAMES, measured[key][1], len(key), key))


def _is_vague(old: Side, new: Side, name: str) -> bool:
    return any(is_nested(side.types[name]) or is_float(side.types[name]) for side in (old, new))


def _measure(
    connection: duckdb.DuckDBPyConnection, old: Side, new: Side, keys: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[float, float]]:
    """By key: the share of the smaller side's rows that it pairs one to one, and the mean characters of its values."""
    if not keys:
        return {}
    hashes, lengths = [], []
    for place, side in enumerate((old, new)):
        named = [[align_columns(old, new, column)[:2][place] for column in key] for key in keys]
        select = ", ".join(f"hash({', '.join(key)}) AS k{number}" for number, key in enumerate(named))
        hashes.append(connection.execute(f"SELECT {select} FROM ({side.select}) AS rows").fetchnumpy())
        if len(keys) > 1:  # of several, the lengths decide
            texts = [[f"strlen(CAST({each} AS VARCHAR))" for each in key] for key in named]
            means = ", ".join(f"coalesce(avg({'), 0) + coalesce(avg('.join(key)}), 0)" for key in texts)
            lengths += connection.execute(f"SELECT {means} FROM ({side.select}) AS rows").fetchall()
    return {
        key: (
            _share_paired(*(np.asarray(side[f"k{number}"]) for side in hashes)),
            sum(row[number] for row in lengths),
        )
        for number, key in enumerate(keys)
    }


def _share_paired(old: NDArray[np.uint64], new: NDArray[np.uint64]) -> float:
    singles = [values[counts == 1] for values, counts in (np.unique(side, return_counts=True) for side in (old, new))]
    return len(np.intersect1d(singles[0], singles[1], assume_unique=True)) / max(1, min(len(old), len(new)))
