"""Which candidates need not be tokenized to know that they are short."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.readings import GENERAL, _load_tokenizer, is_surely_short
from schemas.messages import assistant_completion, user_prompt
from training.models import LINEAGE, load_tokenizer
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


def test_our_tokenizer_is_read_without_torch_and_encodes_as_a_trainer_does(tokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["tokenizer_class"] == GENERAL
    (tmp_path / LINEAGE).write_text("{}")
    quick, usual = _load_tokenizer(tmp_path), load_tokenizer(tmp_path)
    assert type(quick) is type(usual)
    for text in ("Hi.", "A \u00edce<|end|> and\n more", ""):
        item = (user_prompt(text), assistant_completion(text))
        assert encode_example(quick, *item) == encode_example(usual, *item)
    code = f"from pipelines.readings import _load_tokenizer as t; from pathlib import Path; t(Path({str(tmp_path)!r}))"
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=Path(__file__).parents[2]).returncode == 0
