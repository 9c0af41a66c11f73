"""Checks how two values of a changed row are shown."""

import math
from decimal import Decimal
from typing import Any

import pytest

from pipelines.versions.diff.lines import VALUE_CHARACTERS, compare_values


def _split(old: Any, new: Any) -> tuple[str, str]:
    pieces = compare_values(old, new)
    return tuple("".join(text for kind, text in pieces if kind == side) for side in ("old", "new"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (1.0, 2.0, ("1", "2")),
        (1.0, 1.0000001, ("1.0", "1.0000001")),
        (Decimal("0.10000001"), Decimal("0.10000002"), ("0.10000001", "0.10000002")),
        (None, math.nan, ("", "nan")),
        (None, "", ("", "''")),
        ("1", 1, ("'1'", "1")),
        ([math.nan], [None], ("[nan]", "[None]")),
    ],
)
def test_values_that_differ_are_never_shown_alike(old: Any, new: Any, shown: tuple[str, str]) -> None:
    assert _split(old, new) == shown
    assert _split(new, old) == shown[::-1]


def test_a_change_behind_the_cut_of_a_long_list_is_shown() -> None:
    old = list(range(VALUE_CHARACTERS))
    assert _split(old, [*old[:-1], 7]) == ("199", "7")


@pytest.mark.parametrize("value", [None, 1.5, math.nan, "", [1, 2], {"a": None}])
def test_a_value_that_stays_is_shown_as_it_is(value: Any) -> None:
    assert _split(value, value) == ("", "")
