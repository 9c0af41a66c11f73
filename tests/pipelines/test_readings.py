"""Which candidates need not be tokenized to know that they are short."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.readings import is_surely_short
from schemas.messages import assistant_completion, user_prompt
from training.tokenizer import encode_example, train_tokenizer

TEXTS = st.text(max_size=40)


@pytest.fixture(scope="module")
def tokenizer():
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return train_tokenizer(lines, vocabulary_tokens=300, max_tokens=64)


@given(asked=TEXTS, said=TEXTS)
def test_what_is_called_short_is(tokenizer, asked: str, said: str) -> None:
    item = (user_prompt(asked), assistant_completion(said))
    n_markers = len(encode_example(tokenizer, user_prompt(""), assistant_completion(""))[0])
    if is_surely_short(item, 40, lambda roles, n_prompt: n_markers):
        assert len(encode_example(tokenizer, *item)[0]) < 40


def test_short_plain_text_is_not_tokenized() -> None:
    def judge(text: str, max_tokens: int) -> bool:
        return is_surely_short((user_prompt("Hello."), assistant_completion(text)), max_tokens, lambda roles, n: 6)

    assert judge("Hi.", 18), "6 markers, 9 characters, 2 blanks: 17 at the most"
    assert not judge("Hi.", 17)
    assert not judge("H\u00ed.", 100), "a letter may be several tokens"


def test_tool_calls_are_always_tokenized() -> None:
    called = [{**assistant_completion("Hi.")[0], "tool_calls": "[]"}]
    assert not is_surely_short((user_prompt("Hello."), called), 100, lambda roles, n: 6)
