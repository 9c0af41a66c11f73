from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ledger import combine_drops, drop_rows, keep_rows, make_findings, record_drops
from schemas.tables import TableError, check_frame


def find(*ids: str, reason: str = "empty", value: float = 0.0) -> pl.DataFrame:
    return make_findings(
        pl.DataFrame({"row_id": ids}, schema={"row_id": pl.String}), reason, value=value, threshold=1.0
    )


def test_findings_become_rows_of_dropped() -> None:
    dropped = record_drops([find("b", "a")], table="candidates", stage="curate_preferences", turn=3)
    check_frame("dropped", dropped)
    assert dropped.rows() == [
        ("candidates", "a", "empty", 0.0, 1.0, None, 1, "curate_preferences", 3),
        ("candidates", "b", "empty", 0.0, 1.0, None, 1, "curate_preferences", 3),
    ]


def test_of_two_findings_of_one_reason_the_greater_value_stays() -> None:
    dropped = record_drops([find("a", value=0.2), find("a", value=0.7)], table="prompts", stage="prompts", turn=1)
    assert dropped["value"].to_list() == [0.7]


def test_the_same_drop_recorded_twice_is_an_error() -> None:
    dropped = record_drops([find("a")], table="prompts", stage="prompts", turn=1)
    with pytest.raises(TableError, match="share a key"):
        combine_drops([dropped, dropped])


def test_a_table_with_a_key_of_several_columns_has_no_ledger() -> None:
    with pytest.raises(ValueError, match="one column"):
        keep_rows("samples", pl.DataFrame(), pl.DataFrame())


@given(st.sets(st.sampled_from("abcdefgh")), st.lists(st.sampled_from("abcdefghxy"), max_size=12))
def test_kept_and_dropped_are_the_input(table: Any, present: set[str], gone: list[str]) -> None:
    rows = table("candidates", [{"candidate_id": c, "prompt_id": "p", "completion": []} for c in present])
    dropped = combine_drops(
        [
            record_drops(
                [find(*set(gone)), find(*set(gone[:3]), reason="mojibake")], table="candidates", stage="s", turn=1
            ),
            # the same ids in another table don't touch this one
            record_drops([find(*"abcdefgh")], table="prompts", stage="s", turn=1),
        ]
    )
    kept, out = keep_rows("candidates", rows, dropped), drop_rows("candidates", rows, dropped)
    assert set(kept["candidate_id"]) == present - set(gone)
    assert pl.concat([kept, out]).sort("candidate_id").equals(rows)
    assert keep_rows("candidates", kept, dropped).equals(kept)
