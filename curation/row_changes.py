"""Turns hashes of the rows of two tables into which rows were added, removed, changed and in which columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class RowHashes:
    """The rows of one table, in its order. Two rows are the same one where `key` and `check`, 128 bits, are equal."""

    key: Hashes
    check: Hashes
    row: Hashes
    """Of all columns that are compared, floats left out."""
    columns: Mapping[str, NDArray[np.uint32]]
    """Of each column; of a float only whether it is null."""
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """Floats as they are, NaN where null."""
    wanted: NDArray[np.bool_] | None = None
    """Rows that were asked for; None is all."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True)
class RowChanges:
    """Places of rows, in the order of their tables. A pair of rows is (old_changed[i], new_changed[i])."""

    added: Places
    removed: Places
    old_changed: Places
    new_changed: Places
    unchanged: int
    columns: Mapping[str, NDArray[np.bool_]]
    """Of each column, which of the changed pairs differ in it; columns in which none does are left out."""
    repeated_old: Places
    repeated_new: Places
    """Rows whose key is not theirs alone, in either table: these are paired only where they are equal."""

    @property
    def changed(self) -> int:
        """How many rows changed."""
        return len(self.old_changed)


def match_rows(old: RowHashes, new: RowHashes, tolerance: float = 0.0) -> RowChanges:
    """Pair the rows of two tables by key, and compare the pairs.

    Rows that share their key with others of their table are never paired by it: equal ones are unchanged, however many
    there are, and what remains is removed or added. A pair counts when either of its rows is wanted.

    Args:
        tolerance: floats are equal when they differ by no more than this, as a share of the greater where above 1.
    """
    paired = _pair_keys(old.key, new.key)
    if _collide(old, new, paired):
        paired = _pair_keys(*_rank_keys(old, new))
    old_paired, new_paired, removed, added, repeated_old, repeated_new = paired
    equal_old, equal_new, rest_old, rest_new = _match_repeated(old, new, repeated_old, repeated_new)
    wanted = _either(old, new, old_paired, new_paired)
    old_paired, new_paired = old_paired[wanted], new_paired[wanted]
    differs, columns = _compare(old, new, old_paired, new_paired, tolerance)
    order = np.argsort(old_paired[differs])
    return RowChanges(
        added=np.sort(_keep(new, np.concatenate([added, rest_new]))),
        removed=np.sort(_keep(old, np.concatenate([removed, rest_old]))),
        old_changed=old_paired[differs][order],
        new_changed=new_paired[differs][order],
        unchanged=int((~differs).sum() + _either(old, new, equal_old, equal_new).sum()),
        columns={name: mask[order] for name, mask in columns.items()},
        repeated_old=np.sort(repeated_old),
        repeated_new=np.sort(repeated_new),
    )


def _empty() -> Places:
    return np.empty(0, dtype=np.int64)


def _pair_keys(old: Hashes, new: Hashes) -> tuple[Places, Places, Places, Places, Places, Places]:
    """Places of the old and new rows of a pair, of rows that only one table has, and of those with repeated keys."""
    old_order, new_order = np.argsort(old), np.argsort(new)
    old_sorted, new_sorted = old[old_order], new[new_order]
    repeated = np.union1d(_list_repeated(old_sorted), _list_repeated(new_sorted))
    repeated_old, repeated_new = _empty(), _empty()
    if len(repeated):
        old_twice, new_twice = np.isin(old_sorted, repeated), np.isin(new_sorted, repeated)
        repeated_old, repeated_new = old_order[old_twice], new_order[new_twice]
        old_order, old_sorted = old_order[~old_twice], old_sorted[~old_twice]
        new_order, new_sorted = new_order[~new_twice], new_sorted[~new_twice]
    held, at = _find_sorted(old_sorted, new_sorted)
    unpaired = np.ones(len(new_order), dtype=np.bool_)
    unpaired[at] = False
    return old_order[held], new_order[at], old_order[~held], new_order[unpaired], repeated_old, repeated_new


def _collide(old: RowHashes, new: RowHashes, paired: tuple[Places, ...]) -> bool:
    """Whether two rows have one key of 64 bits and two checks."""
    old_paired, new_paired, _, _, *repeated = paired
    if (old.check[old_paired] != new.check[new_paired]).any():
        return True
    keys, checks = (
        np.concatenate([old_values[repeated[0]], new_values[repeated[1]]])
        for old_values, new_values in ((old.key, new.key), (old.check, new.check))
    )
    return len(np.unique(keys)) != len(np.unique(np.stack([keys, checks], axis=1), axis=0))


def _rank_keys(old: RowHashes, new: RowHashes) -> tuple[Hashes, Hashes]:
    """The ranks of (key, check) in place of the keys."""
    both = [np.stack([rows.key, rows.check], axis=1) for rows in (old, new)]
    _, ranks = np.unique(np.concatenate(both), axis=0, return_inverse=True)
    named: Hashes = ranks.reshape(-1).astype(np.uint64)
    return named[: len(old)], named[len(old) :]


def _list_repeated(ordered: Hashes) -> Hashes:
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _find_sorted(old: Hashes, new: Hashes) -> tuple[NDArray[np.bool_], Places]:
    """Which of `old` are in `new`, and where those are; both are sorted and without repeats."""
    if not len(new):
        return np.zeros(len(old), dtype=np.bool_), _empty()
    places = np.searchsorted(new, old)
    held = new[np.minimum(places, len(new) - 1)] == old
    return held, places[held]


def _match_repeated(
    old: RowHashes, new: RowHashes, old_places: Places, new_places: Places
) -> tuple[Places, Places, Places, Places]:
    """Rows with repeated keys: those that are equal, pairwise, and those of each table that remain."""
    if not len(old_places) or not len(new_places):
        return _empty(), _empty(), old_places, new_places
    old_names, new_names = (_name_copies(*side) for side in ((old, old_places), (new, new_places)))
    _, at_old, at_new = np.intersect1d(old_names, new_names, assume_unique=True, return_indices=True)
    return (
        old_places[at_old], new_places[at_new], np.delete(old_places, at_old), np.delete(new_places, at_new),
    )  # fmt: skip


def _name_copies(rows: RowHashes, places: Places) -> Hashes:
    """A name for each row, the same in both tables for the first, second ... of equal rows."""
    names = _mix(_mix(_mix(rows.key[places]) ^ rows.check[places]) ^ rows.row[places])
    for numbers in rows.numbers.values():
        bits = np.where(np.isnan(numbers[places]), np.nan, numbers[places] + 0.0).view(np.uint64)
        names = _mix(names ^ bits)
    order = np.argsort(names, kind="stable")
    ordered = names[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    copies = np.arange(len(ordered)) - np.repeat(begins, np.diff(np.append(begins, len(ordered))))
    named = np.empty_like(names)
    named[order] = _mix(ordered + copies.astype(np.uint64) * _ODD)
    return named


def _mix(values: Hashes) -> Hashes:
    """Values of which no bit tells of another: one step of splitmix64."""
    values = values + _ODD
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _keep(rows: RowHashes, places: Places) -> Places:
    return places if rows.wanted is None else places[rows.wanted[places]]


def _either(old: RowHashes, new: RowHashes, old_places: Places, new_places: Places) -> NDArray[np.bool_]:
    if old.wanted is None or new.wanted is None:
        return np.ones(len(old_places), dtype=np.bool_)
    return old.wanted[old_places] | new.wanted[new_places]


def _compare(
    old: RowHashes, new: RowHashes, old_places: Places, new_places: Places, tolerance: float
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.bool_]]]:
    """Which pairs differ, and of these which in each column."""
    differs = old.row[old_places] != new.row[new_places]
    moved = {
        name: differ_numbers(numbers[old_places], new.numbers[name][new_places], tolerance)
        for name, numbers in old.numbers.items()
    }
    for mask in moved.values():
        differs |= mask
    columns = {}
    for name, hashes in old.columns.items():
        mask = hashes[old_places[differs]] != new.columns[name][new_places[differs]]
        if name in moved:
            mask |= moved[name][differs]
        if mask.any():
            columns[name] = mask
    return differs, columns


def differ_numbers(old: NDArray[np.float64], new: NDArray[np.float64], tolerance: float) -> NDArray[np.bool_]:
    """Floats that differ; NaN equals NaN, and an infinity itself."""
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(old - new)
        near = np.isfinite(apart) & (apart <= tolerance * np.maximum(1.0, np.maximum(np.abs(old), np.abs(new))))
    return ~near & (old != new) & ~(np.isnan(old) & np.isnan(new))
