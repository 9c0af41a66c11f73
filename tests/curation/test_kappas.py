import polars as pl
import pytest
from verdicts import votes

from curation.kappas import cohen_kappa, cohen_kappas, fleiss_kappa, wmt_kappa


def test_cohen_by_hand() -> None:
    # 3 of 4 equal; chance .5 * .25 + .5 * .75 = .5
    frame = votes("1 a x", "1 b x", "2 a x", "2 b y", "3 a y", "3 b y", "4 a y", "4 b y", "5 a y")
    assert cohen_kappa(frame, "a", "b") == cohen_kappa(frame, "b", "a") == pytest.approx((0.75 - 0.5) / 0.5)


def test_each_two_labelers_have_a_row() -> None:
    frame = votes("1 a x", "1 b x", "2 a y", "2 b y", "1 c y", "2 c x", "3 d x")
    rows = {(one, other): rest for one, other, *rest in cohen_kappas(frame).iter_rows()}
    assert rows == {("a", "b"): [2, 1.0, 1.0], ("a", "c"): [2, 0.0, -1.0], ("b", "c"): [2, 0.0, -1.0]}


def test_unknown_where_chance_explains_all_or_nothing_is_shared() -> None:
    assert cohen_kappa(votes("1 a x", "1 b x"), "a", "b") is None
    assert cohen_kappa(votes("1 a x", "2 b x"), "a", "b") is None
    assert fleiss_kappa(votes("1 a x", "1 b x")) is None and fleiss_kappa(votes("1 a x", "2 b x")) is None
    assert wmt_kappa(votes("1 a tie", "1 b tie")) is None and wmt_kappa(votes("1 a first", "2 b first")) is None


def test_fleiss_gives_the_figure_of_the_textbook() -> None:
    # fourteen raters, ten items, five categories: the worked example of Wikipedia's Fleiss' kappa, .210
    table = ["0 0 0 0 14", "0 2 6 4 2", "0 0 3 5 6", "0 3 9 2 0", "2 2 8 1 1", "7 7 0 0 0", "3 2 6 3 0", "2 5 3 2 2",
             "6 5 2 1 0", "0 2 2 3 7"]  # fmt: skip
    rows = []
    for item, counts in enumerate(table):
        said = [str(category) for category, n in enumerate(counts.split()) for _ in range(int(n))]
        rows += [f"{item} {labeler} {verdict}" for labeler, verdict in enumerate(said)]
    assert fleiss_kappa(votes(*rows)) == pytest.approx(0.210, abs=5e-4)


def test_wmt_by_hand() -> None:
    # pairs of votes: 1 of 3 equal on item 1, 1 of 1 on item 2; one verdict of five is a tie
    frame = votes("1 a first", "1 b first", "1 c tie", "2 a second", "2 b second")
    chance = 0.2**2 + 2 * 0.4**2
    assert wmt_kappa(frame) == pytest.approx((0.5 - chance) / (1 - chance))


def test_wmt_does_not_ask_which_side_is_named_first() -> None:
    frame = votes("1 a first", "1 b first", "2 a second", "2 b first", "3 a tie", "3 b second")
    turned = frame.with_columns(verdict=pl.when(pl.col("item_id") == "1").then(pl.lit("second")).otherwise("verdict"))
    assert wmt_kappa(frame) == pytest.approx(wmt_kappa(turned))
