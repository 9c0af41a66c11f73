"""Pairs rows that were edited at their source, whose ids differ, by where they came from; all in hashes of ids."""

from dataclasses import dataclass

import numpy as np

from curation.row_changes import Hashes, Places


@dataclass(frozen=True)
class Edits:
    """Rows that took the place of others: `new[i]` stands where `old[i]` stood. Sorted by `old`."""

    old: Hashes
    new: Hashes

    def map_old(self, ids: Hashes) -> Hashes:
        """Old ids as those of the rows that took their place, others as they are."""
        if not len(self.old):
            return ids
        places = np.minimum(np.searchsorted(self.old, ids), len(self.old) - 1)
        return np.where(self.old[places] == ids, self.new[places], ids)

    def keep(self, old: Hashes, new: Hashes) -> "Edits":
        """Those from one of some rows to one of others."""
        mask = np.isin(self.old, old) & np.isin(self.new, new)
        return Edits(self.old[mask], self.new[mask])


def pair_edits(old_ids: Hashes, old_origins: Hashes, new_ids: Hashes, new_origins: Hashes) -> Edits:
    """Pair rows that left with rows that came, where one of each has an origin and no other has.

    Args:
        old_ids, old_origins: by row that left, its id and a place at a source; new_*: the same of rows that came.
    """
    old_at, new_at = _find_common(_list_single(old_origins), _list_single(new_origins))
    old, new = (
        ids[_places_single(origins)[at]]
        for ids, origins, at in ((old_ids, old_origins, old_at), (new_ids, new_origins, new_at))
    )
    # a row with several origins is paired once, and with one other
    _, first = np.unique(old, return_index=True)
    old, new = old[first], new[first]
    _, first = np.unique(new, return_index=True)
    first = np.sort(first)
    return Edits(old[first], new[first])


def _find_common(old: Hashes, new: Hashes) -> tuple[Places, Places]:
    """Where values lie that both have; neither repeats one."""
    _, old_at, new_at = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    return old_at.astype(np.int64), new_at.astype(np.int64)


def _places_single(values: Hashes) -> Places:
    _, first, counts = np.unique(values, return_index=True, return_counts=True)
    return first[counts == 1]


def _list_single(values: Hashes) -> Hashes:
    found: Hashes = values[_places_single(values)]
    return found


def pair_preferences(
    edits: Edits, old: tuple[Hashes, Hashes, Hashes], new: tuple[Hashes, Hashes, Hashes]
) -> tuple[Places, Places]:
    """Places of preferences that are the same pair once its prompt or candidates were edited.

    Args:
        old, new: hashes of (prompt_id, chosen_id, rejected_id) of preferences that left, and that came.
    """
    names = [_name_pair(*(edits.map_old(ids) for ids in old)), _name_pair(*new)]
    old_at, new_at = _find_common(_list_single(names[0]), _list_single(names[1]))
    return _places_single(names[0])[old_at], _places_single(names[1])[new_at]


def _name_pair(prompt: Hashes, chosen: Hashes, rejected: Hashes) -> Hashes:
    """A name of a pair in which the order of its candidates does not matter."""
    odd = np.uint64(0x9E3779B97F4A7C15)
    first, second = np.minimum(chosen, rejected), np.maximum(chosen, rejected)
    return ((prompt * odd) ^ first) * odd ^ second
