"""A judge who saw both orders gives two rankings, each with the order shown; its name is where the file lies."""

from pathlib import Path
from typing import Any

import pytest
from converted_rows import convert, pick, tell_notes, tell_tiers
from format_examples import LLMBAR

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.llmbar import FORMAT, bind_file, name_judge
from schemas.records import Candidate, Ranking

JUDGED: dict[str, Any] = {
    **LLMBAR,
    "results": [
        {
            "swap = False": {"completion": ["Output (a)", "stop"], "winner": "1"},
            "swap = True": {"completion": ["Output (a)", "stop"], "winner": "2"},
        }
    ],
}


@pytest.mark.parametrize(("label", "best"), [(1, "3"), (2, "4")])
def test_the_label_is_the_gold_ranking(label: int, best: str) -> None:
    imported = convert(FORMAT, {**LLMBAR, "label": label})
    (ranking,) = pick(imported, Ranking)
    assert ranking.labeler_id == "llmbar/gold" and tell_tiers(imported)[0] == ([best], False)


def test_a_judge_who_likes_what_it_sees_first_says_so_in_both_orders() -> None:
    imported = bind_file(Path("evaluators/GPT-4/Vanilla/result.json"), [])(JUDGED)
    three, four = (one.candidate_id for one in pick(imported, Candidate))
    _, plain, swapped = pick(imported, Ranking)
    assert plain.labeler_id == swapped.labeler_id == "llmbar/GPT-4/Vanilla"
    assert (plain.shown_order, swapped.shown_order) == ((three, four), (four, three))
    assert tell_tiers(imported, plain)[0] == (["3"], False) and tell_tiers(imported, swapped)[0] == (["4"], False)


def test_a_verdict_that_was_not_given_is_noted() -> None:
    silent = {"swap = False": {"winner": None}, "swap = True": {"winner": 2}}
    imported = convert(FORMAT, {**JUDGED, "results": [silent]})
    assert len(pick(imported, Ranking)) == 2 and tell_notes(imported) == ["missing_verdict"]


def test_a_label_that_is_none_is_refused() -> None:
    for label in (0, 3, None, "first"):
        with pytest.raises(RowFaultError):
            convert(FORMAT, {**LLMBAR, "label": label})


def test_judges_are_named_by_the_folders_below_evaluators() -> None:
    assert name_judge(Path("/a/evaluators/GPT-4/Vanilla/result.json")) == "GPT-4/Vanilla"
    assert name_judge(Path("/a/b/result.json")) == "unknown"
