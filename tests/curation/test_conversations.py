import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from curation.audit import audit_pairs
from curation.conversations import read_conversations
from pipelines.sources.formats.hh_rlhf import split_transcript
from schemas.params import Params

OPENING = [("user", "Hi"), ("assistant", "Hello, what is it?"), ("user", "Name a fruit")]


def messages(*turns: tuple[str, str | None], **called: str) -> list[dict[str, Any]]:
    return [{"role": role, "content": content, "tool_calls": called.get(role)} for role, content in turns]


def read(chosen: list[dict[str, Any]], rejected: list[dict[str, Any]]) -> dict[str, Any]:
    schema = {"role": pl.String, "content": pl.String, "tool_calls": pl.String}
    columns = {"pair_id": pl.String, "chosen": pl.List(pl.Struct(schema)), "rejected": pl.List(pl.Struct(schema))}
    rows = [{"pair_id": "a", "chosen": chosen, "rejected": rejected}]
    return read_conversations(pl.DataFrame(rows, schema=columns)).row(0, named=True)


def test_the_last_reply_is_the_side_and_all_before_its_dialogue() -> None:
    row = read(
        messages(("system", "Be kind"), *OPENING, ("assistant", "An apple.")),
        messages(("system", "Be kind"), *OPENING, ("assistant", "A pear.")),
    )
    assert (row["chosen"], row["rejected"]) == ("An apple.", "A pear.")
    assert row["prompt"] == "Hi\nHello, what is it?\nName a fruit"
    assert (row["system"], row["asked"]) == ("Be kind", "Name a fruit")
    assert row["chosen_prompt"] == row["rejected_prompt"] and row["n_empty_turns"] == 0


def test_dialogues_that_differ_in_a_role_a_text_or_a_cut_are_not_shared() -> None:
    base = read(messages(*OPENING, ("assistant", "x")), messages(*OPENING, ("assistant", "x")))
    others = [
        messages(("user", "Hi!"), *OPENING[1:], ("assistant", "x")),
        messages(("assistant", "Hi"), *OPENING[1:], ("assistant", "x")),
        messages(("user", "Hi\nHello, what is it?"), OPENING[2], ("assistant", "x")),
        messages(*OPENING[:1], ("assistant", "x")),
    ]
    for other in others:
        row = read(messages(*OPENING, ("assistant", "x")), other)
        assert row["chosen_prompt"] == base["chosen_prompt"] != row["rejected_prompt"]


def test_no_reply_is_an_empty_side_and_a_silent_turn_is_counted() -> None:
    row = read(messages(*OPENING), messages(OPENING[0], ("assistant", " "), OPENING[2], ("assistant", None)))
    assert (row["chosen"], row["rejected"], row["n_empty_turns"]) == ("", "", 1)


def test_a_call_of_a_tool_says_something() -> None:
    called = messages(OPENING[0], ("assistant", None), OPENING[2], ("assistant", ""), assistant='[{"name": "find"}]')
    row = read(called, called)
    assert row["chosen"] == '[{"name": "find"}]' and row["n_empty_turns"] == 0


def test_messages_without_tool_calls_are_read_too() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    row = read_conversations(pl.DataFrame([{"pair_id": "a", "chosen": turns, "rejected": turns}])).row(0, named=True)
    assert (row["prompt"], row["chosen"]) == ("a", "b")


def test_hh_rlhf_has_what_is_known_of_it(public_file: Callable[[str], Path], params: Params) -> None:
    path = public_file("hh-rlhf/harmless-base/test.jsonl.gz")
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    rows = [
        {"pair_id": f"{number:04d}"}
        | {side: [message.model_dump() for message in split_transcript(line[side], side)] for side in line}
        for number, line in enumerate(lines, 1)
    ]
    pairs = read_conversations(pl.DataFrame(rows, infer_schema_length=None))
    found = audit_pairs(pairs, params.curate_preferences.audit, params.near_duplicates)
    named = {reason: ids for reason, ids in found.group_by("reason").agg(pl.col("pair_id").sort()).iter_rows()}
    assert pairs.height == 2312
    assert named["no_shared_prompt"] == ["1255", "1689", "1951", "1953", "2037"]
    assert named["empty_side"] == ["0087", "0517", "0926", "1104"]
    assert named["repeated_prompt"] == ["1453", "1484"]
    assert found.filter(pl.col("reason") == "repeated_prompt")["matched_id"].sort().to_list() == ["0251", "1263"]
    # nothing else is wrong with more than a few of them
    assert set(named) == {"no_shared_prompt", "empty_side", "repeated_prompt", "prompt_echoed"}
    assert len(named["prompt_echoed"]) == 4
