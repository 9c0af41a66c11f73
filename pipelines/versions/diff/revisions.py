"""Turns two revisions of a project, ours or any of DVC's, into what differs between their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from curation.row_changes import Hashes
from pipelines.versions.contents import WORKSPACE, Contents, read_contents, read_workspace
from pipelines.versions.diff.comparing import check_condition, open_scratch
from pipelines.versions.diff.distributions import list_moves
from pipelines.versions.diff.edited_pairs import join_preferences
from pipelines.versions.diff.examples import list_examples
from pipelines.versions.diff.found import Diff, Example, TableDiff
from pipelines.versions.diff.ours import (
    DERIVED,
    EDITABLE,
    TABLE_KEYS,
    Compared,
    LedgerChange,
    compare_table,
    find_edits,
    join_assignments,
    join_edits,
    read_ledger,
)
from pipelines.versions.diff.parts import PartedTable, select_parts, sort_parts
from pipelines.versions.diff.paths import compare_paths
from pipelines.versions.diff.weights import tell_weights
from pipelines.versions.names import QueryError, shorten_fault


def read_side(root: Path, name: str) -> Contents:
    """A revision, or the workspace."""
    return read_workspace(root) if name == WORKSPACE else read_contents(root, [name])[0]


def compare_revisions(
    root: Path,
    old: str,
    new: str,
    *,
    tables: Sequence[str] = (),
    key: Sequence[str] = (),
    where: str | None = None,
    limit: int,
    lengths: bool = False,
) -> Diff:
    """What differs between two revisions, `workspace` being one.

    Args:
        tables: those to compare; all where none is given.
        key: columns that name a row, of a project that is not ours; guessed where none is given.
        where: an SQL condition that either version of a row has to meet; tables without its columns are left out.
        limit: how many rows to show of each kind.
        lengths: measure texts however large the tables are.

    Raises:
        UserError: an unknown revision or table, data that is nowhere to be had, or a wrong condition.
    """
    sides = read_side(root, old), read_side(root, new)
    names = (str(sides[0].revision) if old != WORKSPACE else old, str(sides[1].revision) if new != WORKSPACE else new)
    with open_scratch() as (connection, scratch):
        check_condition(connection, where)
        try:
            if not sides[0].tables and not sides[1].tables:
                found = compare_paths(connection, scratch, *sides, tables, key=key, where=where, limit=limit)
                return Diff(*names, found)
            every = _choose_tables(sides, tables)
            return _compare_ours(connection, names, sides, every, where=where, limit=limit, lengths=lengths)
        except duckdb.Error as error:
            raise QueryError(shorten_fault(error)) from None


def _choose_tables(sides: tuple[Contents, Contents], tables: Sequence[str]) -> list[str]:
    there = [name for name in TABLE_KEYS if any(name in side.tables for side in sides)]
    for name in tables:
        if name not in there:
            raise QueryError(f"--table {name}: neither revision has it; there are {', '.join(there)}")
    return list(tables) or there


def _compare_ours(
    connection: duckdb.DuckDBPyConnection,
    names: tuple[str, str],
    sides: tuple[Contents, Contents],
    asked: Sequence[str],
    *,
    where: str | None,
    limit: int,
    lengths: bool,
) -> Diff:
    wanted = {*asked, *_list_needs(asked)}
    parted = {
        name: sort_parts(name, *sides, sides[0].tables.get(name, []), sides[1].tables.get(name, []))
        for name in TABLE_KEYS
        if name in wanted
    }
    bound = {name: where for name in asked if _binds(connection, parted[name], where)}
    if where is not None and not bound:
        raise QueryError(f"--where {where}: none of {', '.join(asked)} has these columns")
    compared = {
        name: compare_table(connection, table, bound.get(name))
        for name, table in parted.items()
        if name in bound or (name in EDITABLE and name in wanted)
    }
    _tell_terms(connection, parted, compared, bound)
    shown = [name for name in asked if name in bound]
    finished = [
        finish_table(compared[name], list_examples(connection, compared[name], parted, limit)) for name in shown
    ]
    finished = tell_weights(sides, finished, where=bound.get("preferences"), limit=limit)
    told = {name: table for name, table in parted.items() if name in asked or name == "dropped"}
    moved = list_moves(connection, told, measure_all=lengths) if where is None else []
    return Diff(*names, finished, moved)


def _list_needs(asked: Sequence[str]) -> set[str]:
    """What tables are told apart by: the ledger, origins, and the content whose ids they hold."""
    needs = {"dropped"} if set(asked) & {*EDITABLE, "preferences", "rankings"} else set()
    if set(asked) & {*EDITABLE, "preferences", "assignments"}:
        needs |= {"origins", *EDITABLE}
    return needs


def _binds(connection: duckdb.DuckDBPyConnection, table: PartedTable, where: str | None) -> bool:
    """Whether a table has the columns of a condition."""
    if where is None:
        return True
    for parts in (table.all_old, table.all_new):
        if parts:
            select = select_parts(table.name, parts, table)
            try:
                connection.execute(f"SELECT 1 FROM ({select}) AS rows WHERE ({where}\n) LIMIT 0")
            except duckdb.BinderException:
                return False
    return True


def _tell_terms(
    connection: duckdb.DuckDBPyConnection,
    parted: dict[str, PartedTable],
    compared: dict[str, Compared],
    conditions: Mapping[str, str | None],
) -> None:
    """Find edits, drops and restorations, in this order: each needs what came and left as it was."""
    came = {name: table.added() for name, table in compared.items()}
    left = {name: table.removed() for name, table in compared.items()}
    ledgers = read_ledger(connection, parted["dropped"]) if "dropped" in parted else None
    if "origins" in parted:
        gone = [left[name] for name in EDITABLE if name in left]
        gone += [ids for name in EDITABLE for ids in ledgers[0].of(name).values()] if ledgers else []
        edits = find_edits(
            connection, parted["origins"], _join(gone), _join([came[name] for name in EDITABLE if name in came])
        )
        for name in EDITABLE:
            if name in compared:
                join_edits(compared[name], edits)
        if "assignments" in compared:
            join_assignments(compared["assignments"], edits)
        if "preferences" in compared:
            join_preferences(connection, compared["preferences"], parted["candidates"], edits)
    if ledgers is not None:
        for name in (*EDITABLE, "rankings", "preferences"):
            if name in compared:
                met = _list_met(connection, compared[name].table, conditions.get(name))
                _tell_drops(compared[name], ledgers, came[name], left[name], met)


def _join(arrays: Sequence[Hashes]) -> Hashes:
    return np.concatenate([np.empty(0, dtype=np.uint64), *arrays])


def _tell_drops(
    compared: Compared, ledgers: tuple[LedgerChange, LedgerChange], came: Hashes, left: Hashes, met: Hashes | None
) -> None:
    """Count rows newly dropped and restored, by rule; rows that only one revision has are neither.

    A preference is derived: it leaves the table when it is dropped.

    Args:
        met: ids of the rows that were asked for; None is all.
    """
    derived = compared.table.name in DERIVED
    for term, ledger, foreign in (("newly_dropped", ledgers[0], came), ("restored", ledgers[1], left)):
        moved = (left if term == "newly_dropped" else came) if derived else foreign
        rules = {}
        for reason, ids in ledger.of(compared.table.name).items():
            mask = np.isin(ids, moved, invert=not derived)
            if met is not None:
                mask &= np.isin(ids, met)
            rules[reason] = ids[mask]
        rows = np.unique(_join(list(rules.values())))
        if len(rows):
            counts = {reason: len(ids) for reason, ids in rules.items() if len(ids)}
            compared.found = replace(
                compared.found, terms={**compared.found.terms, term: len(rows)},
                rules={**compared.found.rules, term: counts},
            )  # fmt: skip
            compared.ledger[term] = rows


def _list_met(connection: duckdb.DuckDBPyConnection, table: PartedTable, where: str | None) -> Hashes | None:
    """Hashes of the ids of rows that meet a condition in either revision."""
    if where is None:
        return None
    [key] = TABLE_KEYS[table.name]
    parts = [*table.shared, *table.old, *table.new]
    rows = f"SELECT hash({key}) AS k FROM ({select_parts(table.name, parts, table)}) AS rows WHERE ({where}\n)"
    return np.asarray(connection.execute(rows).fetchnumpy()["k"])


def finish_table(compared: Compared, examples: Sequence[Example]) -> TableDiff:
    """The result of one table."""
    terms = {term: max(len(old), len(new)) for term, (old, new) in compared.groups.items()}
    return replace(compared.found, terms={**terms, **compared.found.terms}, examples=examples)
