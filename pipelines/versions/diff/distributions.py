"""Measures how kinds, sources, policies, lengths and agreement moved between two revisions."""

from collections.abc import Iterator, Mapping, Sequence

import duckdb

from pipelines.versions.contents import Part
from pipelines.versions.diff.found import Moved
from pipelines.versions.diff.parts import PartedTable, count_rows, select_parts
from pipelines.versions.diff.sides import read_types

READ_BYTES = 64 << 20
"""Tables of texts larger than this are measured only on demand."""
CONTENT = {"prompts": "messages", "demonstrations": "completion", "candidates": "completion"}
MEANS = {
    "labeler_stats": ("agreement", "reliability", "gold_accuracy"),
    "preferences": ("margin", "weight"),
    "samples": ("n_tokens",),
}
COUNTS = {"origins": ("source",), "samples": ("policy",), "rankings": ("labeler_id",), "assignments": ("split",)}


def list_moves(
    connection: duckdb.DuckDBPyConnection, parted: Mapping[str, PartedTable], *, measure_all: bool
) -> list[Moved]:
    """Numbers that moved; tables of which nothing differs are not looked at."""
    moved: list[Moved] = []
    ledger = parted.get("dropped")
    differing = {name for name, table in parted.items() if table.old or table.new}
    for name, table in parted.items():
        if not table.all_old and not table.all_new:
            continue
        if name in COUNTS and name in differing:
            moved += [each for column in COUNTS[name] for each in _count_values(connection, table, column)]
        if name in MEANS and name in differing:
            moved += _average(connection, table, MEANS[name])
        if name in CONTENT and differing & {name, "dropped"}:
            moved += _measure_kept(connection, table, ledger, measure_all=measure_all)
    return [each for each in moved if each.change != 0]


def _both(table: PartedTable) -> tuple[list[Part], list[Part]]:
    return table.all_old, table.all_new


def _count_values(connection: duckdb.DuckDBPyConnection, table: PartedTable, column: str) -> Iterator[Moved]:
    """Rows by value; those of shared files cancel out, but stand in both."""
    counts: list[dict[str, float]] = []
    for parts in _both(table):
        select = select_parts(table.name, parts, table)
        rows = connection.execute(f"SELECT coalesce({column}, 'none'), count(*) FROM ({select}) GROUP BY 1").fetchall()
        counts.append(dict(rows))
    yield from _pair_counts(f"{table.name} by {column}", *counts)


def _pair_counts(name: str, old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[Moved]:
    for label in sorted({*old, *new}, key=lambda label: (-max(old.get(label, 0), new.get(label, 0)), label)):
        yield Moved(name, label, old.get(label, 0), new.get(label, 0))


def _average(connection: duckdb.DuckDBPyConnection, table: PartedTable, columns: Sequence[str]) -> Iterator[Moved]:
    means: list[dict[str, float | None]] = []
    for parts in _both(table):
        select = select_parts(table.name, parts, table)
        there = [column for column in columns if column in read_types(connection, select)]
        averages = ", ".join(["count(*)", *(f"avg({column})" for column in there)])
        [row] = connection.execute(f"SELECT {averages} FROM ({select})").fetchall()
        means.append(dict(zip(there, row[1:], strict=True)))
    for column in columns:
        old, new = (side.get(column) for side in means)
        if old is not None or new is not None:
            yield Moved(f"{table.name} mean", column, old, new)


def _measure_kept(
    connection: duckdb.DuckDBPyConnection, table: PartedTable, ledger: PartedTable | None, *, measure_all: bool
) -> Iterator[Moved]:
    """Kept rows, prompts by kind, and the lengths of their texts."""
    size = sum(part.file.stat().st_size for parts in _both(table) for part in parts)
    measured = measure_all or size <= READ_BYTES
    totals, kinds, lengths = [], [], []
    for parts, drops in zip(_both(table), _both(ledger) if ledger else ([], []), strict=True):
        if table.name != "prompts" and not measured:
            totals.append(count_rows(connection, parts) - _count_dropped(connection, table, ledger, drops))
            continue
        kept = _select_kept(connection, table, parts, ledger, drops)
        group = "coalesce(kind, 'none')" if table.name == "prompts" else "''"
        content = f"list_sum(list_transform({CONTENT[table.name]}, lambda m: length(coalesce(m.content, ''))))"
        wanted = f"{group} AS g, {content if measured else 'NULL'} AS n"
        rows = connection.execute(
            f"SELECT g, count(*), sum(n) FROM (SELECT {wanted} FROM ({kept})) GROUP BY g"
        ).fetchall()
        kinds.append({row[0]: row[1] for row in rows})
        totals.append(sum(row[1] for row in rows))
        characters = sum(row[2] or 0 for row in rows)
        lengths.append(characters / totals[-1] if measured and totals[-1] else None)
    yield Moved(f"{table.name} kept", "rows", *totals)
    if table.name == "prompts":
        yield from _pair_counts("prompts kept by kind", *kinds)
    if any(length is not None for length in lengths):
        yield Moved(f"{table.name} kept", "mean characters", *lengths)


def _count_dropped(
    connection: duckdb.DuckDBPyConnection, table: PartedTable, ledger: PartedTable | None, drops: Sequence[Part]
) -> int:
    if ledger is None or not drops:
        return 0
    dropped = select_parts("dropped", drops, ledger)
    [row] = connection.execute(
        f"SELECT count(DISTINCT row_id) FROM ({dropped}) WHERE table_name = '{table.name}'"
    ).fetchall()
    return int(row[0])


def _select_kept(
    connection: duckdb.DuckDBPyConnection,
    table: PartedTable,
    parts: Sequence[Part],
    ledger: PartedTable | None,
    drops: Sequence[Part],
) -> str:
    rows = select_parts(table.name, parts, table)
    if ledger is None or not drops:
        return rows
    dropped = select_parts("dropped", drops, ledger)
    key = f"{table.name.removesuffix('s')}_id"
    gone = f"SELECT row_id AS {key} FROM ({dropped}) WHERE table_name = '{table.name}'"
    return f"SELECT * FROM ({rows}) ANTI JOIN ({gone}) USING ({key})"
