"""Texts on the page: shortened, harmless, differences marked."""

from typing import Any

import polars as pl
import pytest

from pipelines.reporting.texts import ELLIPSIS, Shown, Texts, join_messages, mark_differences, replace_controls
from schemas.messages import make_message
from schemas.params import Report
from schemas.tables import TABLES, empty_frame

PARAMS = Report(n_answers=1, n_dropped=1, max_characters=10, max_lines=2)


def texts_of(messages: list[dict[str, Any]]) -> Texts:
    row = {"prompt_id": "p", "messages": messages, "tools": None, "conversation_id": "p", "kind": None}
    tables = {name: empty_frame(name) for name in ("demonstrations", "candidates", "rankings")}
    tables["prompts"] = pl.DataFrame([row], schema=dict(TABLES["prompts"].columns))
    return Texts(tables, empty_frame("dropped"), PARAMS)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ("a" * 10, "a" * 10),
        ("a" * 11, "a" * 10 + ELLIPSIS),
        ("one\ntwo\nthree", "one\ntwo" + ELLIPSIS),
        ("  \n", ""),
        ("a\x00b", "a⟨U+0000⟩b"),
    ],
)
def test_texts_are_cut_at_characters_and_lines(text: str, shown: str) -> None:
    assert texts_of([make_message("user", text)]).prompt("p").text == shown


def test_of_a_conversation_the_last_message_is_shown() -> None:
    shown = texts_of([make_message("user", "hi"), make_message("assistant", "yes"), make_message("user", "and?")])
    assert (shown.prompt("p").text, shown.prompt("p").earlier) == ("and?", 2)
    assert "not in the table" in shown.prompt("q").text


def test_personal_data_is_found_whether_or_not_the_ledger_names_it() -> None:
    assert texts_of([make_message("user", "mail jane@acme-mail.com"), make_message("user", "ok")]).prompt("p").hidden


def test_controls_and_directions_become_visible_and_line_ends_stay() -> None:
    assert replace_controls("a\tb\r\nc\u202ed\u2066\x1b") == "a\tb\nc⟨U+202E⟩d⟨U+2066⟩⟨U+001B⟩"


def test_several_messages_are_told_apart_and_tool_calls_show() -> None:
    call = make_message("assistant", None, tool_calls="[1]")
    assert join_messages([call]) == "[1]"
    assert join_messages([call, make_message("tool", "ok")]) == "assistant: [1]\ntool: ok"


def test_marks_cover_what_the_other_text_lacks_and_lose_nothing() -> None:
    left, right = mark_differences(Shown((("a red fox", False),)), Shown((("a fox, red", False),)))
    assert (left.text, right.text) == ("a red fox", "a fox, red")
    assert all(piece.strip() in ("a", "red", "fox", "") for piece, marked in left.pieces if not marked)
    same, _ = mark_differences(left, left)
    assert not any(marked for _, marked in same.pieces)
