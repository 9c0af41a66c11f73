import json
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from verdicts import votes

from curation.agreement import count_majorities, measure_agreement, pair_agreement, tally_pairs
from curation.kappas import cohen_kappa
from curation.krippendorff import krippendorff_alpha


def test_agreement_counts_pairs_of_votes_with_ties_by_half() -> None:
    # item 1: equal 1, tie against strict .5, .5; item 2: opposite 0; item 3: two ties 1; item 4: alone
    frame = votes("1 a first", "1 b first", "1 c tie", "2 a first", "2 b second", "3 b tie", "3 c tie", "4 a first")
    result = measure_agreement(frame)
    assert (result.agreement, result.n_pairs) == (pytest.approx(3 / 5), 5)
    # clusters 1, 2, 3 deviate by 2 - 3*.6, 0 - .6, 1 - .6: squares .04, .36, .16; times 3/2, over 5 pairs
    assert result.standard_error == pytest.approx((0.56 * 3 / 2) ** 0.5 / 5)


def test_the_error_is_between_clusters() -> None:
    frame = votes("1 a first", "1 b first", "2 a first", "2 b second").with_columns(prompt_id=pl.lit("p"))
    assert measure_agreement(frame, cluster="prompt_id").standard_error is None
    assert measure_agreement(frame).standard_error == pytest.approx(0.5)


def test_the_error_covers_what_it_should() -> None:
    # two labelers, right with .8 each: they agree with .68. The estimate lies within 1.96 errors in 95% of worlds
    rng, hits = random.Random(1), 0
    for _ in range(200):
        rows = [(str(i), labeler, "first" if rng.random() < 0.8 else "second") for i in range(100) for labeler in "ab"]
        result = measure_agreement(pl.DataFrame(rows, schema=["item_id", "labeler_id", "verdict"], orient="row"))
        assert result.agreement is not None and result.standard_error is not None
        hits += abs(result.agreement - 0.68) < 1.96 * result.standard_error
    assert 180 <= hits <= 199


def test_nothing_to_compare_is_null() -> None:
    alone = votes("1 a first", "2 b second")
    assert measure_agreement(alone).agreement is None and measure_agreement(alone).n_pairs == 0


def test_counts_say_what_pairs_say() -> None:
    rng = random.Random(4)
    rows = [(str(i), labeler, rng.choice(["first", "second", "tie"])) for i in range(60) for labeler in "abcde"]
    frame = pl.DataFrame(rows, schema=["item_id", "labeler_id", "verdict"], orient="row").sample(200, seed=1)
    pairs = (
        pair_agreement(frame)
        .group_by("item_id")
        .agg(pl.len(), pl.col("agreed").sum(), (pl.col("agreed") == 1).sum().alias("equal"))
    )
    assert tally_pairs(frame).select("item_id", "n_pairs", "agreed", "equal").rows() == pairs.sort("item_id").rows()


def test_majorities_need_more_than_half() -> None:
    frame = votes("1 a x", "1 b x", "1 c y", "2 a x", "2 b y", "3 a y", "4 a x", "4 b y", "4 c z")
    assert count_majorities(frame) == {"x": 1, "y": 1, "none": 2}


def test_pandalm_figures_come_out(public_file: Callable[[str], Path]) -> None:
    rows = json.loads(public_file("pandalm/data/testset-v1.json").read_text(encoding="utf-8"))
    frame = pl.DataFrame(
        [(str(i), f"annotator{k}", str(row[f"annotator{k}"])) for i, row in enumerate(rows) for k in (1, 2, 3)],
        schema=["item_id", "labeler_id", "verdict"], orient="row",
    )  # fmt: skip
    kappas = [cohen_kappa(frame, f"annotator{a}", f"annotator{b}") for a, b in ((1, 2), (1, 3), (2, 3))]
    assert [round(k or 0, 3) for k in kappas] == [0.852, 0.879, 0.862]
    assert round(krippendorff_alpha(frame) or 0, 3) == 0.864
    assert count_majorities(frame) == {"0": 105, "1": 422, "2": 472, "none": 0}
