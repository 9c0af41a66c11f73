import numpy as np
import polars as pl
import pytest

from benchmarks.planted_texts import measure_jaccard, plant_texts
from curation.buckets import Bands
from curation.known_rows import Known, drop_beside_known
from curation.near_duplicates import drop_near_duplicates
from curation.words import string_buffers
from schemas.curation_params import NearDuplicates

NEAR = NearDuplicates(
    threshold=0.8, column_threshold=0.5, shingle_words=3, shingle_characters=5, bands=25, rows_per_band=5, seed=1
)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """1,500 rows, of which a tenth are planted copies and as many near misses and letters of one template."""
    texts = plant_texts(1_500, n_words=50, seed=3).texts
    return pl.DataFrame({"row_id": pl.Series(range(1_500), dtype=pl.UInt32), "text": texts})


def test_rows_in_parts_beside_those_known_are_found_as_all_at_once(rows: pl.DataFrame) -> None:
    expected, known, found = drop_near_duplicates(rows, NEAR), [], []
    assert expected.height > 100
    for first, last in ((0, 900), (900, 1_000), (1_000, 1_500)):
        part = rows[first:last]
        extended = drop_beside_known(part, known, NEAR, first_known=10_000)
        names = dict(enumerate(extended.names, start=10_000))
        found += [(row, int(names.get(matched, matched)), s) for row, matched, s in extended.matches.iter_rows()]
        stay = ~extended.rows.is_in(extended.matches["row_id"].implode())
        places, ids = stay.arg_true().to_numpy(), extended.rows.filter(stay)
        texts = string_buffers(rows["text"].gather(ids))
        whole = Bands(extended.bands.keys[:, places], extended.bands.counts[:, places])
        known.append(Known(ids.cast(pl.String), texts, whole.counts[0], list(whole.keys)))
    assert found == expected.rows()


def test_planted_copies_are_found_and_near_misses_and_templates_are_not() -> None:
    planted = plant_texts(4_000, n_words=90, seed=5)
    rows = pl.DataFrame({"row_id": pl.Series(range(4_000), dtype=pl.UInt32), "text": planted.texts})
    dropped = drop_near_duplicates(rows, NEAR)
    assert not set(dropped["row_id"]) & set(planted.templated)
    pairs = [
        (i, j, measure_jaccard(planted.texts[i], planted.texts[j], 3)) for i, j in planted.pairs + planted.near_misses
    ]
    alike = {(min(i, j), max(i, j)): s for i, j, s in pairs if s >= 0.8}
    found = {(min(i, j), max(i, j)): s for i, j, s in dropped.iter_rows()}
    assert len(alike) > 350 and found == pytest.approx({pair: alike[pair] for pair in found})
    assert len(found) >= 0.99 * len(alike)


def test_no_known_rows(rows: pl.DataFrame) -> None:
    extended = drop_beside_known(rows, [], NEAR, first_known=2_000)
    assert extended.matches.equals(drop_near_duplicates(rows, NEAR)) and len(extended.names) == 0
    assert np.array_equal(extended.rows, np.arange(1_500))
