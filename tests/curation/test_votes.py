import polars as pl

from curation.votes import encode_votes

COLUMNS = ["ranking_id", "pair_id", "prompt_id", "labeler_id", "first_id", "second_id", "verdict"]


def comparisons(*rows: str) -> pl.DataFrame:
    """Rows "pair labeler first second verdict first_shown second_shown", - for an unknown place."""
    table = []
    for number, row in enumerate(rows):
        pair, labeler, first, second, verdict, *shown = row.split()
        places = [None if place == "-" else int(place) for place in shown]
        table.append((f"r{number}", pair, f"q{pair}", labeler, first, second, verdict, *places))
    return pl.DataFrame(table, schema=[*COLUMNS, "first_shown", "second_shown"], orient="row")


def test_signs_point_to_the_lesser_id_whichever_side_is_named_first() -> None:
    votes = encode_votes(comparisons("p a x y first 1 2", "p b y x first 1 2", "p c y x second 2 1", "p d x y tie 1 2"))
    assert votes.labelers == ["a", "b", "c"] and votes.n_pairs == 1
    assert votes.sign.tolist() == [1, -1, 1]
    # x was shown first to a, second to b, first to c
    assert votes.towards_earlier.tolist() == [1, -1, 1]


def test_an_order_that_was_not_recorded_points_nowhere() -> None:
    frame = comparisons("p a x y first - -", "p b x y second 1 -")
    assert encode_votes(frame).towards_earlier.tolist() == [0, 0]
    assert encode_votes(frame.drop("first_shown", "second_shown")).towards_earlier.tolist() == [0, 0]


def test_gold_is_no_vote_but_the_truth_of_its_pairs() -> None:
    frame = comparisons(
        "p a x y first 1 2", "p gold x y second 1 2", "s a x y first 1 2", "t gold y x first 1 2", "u gold x y tie 1 2"
    )
    votes = encode_votes(frame, ["gold", "other"])
    assert votes.labelers == ["a"] and votes.sign.tolist() == [1, 1]
    # pairs p, s, t: second is better, unknown, y (the second by id) is better; a tie is no gold
    assert votes.gold.tolist() == [-1, 0, -1] and votes.pair.tolist() == [0, 1]


def test_numbers_follow_names_whatever_the_order_of_rows() -> None:
    frame = comparisons("p b x y first 1 2", "s a x y first 1 2", "p a x y second 1 2")
    votes, other = encode_votes(frame), encode_votes(frame[::-1])
    assert votes.pair.tolist() == [0, 0, 1] and votes.labeler.tolist() == [0, 1, 0]
    assert votes.sides.equals(other.sides)
    assert other.sign.tolist() == votes.sign.tolist() == [-1, 1, 1]
