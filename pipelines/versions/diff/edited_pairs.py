"""Follows preferences through edits of their prompts and candidates: whose text changed, and what flipped."""

import duckdb
import numpy as np
from numpy.typing import NDArray

from curation.row_changes import Hashes, Places, differ_numbers
from curation.row_edits import Edits, pair_preferences
from pipelines.versions.diff.ours import TERMS, TOLERANCE, Compared, add_group, replace_rows
from pipelines.versions.diff.parts import PartedTable, select_parts
from pipelines.versions.diff.sides import Side

Ids = tuple[Hashes, Hashes, Hashes]
"""Hashes of prompt_id, chosen_id and rejected_id."""


def join_preferences(
    connection: duckdb.DuckDBPyConnection, compared: Compared, candidates: PartedTable, edits: Edits
) -> None:
    """Count preferences over edited texts as changed, and say what happened to each."""
    changes, hashes = compared.changes, compared.hashes
    if not len(edits.old) or changes is None or hashes is None or compared.old is None or compared.new is None:
        return
    if not len(changes.removed) or not len(changes.added):
        return
    old, new = (_read_ids(connection, side) for side in (compared.old, compared.new))
    old_at, new_at = pair_preferences(edits, _take(old, changes.removed), _take(new, changes.added))
    before, after = changes.removed[old_at], changes.added[new_at]
    if not len(before):
        return
    masks = _compare_terms(compared, before, after)
    old_prompt, old_chosen, old_rejected = (ids[before] for ids in old)
    new_prompt, new_chosen, new_rejected = (ids[after] for ids in new)
    flipped = edits.map_old(old_chosen) != new_chosen
    # of a flipped pair, what is chosen now was rejected before
    chosen_before = np.where(flipped, old_rejected, old_chosen)
    rejected_before = np.where(flipped, old_chosen, old_rejected)
    told_apart = _tell_apart(
        connection, candidates, np.concatenate([chosen_before, rejected_before]),
        np.concatenate([new_chosen, new_rejected]), np.tile(old_prompt != new_prompt, 2),
    )  # fmt: skip
    masks |= {
        "flipped": flipped, "prompt_edited": old_prompt != new_prompt,
        "chosen_edited": told_apart[: len(before)], "rejected_edited": told_apart[len(before) :],
    }  # fmt: skip
    for term, mask in masks.items():
        add_group(compared, term, before[mask], after[mask])
    replace_rows(compared, before, after)


def _read_ids(connection: duckdb.DuckDBPyConnection, side: Side) -> Ids:
    found = connection.execute(
        f"SELECT hash(prompt_id) AS p, hash(chosen_id) AS c, hash(rejected_id) AS r FROM ({side.select})"
    ).fetchnumpy()
    return np.asarray(found["p"]), np.asarray(found["c"]), np.asarray(found["r"])


def _take(ids: Ids, places: Places) -> Ids:
    return ids[0][places], ids[1][places], ids[2][places]


def _compare_terms(compared: Compared, before: Places, after: Places) -> dict[str, NDArray[np.bool_]]:
    """Which pairs moved in margin, weight and votes."""
    assert compared.hashes is not None
    old, new = compared.hashes
    masks = {}
    for term, columns in TERMS["preferences"].items():
        moved = [old.columns[name][before] != new.columns[name][after] for name in columns if name in old.columns]
        moved += [
            differ_numbers(old.numbers[name][before], new.numbers[name][after], TOLERANCE)
            for name in columns
            if name in old.numbers
        ]
        if moved and term != "flipped":
            masks[term] = np.logical_or.reduce(moved)
    return masks


def _tell_apart(
    connection: duckdb.DuckDBPyConnection,
    candidates: PartedTable,
    old: Hashes,
    new: Hashes,
    unsure: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether two candidates' texts differ: where their ids do, unless only the prompt, which ids are of too, did."""
    differ = old != new
    ask = differ & unsure
    if ask.any():
        before = _read_texts(connection, candidates, old[ask], old_side=True)
        after = _read_texts(connection, candidates, new[ask], old_side=False)
        differ[ask] = before != after
    return differ


def _read_texts(
    connection: duckdb.DuckDBPyConnection, candidates: PartedTable, ids: Hashes, *, old_side: bool
) -> Hashes:
    """A hash of each candidate's completion, 0 for one that is not there."""
    parts = candidates.all_old if old_side else candidates.all_new
    select = select_parts("candidates", parts, candidates)
    connection.register("wanted", {"k": np.unique(ids)})
    try:
        found = connection.execute(
            "SELECT hash(candidate_id) AS k, hash(CAST(to_json(completion) AS VARCHAR)) AS t"
            f" FROM ({select}) WHERE hash(candidate_id) IN (SELECT k FROM wanted)"
        ).fetchnumpy()
    finally:
        connection.unregister("wanted")
    keys, texts = np.asarray(found["k"]), np.asarray(found["t"])
    order = np.argsort(keys)
    keys, texts = keys[order], texts[order]
    if not len(keys):
        return np.zeros(len(ids), dtype=np.uint64)
    places = np.minimum(np.searchsorted(keys, ids), len(keys) - 1)
    return np.where(keys[places] == ids, texts[places], np.uint64(0))
