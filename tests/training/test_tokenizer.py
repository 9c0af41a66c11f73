import pytest

from schemas.errors import UserError
from training.models import load_tokenizer
from training.tokenizer import (
    SPECIAL_TOKENS,
    decode_completion,
    encode_example,
    encode_prompt,
    encode_texts,
    train_tokenizer,
)

ASK = [{"role": "user", "content": "Ann asks for apples."}]


def answer(content, **rest):
    return {"role": "assistant", "content": content, **rest}


@pytest.fixture(scope="module")
def tokenizer(policy):
    return load_tokenizer(policy)


@pytest.fixture(scope="module")
def foreign_tokenizer(foreign_policy):
    return load_tokenizer(foreign_policy)


def texts_of(tokenizer, ids, mask, wanted):
    return tokenizer.decode([token for token, bit in zip(ids, mask, strict=True) if bit == wanted])


def test_each_marker_is_one_token_and_no_text_is_unknown(tokenizer):
    assert [len(ids) for ids in encode_texts(tokenizer, list(SPECIAL_TOKENS))] == [1] * 6
    text = "Ünïcode ✓ \t and\nlines"
    assert decode_completion(tokenizer, encode_texts(tokenizer, [text])[0]) == text


def test_markers_in_the_texts_are_not_learnt_as_words(tokenizer):
    assert not [token for token in tokenizer.get_vocab() if "|" in token and token not in {"|", *SPECIAL_TOKENS}]


def test_word_has_the_same_token_first_and_later():
    tokenizer = train_tokenizer(["apples and apples"] * 4, vocabulary_tokens=300, max_tokens=64)
    first, second = encode_texts(tokenizer, ["apples apples"])[0]
    assert first == second


def test_prompt_ends_where_the_assistant_begins(tokenizer):
    ids = encode_prompt(tokenizer, ASK)
    assert tokenizer.decode(ids) == "<|user|> Ann asks for apples.<|end|><|assistant|>"


def test_mask_is_the_answer_with_its_end_token(tokenizer):
    ids, mask = encode_example(tokenizer, ASK, [answer("Here are apples.")])
    prompt = encode_prompt(tokenizer, ASK)
    assert ids[: len(prompt)] == prompt
    assert mask == [0] * len(prompt) + [1] * (len(ids) - len(prompt))
    assert texts_of(tokenizer, ids, mask, 1) == " Here are apples.<|end|>"


def test_every_reply_marked_for_training_is_learnt_and_no_other(tokenizer):
    completion = [
        answer("one"), {"role": "user", "content": "more"}, answer("two", train=False),
        {"role": "user", "content": "again"}, answer("three", train=True),
    ]  # fmt: skip
    ids, mask = encode_example(tokenizer, ASK, completion)
    assert texts_of(tokenizer, ids, mask, 1) == " one<|end|> three<|end|>"
    assert tokenizer.decode(ids) == (
        "<|user|> Ann asks for apples.<|end|><|assistant|> one<|end|><|user|> more<|end|><|assistant|> two<|end|>"
        "<|user|> again<|end|><|assistant|> three<|end|>"
    )


def test_assistant_messages_of_the_prompt_are_context_only(tokenizer):
    prompt = [*ASK, answer("one"), {"role": "user", "content": "more"}]
    ids, mask = encode_example(tokenizer, prompt, [answer("two")])
    assert texts_of(tokenizer, ids, mask, 1) == " two<|end|>"


def test_null_fields_change_nothing_and_tool_calls_are_shown(tokenizer):
    bare = encode_prompt(tokenizer, ASK)
    full = {**ASK[0], "name": None, "tool_calls": None, "tool_call_id": None}
    assert encode_prompt(tokenizer, [full]) == bare
    ids, mask = encode_example(tokenizer, ASK, [answer(None, tool_calls='[{"name": "find"}]')])
    assert '"find"' in texts_of(tokenizer, ids, mask, 1)


def test_foreign_tokenizer_gets_a_template_that_ends_each_answer(foreign_tokenizer):
    ids, mask = encode_example(foreign_tokenizer, ASK, [answer("Here."), ASK[0], answer("There.")])
    prompt = encode_prompt(foreign_tokenizer, ASK)
    assert foreign_tokenizer.decode(prompt) == "User: Ann asks for apples.<|endoftext|>\nAssistant:"
    assert ids[: len(prompt)] == prompt
    assert texts_of(foreign_tokenizer, ids, mask, 1) == " Here.<|endoftext|>\n There.<|endoftext|>\n"
    assert foreign_tokenizer.pad_token == "<|endoftext|>"


def test_template_that_rewrites_earlier_messages_is_refused(policy):
    tokenizer = load_tokenizer(policy)
    tokenizer.chat_template = "{{ messages | length }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    with pytest.raises(UserError, match="otherwise in a longer conversation"):
        encode_example(tokenizer, ASK, [answer("one"), ASK[0], answer("two")])
