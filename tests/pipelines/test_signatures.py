"""The signatures that a turn stores change what later ones cost, never what they find."""

import shutil
import sys
import types
from pathlib import Path

import polars as pl
import pytest
from windows import window

from curation import buckets
from curation.near_duplicates import drop_near_duplicates
from pipelines.runner import run_stage
from pipelines.signatures import remember_signatures
from pipelines.stage import Stage
from schemas.curation_params import NearDuplicates

ROOT = Path(__file__).parents[2]
STAGE = "curate_demonstrations"
OWN, PAST = f"data/signatures/{STAGE}.parquet", "data/past/signatures"
DVC_YAML = f"stages: {{{STAGE}: {{deps: [{PAST}], outs: [{OWN}, found.parquet], params: [near_duplicates]}}}}"
NEAR = NearDuplicates(
    threshold=0.8, column_threshold=0.5, shingle_words=3, shingle_characters=5, bands=25, rows_per_band=5, seed=1
)


ROWS = pl.DataFrame(
    {
        "row_id": [f"r{n:02}" for n in range(40)],
        "text": [window(n // 2 * 9 + n % 2) for n in range(40)],
        "prompt": [window(1000 + 50 * n) for n in range(40)],
    }
)


class Projects:
    """Projects with one stage that signs; `signed` has the rows of each call that signed."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.signed: list[int] = []
        self.rows, self.near = ROWS, NEAR
        module = types.ModuleType(f"pipelines.{STAGE}")
        module.run = self._run  # type: ignore[attr-defined]
        patch.setitem(sys.modules, f"pipelines.{STAGE}", module)
        sign_all = buckets.sign_all

        def count(columns: list[pl.Series], *others: object) -> buckets.Bands:
            self.signed.append(len(columns[0]))
            return sign_all(columns, *others)  # type: ignore[arg-type]

        patch.setattr(buckets, "sign_all", count)

    def _run(self, stage: Stage) -> None:
        found = [self.find(), drop_near_duplicates(self.rows, self.near, columns=["text", "prompt"])]
        pl.concat(found).write_parquet(stage.out("found.parquet"))

    def find(self) -> pl.DataFrame:
        return drop_near_duplicates(self.rows, self.near)

    def turn(self, root: Path, past: tuple[Path, ...] = (), rows: int = 40) -> list[int]:
        """Run the stage where earlier turns left some files; returns how many rows each of its two calls signed."""
        (root / PAST).mkdir(parents=True, exist_ok=True)
        (root / "dvc.yaml").write_text(DVC_YAML)
        (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
        for number, file in enumerate(past, 1):
            shutil.copyfile(file, root / PAST / f"turn={number:03d}-{STAGE}.parquet")
        self.rows, self.signed = ROWS[:rows], []
        run_stage(root, STAGE)
        return self.signed


@pytest.fixture
def projects(monkeypatch: pytest.MonkeyPatch) -> Projects:
    return Projects(monkeypatch)


def test_a_turn_signs_its_new_rows_only_on_a_machine_that_saw_none_before(projects: Projects, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert projects.turn(one, rows=30) == [30, 30]
    assert projects.turn(two, (one / OWN,)) == [10, 10]
    assert projects.turn(tmp_path / "three", (one / OWN, two / OWN)) == [0, 0]
    assert [pl.read_parquet(root / OWN).height for root in (one, two, tmp_path / "three")] == [60, 20, 0]


def test_what_is_stored_depends_on_the_rows_and_not_on_what_was_remembered(projects: Projects, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    projects.turn(here, rows=40)
    projects.turn(here, rows=20)
    assert projects.turn(here, rows=30) == [10, 10]  # the untracked copy has the 20 of the run before
    projects.turn(there, rows=30)
    assert (here / OWN).read_bytes() == (there / OWN).read_bytes()
    assert pl.read_parquet(here / OWN).select("made_with", "digest").rows() == sorted(
        pl.read_parquet(here / OWN).select("made_with", "digest").rows()
    )


def test_another_threshold_signs_nothing_and_other_bands_everything(projects: Projects, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    projects.turn(one, rows=30)
    projects.turn(two, (one / OWN,))
    projects.near = NEAR.model_copy(update={"threshold": 0.6})
    assert projects.turn(two) == [0, 0]
    projects.near = NEAR.model_copy(update={"bands": 20})
    assert projects.turn(two) == [40, 40]
    assert pl.read_parquet(two / OWN).height == 80


def test_bands_of_another_version_are_signed_anew(
    projects: Projects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    projects.turn(tmp_path / "one")
    monkeypatch.setattr(buckets, "BAND_VERSION", buckets.BAND_VERSION + 1)
    assert projects.turn(tmp_path / "two", (tmp_path / "one" / OWN,)) == [40, 40]


def test_lost_and_damaged_signatures_change_no_result(projects: Projects, tmp_path: Path) -> None:
    one = tmp_path / "one"
    projects.turn(one, rows=30)
    whole = (one / OWN).read_bytes()
    frame = pl.read_parquet(one / OWN)
    others = [frame.drop("band_007"), frame.with_columns(made_with=pl.lit("{}")), frame.rename({"digest": "id"}),
              frame.with_columns(digest=pl.col("digest").cast(pl.String) + "x"), pl.DataFrame()]  # fmt: skip
    damaged = [b"", b"PAR1", whole[: len(whole) // 2], whole[:-40] + bytes(40), bytes(40) + whole[40:]]
    for number, other in enumerate(others):
        other.write_parquet(tmp_path / f"{number}.parquet")
        damaged.append((tmp_path / f"{number}.parquet").read_bytes())
    projects.turn(tmp_path / "expected")
    expected = pl.read_parquet(tmp_path / "expected/found.parquet")
    assert expected.height == 20
    for number, content in enumerate(damaged):
        root, file = tmp_path / f"damaged-{number}", tmp_path / "damaged"
        file.write_bytes(content)
        assert projects.turn(root, (file,)) == [40, 40], number
        assert pl.read_parquet(root / "found.parquet").equals(expected)
        (root / f".flywheel/signatures/{STAGE}.parquet").write_bytes(content)
        assert projects.turn(root) == [40, 40]
        assert (root / OWN).read_bytes() == (tmp_path / "expected" / OWN).read_bytes()


def test_a_stage_whose_dvc_yaml_is_older_runs_as_ever(projects: Projects, tmp_path: Path) -> None:
    projects.turn(tmp_path)
    expected = pl.read_parquet(tmp_path / "found.parquet")
    (tmp_path / "found.parquet").unlink()
    (tmp_path / "dvc.yaml").write_text(f"stages: {{{STAGE}: {{outs: [found.parquet]}}}}")
    run_stage(tmp_path, STAGE)
    assert pl.read_parquet(tmp_path / "found.parquet").equals(expected)


def test_a_run_that_signs_nothing_stores_no_row(tmp_path: Path) -> None:
    with remember_signatures([], tmp_path / "new.parquet", tmp_path / "state/again.parquet"):
        pass
    assert pl.read_parquet(tmp_path / "new.parquet").is_empty()
