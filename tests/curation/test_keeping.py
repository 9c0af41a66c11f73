import polars as pl
import pytest

from curation.keeping import KeepError, list_columns, order_rows

ROWS = pl.DataFrame(
    {
        "row_id": ["a", "b", "c", "d", "e"],
        "turn": [2, 1, 1, None, 1],
        "reward": [0.5, float("nan"), 0.1, 9.0, 0.1],
        "text": ["long", "longer", "x", "y", "xx"],
        "n": pl.Series([5, 4, 3, 2, 1], dtype=pl.UInt8),
        "teacher": [None, "m", None, None, None],
    }
)


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        ([], "abcde"),
        (["-turn"], "bcead"),  # null last, equal ones by id
        (["reward"], "daceb"),  # NaN is no reward
        (["-turn", "length(text)"], "becad"),
        (["teacher is null", "-turn", "reward"], "ceadb"),
        (["3"], "abcde"),
        (["-n"], "edcba"),  # whole numbers without a sign are no trap
        (["-cast(length(text) as bigint)"], "cdeab"),
    ],
)
def test_the_greatest_survives_and_each_expression_breaks_the_ties_of_those_before(
    keep: list[str], expected: str
) -> None:
    for seed in range(3):
        shuffled = ROWS.sample(fraction=1, shuffle=True, seed=seed)
        assert "".join(order_rows(shuffled, keep)["row_id"]) == expected
    assert order_rows(ROWS, keep).columns == ROWS.columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("turn +", "'turn +' is no SQL expression"),
        ("turn desc", "'turn desc': the greatest survives"),
        ("rewrd", "there is no column rewrd; there are row_id, turn"),
        ("-length(text)", "'-length(text)' subtracts from what has no sign"),
        ("text > 3", "'text > 3' can't be computed"),
    ],
)
def test_faults_name_the_expression(text: str, said: str) -> None:
    with pytest.raises(KeepError) as error:
        order_rows(ROWS, ["-turn", text])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_columns_that_a_policy_reads() -> None:
    assert list_columns(["-turn", "length(text) + turn", "1"]) == ["turn", "text"]
