"""A judge's preference from 1 to 2 becomes who is better and by how much, and no more."""

from typing import Any

import pytest
from converted_rows import convert, pick, tell_notes, tell_tiers
from format_examples import ALPACA_EVAL

from pipelines.sources.faults import RowFaultError
from pipelines.sources.formats.alpaca_eval import FORMAT
from schemas.records import Candidate, Labeler, Ranking, Sample


@pytest.mark.parametrize(
    ("preference", "tiers", "strength"),
    [
        (1, [(["3"], False), (["4"], False)], 1.0),
        (2.0, [(["4"], False), (["3"], False)], 1.0),
        (1.25, [(["3"], False), (["4"], False)], 0.5),
        (1.75, [(["4"], False), (["3"], False)], 0.5),
        (1.5, [(["3", "4"], True)], 0.0),
        (0, [(["3", "4"], True)], 0.0),
    ],
)
def test_preference_is_a_verdict_with_strength(preference: float, tiers: list[Any], strength: float) -> None:
    imported = convert(FORMAT, {**ALPACA_EVAL, "preference": preference})
    (ranking,), (labeler,) = pick(imported, Ranking), pick(imported, Labeler)
    assert tell_tiers(imported) == tiers and ranking.strength == strength and ranking.shown_order is None
    assert (labeler.labeler_id, labeler.kind) == ("alpaca-eval/gpt4", "llm")


def test_no_preference_is_no_ranking() -> None:
    imported = convert(FORMAT, {**ALPACA_EVAL, "preference": None})
    assert not pick(imported, Ranking) and tell_notes(imported) == ["missing_verdict"]
    assert len(pick(imported, Candidate)) == 2


@pytest.mark.parametrize("preference", [0.5, 3, -1, "best", True])
def test_a_preference_that_is_none_is_refused(preference: Any) -> None:
    with pytest.raises(RowFaultError):
        convert(FORMAT, {**ALPACA_EVAL, "preference": preference})


def test_samples_say_which_model_wrote() -> None:
    imported = convert(FORMAT, ALPACA_EVAL)
    texts = {one.candidate_id: one.completion[0].content for one in pick(imported, Candidate)}
    assert {texts[one.candidate_id]: one.policy for one in pick(imported, Sample)} == {"3": "davinci", "4": "llama"}


def test_numbered_annotators_are_people() -> None:
    (labeler,) = pick(convert(FORMAT, {**ALPACA_EVAL, "annotator": 7}), Labeler)
    assert (labeler.labeler_id, labeler.kind) == ("alpaca-eval/7", "person")


def test_outputs_are_candidates() -> None:
    row = {"instruction": "Add 1 2.", "output": "", "generator": "llama", "dataset": "helpful_base"}
    imported = convert(FORMAT, row)
    (candidate,), (sample,) = pick(imported, Candidate), pick(imported, Sample)
    assert sample.candidate_id == candidate.candidate_id and sample.policy == "llama"
    assert tell_notes(imported) == ["empty_side"]
    assert tell_notes(convert(FORMAT, {**row, "output": "3"})) == []
