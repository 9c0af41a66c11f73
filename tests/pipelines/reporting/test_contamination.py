from types import SimpleNamespace
from typing import Any

import polars as pl

from pipelines.reporting.contamination import build_contamination, mark_shared
from pipelines.reporting.reasons import describe_reason
from pipelines.reporting.texts import Texts
from schemas.messages import assistant_completion, user_prompt
from schemas.params import Report
from schemas.tables import TABLES

LIMITS = Report(n_answers=1, n_dropped=2, max_characters=200, max_lines=9)
ASKED = "Name the three longest rivers of Europe in one line."


def fill(table: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    columns = TABLES[table].columns
    return pl.DataFrame([{c: row.get(c) for c in columns} for row in rows], schema=dict(columns))


def answer(name: str, text: str) -> dict[str, Any]:
    return {"prompt_id": "p1", "completion": assistant_completion(text)} | {name: text[:1]}


def drop(table: str, row_id: str, reason: str, matched_id: str = "b") -> dict[str, Any]:
    return {"table_name": table, "row_id": row_id, "reason": reason, "matched_id": matched_id, "value": 0.75,
            "threshold": 0.7}  # fmt: skip


def make_inputs(**rows: list[dict[str, Any]]) -> Any:
    prompts = [("p1", "Say it."), ("b", ASKED), ("m", "Write to jane.roe@acme-mail.com at once, please, today")]
    demonstrations = [
        {**answer("demonstration_id", text), "completion": [{**m, "train": True} for m in assistant_completion(text)]}
        for text in ("dnieper. " + "word " * 40 + ASKED.upper() + " end", "x")
    ]
    given: dict[str, list[dict[str, Any]]] = {
        "prompts": [{"prompt_id": name, "messages": user_prompt(text)} for name, text in prompts],
        "demonstrations": demonstrations,
        "candidates": [answer("candidate_id", "1: " + ASKED), answer("candidate_id", "2: no")],
        "preferences": [{"pair_id": "x", "prompt_id": "p1", "chosen_id": "1", "rejected_id": "2"}],
        "rankings": [], "pair_findings": [], "dropped": [],
    }  # fmt: skip
    tables = {name: fill(name, found) for name, found in (given | rows).items()}
    return SimpleNamespace(tables=tables, params=LIMITS)


def build(inputs: Any) -> Any:
    return build_contamination(inputs, Texts(inputs.tables, inputs.tables["dropped"], LIMITS))


def test_shared_words_are_marked_in_both_texts_whatever_their_case() -> None:
    ours, theirs = mark_shared("So: NAME the three, longest rivers then", ASKED, 200)
    assert ours.pieces == (("So: ", False), ("NAME the three, longest rivers ", True), ("then", False))
    assert [piece for piece, marked in theirs.pieces if marked] == ["Name the three longest rivers "]
    # two words in a row are anybody's
    assert all(not marked for _, marked in mark_shared("the three x of Europe y", ASKED, 200)[0].pieces)


def test_a_long_text_is_shown_from_shortly_before_what_is_shared() -> None:
    ours, _ = mark_shared("word " * 100 + ASKED + " word" * 100, ASKED, 150)
    assert ours.text.startswith("…") and ASKED in ours.text and ours.text.endswith("…") and len(ours.text) <= 152
    assert ours.text.index("Name") == 61


def test_leaks_are_told_by_table_and_field_with_what_they_matched() -> None:
    inputs = make_inputs(
        dropped=[drop("demonstrations", "d", "benchmark_long_overlap_in_completion"),
                 drop("demonstrations", "d", "benchmark_exact_in_prompt", "p1"),
                 drop("rankings", "r", "benchmark_prompt")],
        pair_findings=[{"pair_id": "x", "reason": "benchmark_in_chosen", "matched_id": "b", "action": "warn"}],
    )  # fmt: skip
    leaks = {(leak.table, leak.field): leak.reasons[0] for leak in build(inputs)}
    assert set(leaks) == {("demonstrations", "completion"), ("demonstrations", "prompt"), ("preferences", "chosen")}
    (example,) = leaks["demonstrations", "completion"].examples
    assert example.matched[0][1].text == ASKED and ASKED.upper() in example.parts[0][1].text
    (chosen,) = leaks["preferences", "chosen"].examples
    assert chosen.parts[0] == ("chosen", chosen.parts[0][1]) and "1: Name" in chosen.parts[0][1].text
    assert leaks["demonstrations", "completion"].meaning.endswith("in the completion")


def test_personal_data_is_not_shown() -> None:
    inputs = make_inputs(dropped=[drop("demonstrations", "d", "benchmark_exact_in_completion", "m")])
    (example,) = build(inputs)[0].reasons[0].examples
    assert example.private and not example.parts and not example.matched


def test_section_says_so_where_nothing_was_found() -> None:
    assert build(make_inputs()) == []
    assert describe_reason("benchmark_in_nowhere") == ""
