"""Ids are frozen: every turn joins on them, so a change of any value below invalidates every turn before it."""

import hashlib

import pytest

from schemas import ids

USER = {"role": "user", "content": "Name a fruit."}
REPLY = {"role": "assistant", "content": "Apple."}
EMPTY = {"role": "assistant", "content": ""}
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"role": "assistant", "content": None, "tool_calls": '[{"name":"f"}]'}
RESULT = {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "f"}
TEXT = {"role": "user", "content": "Qu’est-ce que c’est ? 你好 😀\n"}

PROMPT = "5014ebd34d865302a750684379b10c8a"
APPLE = "341c4afb5408294884944a08ed770a57"
SILENCE = "e075eeb77b3f946cd11f62852fc77143"
TASK = "4a5d4c1f667fa326990a91077d2b2e36"

GOLDEN = {
    PROMPT: lambda: ids.prompt_id([USER]),
    "4a02925bc7273135975eefe76d6779d8": lambda: ids.prompt_id([SYSTEM, USER], '[{"name":"search"}]'),
    "1d02e9c66e769961b9976f3a32a05b32": lambda: ids.prompt_id([TEXT]),
    "2bf37a752308e97eb57913f25c3e83ee": lambda: ids.prompt_id([USER, CALL, RESULT]),
    "6408d1ad1341706937c395514785269e": lambda: ids.conversation_id([USER, REPLY, USER]),
    "754766eb47701d5f1a930fed0c82db7d": lambda: ids.demonstration_id(PROMPT, [REPLY]),
    "55e4e392c5ca71d8cd60efdb11980300": lambda: ids.demonstration_id(
        PROMPT, [{**REPLY, "train": False}, REPLY], "Because."
    ),
    APPLE: lambda: ids.candidate_id(PROMPT, [REPLY]),
    SILENCE: lambda: ids.candidate_id(PROMPT, [EMPTY]),
    "5ed76ceeab8d665a870aedacc013d407": lambda: ids.guideline_id("help", "1", "Pick the more helpful answer."),
    TASK: lambda: ids.task_id(PROMPT, [APPLE, SILENCE]),
    "8656bdac3204407763dbf7fe218d89f4": lambda: ids.ranking_id(TASK, "pandalm/annotator1", 1),
    "aefd5ca1239468517be8eee4f6e8ce3f": lambda: ids.ranking_id(TASK, "pandalm/annotator1", 2),
    "ba273dc95ff25f80bcc31e198790baf9": lambda: ids.pair_id(PROMPT, APPLE, SILENCE),
    "8fc82119f7d2600d4ea689d9d1eb7e86": lambda: ids.digest_rows([APPLE, SILENCE]),
    "0f02b53803767d58c2cd02806376d68c": lambda: ids.digest_rows([]),
}


@pytest.mark.parametrize("golden", GOLDEN)
def test_ids_never_change(golden: str) -> None:
    assert GOLDEN[golden]() == golden


def test_prompt_id_is_blake2b_of_canonical_json() -> None:
    canonical = '["prompts",[{"content":"Qu’est-ce que c’est ? 你好 😀\\n","role":"user"}],null]'
    assert ids.prompt_id([TEXT]) == hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def test_null_and_unknown_fields_of_a_message_change_no_id() -> None:
    full = {"name": None, "tool_calls": None, "tool_call_id": None, **USER, "train": True}
    assert ids.prompt_id([full]) == PROMPT


def test_text_is_taken_as_it_stands() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert ids.prompt_id([{"role": "user", "content": composed}]) != ids.prompt_id(
        [{"role": "user", "content": decomposed}]
    )
    assert ids.prompt_id([{**USER, "content": "Name a fruit. "}]) != PROMPT


def test_order_decides_only_where_it_means_something() -> None:
    assert ids.task_id(PROMPT, [SILENCE, APPLE, APPLE]) == TASK
    assert ids.pair_id(PROMPT, SILENCE, APPLE) == ids.pair_id(PROMPT, APPLE, SILENCE)
    assert ids.digest_rows([SILENCE, APPLE, SILENCE]) == ids.digest_rows([APPLE, SILENCE])
    assert ids.prompt_id([USER, REPLY]) != ids.prompt_id([REPLY, USER])


def test_ids_of_two_tables_never_meet() -> None:
    assert ids.hash_content("prompts", "x") != ids.hash_content("candidates", "x")
    assert ids.demonstration_id(PROMPT, [REPLY]) != ids.candidate_id(PROMPT, [REPLY])


def test_train_mask_counts_and_is_true_where_absent() -> None:
    explicit = ids.demonstration_id(PROMPT, [{**REPLY, "train": True}])
    assert explicit == ids.demonstration_id(PROMPT, [REPLY])
    assert explicit != ids.demonstration_id(PROMPT, [{**REPLY, "train": False}])


def test_conversation_is_known_by_its_opening() -> None:
    longer = [SYSTEM, USER, REPLY, {"role": "user", "content": "Another."}]
    assert ids.conversation_id(longer) == ids.conversation_id([SYSTEM, USER])
    assert ids.conversation_id(longer) != ids.conversation_id([USER])
    assert ids.conversation_id([SYSTEM]) not in (ids.conversation_id([]), ids.conversation_id([SYSTEM, USER]))


def test_lone_surrogates_and_nan_have_no_id() -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        ids.prompt_id([{"role": "user", "content": "\ud83d"}])
    with pytest.raises(ValueError):
        ids.hash_content("prompts", float("nan"))
