import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.numbering import number_values


@pytest.mark.parametrize(
    ("values", "numbers", "distinct"),
    [
        (["b", "a", "b", "ä", ""], [2, 1, 2, 3, 0], ["", "a", "b", "ä"]),
        ([0.5, -1.0, 0.5], [1, 0, 1], [-1.0, 0.5]),
        ([3, 3], [0, 0], [3]),
    ],
)
def test_numbers_are_places_among_the_sorted(values: list[Any], numbers: list[int], distinct: list[Any]) -> None:
    found, kept = number_values(pl.Series(values))
    assert (found.tolist(), kept.to_list()) == (numbers, distinct)


@given(st.lists(st.text(max_size=3)))
def test_as_a_dense_rank_numbers(values: list[str]) -> None:
    series = pl.Series(values, dtype=pl.String)
    found, distinct = number_values(series)
    assert found.tolist() == (series.rank("dense").cast(pl.Int64) - 1).to_list()
    assert distinct.equals(series.unique().sort())


def test_of_a_series_in_chunks() -> None:
    chunks = pl.concat([pl.Series(["b"]), pl.Series(["a"]), pl.Series(["b"])], rechunk=False)
    assert number_values(chunks)[0].tolist() == [1, 0, 1]


def test_without_pandas_which_takes_longer_to_import_than_a_file_to_number() -> None:
    program = "import sys; from curation.numbering import number_values; import polars; "
    program += "number_values(polars.Series(['b', 'a'])); sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
