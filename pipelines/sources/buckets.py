"""Turns the names of buckets that items were sorted into into an order from best to worst, where they say one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

PLACE = re.compile(r"(?:(?:rank|place|tier|position)[ _-]?)?([1-9]\d{0,3})(?:st|nd|rd|th)?")
WORDS = {
    "best": 0, "excellent": 1, "chosen": 1, "preferred": 1, "good": 2, "positive": 2, "positives": 2, "relevant": 2,
    "ok": 3, "okay": 3, "neutral": 3, "acceptable": 3, "bad": 4, "negative": 4, "negatives": 4, "irrelevant": 4,
    "rejected": 5, "worst": 6,
}  # fmt: skip
"""How good a bucket of that name is, from 0 down."""


@dataclass(frozen=True)
class BucketOrder:
    """Buckets from best to worst.

    Attributes:
        are_places: True where buckets are places (`1`, `rank_2`), so that two items in one bucket share it: a tie.
            Two items in a bucket such as `good` were merely not told apart.
    """

    best_first: tuple[str, ...]
    are_places: bool


def order_buckets(names: Sequence[str]) -> BucketOrder | None:
    """The order that the buckets' names say; None where they say none."""
    places = [PLACE.fullmatch(name.strip().casefold()) for name in names]
    if all(places):
        by_place = {int(place[1]): name for name, place in zip(names, places, strict=True) if place}
        ordered = tuple(by_place[place] for place in sorted(by_place))
        return BucketOrder(ordered, are_places=True) if len(ordered) == len(names) else None
    levels = {name: WORDS.get(name.strip().casefold()) for name in names}
    known = {level: name for name, level in levels.items() if level is not None}
    if len(known) < len(names):
        return None
    return BucketOrder(tuple(known[level] for level in sorted(known)), are_places=False)
