"""Says what differs between two revisions of a flywheel's tables, in the terms of the field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np

from curation.row_changes import Hashes, Places, RowChanges, RowHashes, match_rows
from curation.row_edits import Edits, pair_edits
from pipelines.versions.contents import Part
from pipelines.versions.diff.comparing import count_changes
from pipelines.versions.diff.found import TableDiff
from pipelines.versions.diff.parts import PartedTable, count_rows, open_sides, select_parts
from pipelines.versions.diff.sides import Side, compare_schemas, hash_sides

TOLERANCE = 1e-9
"""Floats of derived tables move by less than this when sums are taken in another order."""
TABLE_KEYS: dict[str, tuple[str, ...]] = {
    "prompts": ("prompt_id",), "demonstrations": ("demonstration_id",), "candidates": ("candidate_id",),
    "guidelines": ("guideline_id",), "origins": ("row_id", "source", "external_id"),
    "samples": ("candidate_id", "policy", "sample_index", "turn"), "rankings": ("ranking_id",),
    "ratings": ("candidate_id", "labeler_id", "aspect", "round"), "labelers": ("labeler_id",),
    "assignments": ("prompt_id",), "dropped": ("table_name", "row_id", "reason"), "labeler_stats": ("labeler_id",),
    "preferences": ("pair_id",), "pair_findings": ("pair_id", "reason"), "scores": ("candidate_id", "model"),
    "training_rows": ("model", "row_id"),
}  # fmt: skip
"""Every table and its key, as schemas.tables says, which loads polars."""
DERIVED = ("preferences",)
"""Tables whose rows leave when they are dropped."""
NAMED_BY_CONTENT = {
    "prompts": {"messages", "tools"},
    "demonstrations": {"prompt_id", "completion", "rationale"},
    "candidates": {"prompt_id", "completion"},
    "guidelines": {"name", "version", "text"},
}
"""Columns that a row's id is a hash of: they are equal where the ids are, so these are never read."""
IGNORED = {"dropped": {"turn"}}
"""The turn in which a drop was judged: every row is judged again every turn."""
EDITABLE = ("prompts", "demonstrations", "candidates")
TERMS: dict[str, dict[str, tuple[str, ...]]] = {
    "rankings": {"re_ranked": ("tiers",)},
    "assignments": {"split_moved": ("split",)},
    "labeler_stats": {"reliability_moved": ("reliability",)},
    "preferences": {
        "flipped": ("chosen_id",), "margin_moved": ("margin",), "weight_moved": ("weight",),
        "votes_moved": ("votes_for", "votes_against", "votes_tie"),
    },
}  # fmt: skip
"""What a change of columns means, by table."""


@dataclass
class Compared:
    """One table on its way to a result."""

    table: PartedTable
    found: TableDiff
    old: Side | None = None
    new: Side | None = None
    hashes: tuple[RowHashes, RowHashes] | None = None
    changes: RowChanges | None = None
    groups: dict[str, tuple[Places, Places]] = field(default_factory=dict)
    """Places of rows, by term: in old and new; one of them empty where the row is on one side only."""
    ledger: dict[str, Hashes] = field(default_factory=dict)
    """Hashes of the ids of rows that were newly dropped, and restored."""
    edits: Edits = field(default_factory=lambda: Edits(_none(), _none()))
    """Rows of the table that took the place of others."""

    def added(self) -> Hashes:
        """Hashes of the ids of rows that came."""
        return self.hashes[1].key[self.changes.added] if self.hashes and self.changes else _none()

    def removed(self) -> Hashes:
        """Hashes of the ids of rows that left."""
        return self.hashes[0].key[self.changes.removed] if self.hashes and self.changes else _none()


def _none() -> Hashes:
    return np.empty(0, dtype=np.uint64)


def compare_table(connection: duckdb.DuckDBPyConnection, table: PartedTable, where: str | None) -> Compared:
    """Compare the files that only one revision has."""
    unread = count_rows(connection, table.shared, where)
    key = TABLE_KEYS[table.name]
    sides = open_sides(connection, table)
    if sides is None:
        return Compared(table, TableDiff(table.name, 0, 0, 0, unread, key))
    old, new = sides
    skipped = NAMED_BY_CONTENT.get(table.name, set()) | IGNORED.get(table.name, set())
    columns = [name for name in old.types if name in new.types and name not in skipped]
    hashes = hash_sides(connection, old, new, key, columns, where)
    changes = match_rows(*hashes, tolerance=TOLERANCE)
    found = count_changes(table.name, changes, key)
    schema = compare_schemas(old, new) if table.old and table.new else found.schema
    found = replace(found, unchanged=found.unchanged + unread, schema=schema)
    compared = Compared(table, found, old, new, hashes, changes)
    _name_terms(compared)
    return compared


def _name_terms(compared: Compared) -> None:
    changes = compared.changes
    assert changes is not None
    for term, columns in TERMS.get(compared.table.name, {}).items():
        masks = [changes.columns[column] for column in columns if column in changes.columns]
        if masks:
            mask = np.logical_or.reduce(masks)
            compared.groups[term] = changes.old_changed[mask], changes.new_changed[mask]


@dataclass(frozen=True)
class LedgerChange:
    """Rows that the ledger newly names, or names no more: hashes of their ids by table and reason."""

    rows: Mapping[tuple[str, str], Hashes]

    def of(self, table: str) -> dict[str, Hashes]:
        """Those of one table by reason, in the order of these."""
        return {reason: ids for (name, reason), ids in self.rows.items() if name == table}


def read_ledger(connection: duckdb.DuckDBPyConnection, ledger: PartedTable) -> tuple[LedgerChange, LedgerChange]:
    """What the new ledger drops and the old did not, and the other way round; one entry a row and reason."""
    old, new = ledger.all_old, ledger.all_new
    return (_list_entries(connection, ledger, ledger.new, old), _list_entries(connection, ledger, ledger.old, new))


def _list_entries(
    connection: duckdb.DuckDBPyConnection, ledger: PartedTable, only: Sequence[Part], others: Sequence[Part]
) -> LedgerChange:
    if not only:
        return LedgerChange({})
    here, there = (select_parts(ledger.name, parts, ledger) for parts in (only, others))
    found = connection.execute(
        "SELECT here.table_name, here.reason, list(hash(here.row_id)) AS ids"
        f" FROM ({here}) AS here ANTI JOIN ({there}) AS there USING (table_name, row_id) GROUP BY ALL ORDER BY ALL"
    ).fetchnumpy()
    named = zip(found["table_name"], found["reason"], found["ids"], strict=True)
    return LedgerChange({(table, reason): np.asarray(ids, dtype=np.uint64) for table, reason, ids in named})


def find_edits(connection: duckdb.DuckDBPyConnection, origins: PartedTable, gone: Hashes, came: Hashes) -> Edits:
    """Rows that took the place of others at their source."""
    if not len(came) or not len(gone) or not origins.new:
        return Edits(_none(), _none())
    new_ids, new_places = _read_origins(connection, origins, origins.new, came)
    old_ids, old_places = _none(), _none()
    for parts in (origins.old, origins.shared):  # shared ones only for what the others do not have
        missing = new_places[~np.isin(new_places, old_places)]
        if not parts or not len(missing):
            continue
        ids, places = _read_origins(connection, origins, parts, gone)
        mask = np.isin(places, missing)
        old_ids, old_places = np.concatenate([old_ids, ids[mask]]), np.concatenate([old_places, places[mask]])
    return pair_edits(old_ids, old_places, new_ids, new_places)


def _read_origins(
    connection: duckdb.DuckDBPyConnection, origins: PartedTable, parts: Sequence[Part], wanted: Hashes
) -> tuple[Hashes, Hashes]:
    """Hashes of the ids of wanted rows, and of table, source and id at the source; one a row's origin."""
    connection.register("wanted", {"each": wanted})
    try:
        found = connection.execute(
            "SELECT hash(row_id) AS k, hash(table_name, source, external_id) AS p"
            f" FROM ({select_parts('origins', parts, origins)}) WHERE hash(row_id) IN (SELECT each FROM wanted)"
        ).fetchnumpy()
    finally:
        connection.unregister("wanted")
    return np.asarray(found["k"]), np.asarray(found["p"])


def join_edits(compared: Compared, edits: Edits) -> None:
    """Count rows that took the place of others as changed, not as added and removed."""
    if compared.hashes is None or compared.changes is None:
        return
    old, new = compared.hashes
    came, left = compared.added(), compared.removed()
    compared.edits = Edits(*(ids[np.isin(edits.new, came)] for ids in (edits.old, edits.new)))
    if not len(compared.edits.new):
        return
    compared.groups["edited"] = _none_placed(), _places_of(new.key, compared.changes.added, compared.edits.new)
    mine = compared.edits.keep(left, came)
    replace_rows(compared, _places_of(old.key, compared.changes.removed, mine.old),
                 _places_of(new.key, compared.changes.added, mine.new))  # fmt: skip


def join_assignments(compared: Compared, edits: Edits) -> None:
    """Compare the splits of prompts that were edited."""
    if compared.hashes is None or compared.changes is None:
        return
    old, new = compared.hashes
    mine = edits.keep(compared.removed(), compared.added())
    before = _places_of(old.key, compared.changes.removed, mine.old)
    after = _places_of(new.key, compared.changes.added, mine.new)
    moved = old.row[before] != new.row[after]
    split = old.columns["split"][before] != new.columns["split"][after]
    replace_rows(compared, before[moved], after[moved])
    replace_rows(compared, before[~moved], after[~moved], changed=False)
    add_group(compared, "split_moved", before[split], after[split])


def add_group(compared: Compared, term: str, old: Places, new: Places) -> None:
    """Note that something happened to rows."""
    before = compared.groups.get(term, (_none_placed(), _none_placed()))
    if len(old) or len(new):
        compared.groups[term] = np.concatenate([before[0], old]), np.concatenate([before[1], new])


def _none_placed() -> Places:
    return np.empty(0, dtype=np.int64)


def _places_of(keys: Hashes, among: Places, wanted: Hashes) -> Places:
    """Places, in the order of `wanted`, of keys among some places; those not there left out."""
    held = among[np.isin(keys[among], wanted)]
    order = np.argsort(keys[held])
    held = held[order]
    present = wanted[np.isin(wanted, keys[held])]
    return held[np.searchsorted(keys[held], present)]


def replace_rows(compared: Compared, old: Places, new: Places, *, changed: bool = True) -> None:
    """Take rows as pairs that were taken for removed and added."""
    changes, found = compared.changes, compared.found
    assert changes is not None
    compared.changes = replace(
        changes, added=np.setdiff1d(changes.added, new), removed=np.setdiff1d(changes.removed, old)
    )
    n = len(old)
    compared.found = replace(
        found, added=found.added - n, removed=found.removed - n, changed=found.changed + n * changed,
        unchanged=found.unchanged + n * (not changed),
    )  # fmt: skip
