"""The signatures a stage keeps beside a turn change what it costs, never what it finds."""

from pathlib import Path

import polars as pl

from curation.near_duplicates import drop_near_duplicates
from pipelines.signatures import remember_signatures
from schemas.curation_params import NearDuplicates

NEAR = NearDuplicates(
    threshold=0.8, column_threshold=0.5, shingle_words=3, shingle_characters=5, bands=25, rows_per_band=5, seed=1
)


def window(start: int, n: int = 30) -> str:
    return " ".join(f"w{i}" for i in range(start, start + n))


ROWS = pl.DataFrame(
    {"row_id": [f"r{n:02}" for n in range(40)], "text": [window(n // 2 * 9 + n % 2) for n in range(40)]}
)


def find(folder: Path, rows: pl.DataFrame = ROWS, near: NearDuplicates = NEAR) -> pl.DataFrame:
    with remember_signatures(folder):
        return drop_near_duplicates(rows, near)


def count_remembered(folder: Path) -> list[int]:
    return [pl.read_parquet(path).height for path in folder.glob("*.parquet")]


def test_what_is_remembered_changes_nothing_and_can_be_lost_or_damaged(tmp_path: Path) -> None:
    expected = drop_near_duplicates(ROWS, NEAR)
    assert expected.height == 20
    assert find(tmp_path, ROWS[:30]).equals(drop_near_duplicates(ROWS[:30], NEAR))
    assert count_remembered(tmp_path) == [30]
    assert find(tmp_path).equals(expected) and count_remembered(tmp_path) == [40]
    (file,) = tmp_path.glob("*.parquet")
    whole = file.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", None):
        file.unlink() if damage is None else file.write_bytes(damage)
        assert find(tmp_path).equals(expected) and count_remembered(tmp_path) == [40]
    assert file.read_bytes() == whole


def test_signatures_of_rows_and_settings_that_are_gone_go_too(tmp_path: Path) -> None:
    find(tmp_path)
    find(tmp_path, ROWS[:7], NEAR.model_copy(update={"seed": 2}))
    assert count_remembered(tmp_path) == [7]
    assert not list(tmp_path.glob("*.part"))
