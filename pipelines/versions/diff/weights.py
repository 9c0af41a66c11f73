"""Says whose margin or weight moved between two revisions: no file holds these, a labeler's reliability moves them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import duckdb

from pipelines.versions.connection import open_connection
from pipelines.versions.contents import Contents
from pipelines.versions.diff.found import Example, TableDiff
from pipelines.versions.diff.ours import TOLERANCE
from pipelines.versions.diff.parts import sort_parts
from pipelines.versions.names import TableName
from pipelines.versions.scans import scan_parts

PREFERENCES, VIEW = "preferences", "preference_pairs"
DECIDING = (PREFERENCES, "rankings", "labeler_stats", "dropped", "pair_findings")
"""Tables that a weight hangs on."""
TERMS = ("margin_moved", "weight_moved")
MOVED = """
CREATE TEMP TABLE moved AS
SELECT pair_id, before.margin AS m, after.margin AS n, before.weight AS v, after.weight AS w,
    coalesce(abs(m - n) > $tolerance, m IS DISTINCT FROM n) AS margin_moved,
    coalesce(abs(v - w) > $tolerance, v IS DISTINCT FROM w) AS weight_moved
FROM {before} AS before JOIN {after} AS after USING (pair_id)
WHERE (margin_moved OR weight_moved){condition}
"""
COUNTED = """
SELECT count(*) FILTER (margin_moved), count(*) FILTER (weight_moved),
    avg(abs(v - w)) FILTER (weight_moved), max(abs(v - w)) FILTER (weight_moved)
FROM moved
"""


def tell_weights(
    sides: tuple[Contents, Contents], tables: Sequence[TableDiff], *, where: str | None, limit: int
) -> list[TableDiff]:
    """The same tables, preferences with those whose margin or weight moved, in training as `preference_pairs` has it.

    Args:
        where: a condition on rows of preferences, met before or after. limit: examples, the greatest moves first.
    """
    return [
        _tell_moves(sides, table, where, limit) if table.name == PREFERENCES and _may_move(sides) else table
        for table in tables
    ]


def _may_move(sides: tuple[Contents, Contents]) -> bool:
    """Whether both sides have preferences, and anything that decides a weight differs."""
    old, new = sides
    if not old.tables.get(PREFERENCES) or not new.tables.get(PREFERENCES):
        return False
    parted = (sort_parts(name, *sides, old.tables.get(name, []), new.tables.get(name, [])) for name in DECIDING)
    return any(table.old or table.new for table in parted)


def _tell_moves(sides: tuple[Contents, Contents], table: TableDiff, where: str | None, limit: int) -> TableDiff:
    try:
        (n_margins, n_weights, mean, most), examples = _find_moves(sides, where, limit, padded=False)
    except duckdb.BinderException:  # an older file lacks a column
        (n_margins, n_weights, mean, most), examples = _find_moves(sides, where, limit, padded=True)
    counts = {
        term: max(count, table.terms.get(term, 0))  # those of edited pairs have another id
        for term, count in zip(TERMS, (n_margins, n_weights), strict=True)
        if count
    }
    told = any(term in example.change for example in table.examples for term in TERMS)
    return replace(
        table,
        terms={**table.terms, **counts},
        notes=[
            *table.notes,
            *([f"weights moved by {mean:.3g} on average, at most {most:.3g}"] if mean is not None else []),
        ],
        examples=[*table.examples, *([] if told else examples)],
    )


def _find_moves(
    sides: tuple[Contents, Contents], where: str | None, limit: int, *, padded: bool
) -> tuple[tuple[Any, ...], list[Example]]:
    """Numbers of margins and weights that moved, how far weights did on average and at most; and examples."""
    from pipelines.versions.catalog import Catalog, quote_table, raw_schema
    from pipelines.versions.sql import make_tables

    asked = [side.name for side in sides]
    names = [TableName(raw_schema(name), VIEW) for name in asked]
    with open_connection() as connection:  # what it needs more than memory has goes on disk
        make_tables(connection, Catalog(sides[0].revision.cache.root, asked, padded=padded), names)
        before, after = map(quote_table, names)
        made = MOVED.format(before=before, after=after, condition=_narrow(sides, where))
        connection.execute(made, {"tolerance": TOLERANCE})
        [counted] = connection.execute(COUNTED).fetchall()
        return counted, _list_examples(connection, limit)


def _narrow(sides: tuple[Contents, Contents], where: str | None) -> str:
    if where is None:
        return ""
    met = (
        f"SELECT pair_id FROM ({scan_parts(side.tables[PREFERENCES], PREFERENCES)}) AS rows WHERE ({where}\n)"
        for side in sides
    )
    return f" AND pair_id IN ({' UNION ALL '.join(met)})"


def _list_examples(connection: duckdb.DuckDBPyConnection, limit: int) -> list[Example]:
    rows = connection.execute(  # a move below the tolerance is none
        "SELECT pair_id, m, if(margin_moved, n, m), v, if(weight_moved, w, v)"
        f" FROM moved ORDER BY abs(v - w) DESC NULLS LAST, pair_id LIMIT {limit}"
    ).fetchall()
    return [Example("weight_moved", pair, {"margin": (m, n), "weight": (v, w)}) for pair, m, n, v, w in rows]
