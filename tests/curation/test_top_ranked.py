"""The labelers' best answer of each prompt."""

import polars as pl

from curation.top_ranked import pick_top_ranked


def pairs(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["prompt_id", "chosen_id", "rejected_id", "weight"], orient="row")


def test_the_winner_of_most_weight_is_taken() -> None:
    # p: a scores 0.9 + 0.2, b 0.5 - 0.9, c -0.5 - 0.2; q: only y wins
    frame = pairs(("p", "a", "b", 0.9), ("p", "b", "c", 0.5), ("p", "a", "c", 0.2), ("q", "y", "x", 0.1))
    assert pick_top_ranked(frame).rows() == [("p", "a"), ("q", "y")]


def test_row_order_and_equal_scores_do_not_matter() -> None:
    frame = pairs(("p", "b", "c", 0.5), ("p", "a", "c", 0.5))
    assert pick_top_ranked(frame).rows() == pick_top_ranked(frame.reverse()).rows() == [("p", "a")]
