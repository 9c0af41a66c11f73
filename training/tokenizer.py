"""Turns texts into a tokenizer, and messages into token ids with a mask of those to learn."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from training.examples import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

PAD, SYSTEM, USER, ASSISTANT, TOOL, END = SPECIAL_TOKENS = (
    "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>",
)  # fmt: skip

_CALLS = "{% if message['tool_calls'] %} {{ message['tool_calls'] | tojson }}{% endif %}"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}" + _CALLS + "{{ '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)

# For models without a template of their own. Each message ends with the end-of-text token, so that a policy
# learns to stop; content is led by a space because most vocabularies hold words with the space before them.
TEXT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ message['role'] | capitalize + ': ' + message['content'] }}" + _CALLS + "{{ eos_token + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], *, vocabulary_tokens: int, max_tokens: int) -> "PreTrainedTokenizerFast":
    """Byte-level BPE over `texts` with the chat markers as special tokens.

    Every byte is a token, so no text is unknown. Words begin with their space, also the first one after a
    marker (`add_prefix_space`), so a word has one token wherever it stands. The vocabulary is smaller than
    `vocabulary_tokens` when the texts hold too few repeated pairs.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_tokens,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # The trainer does not split at special tokens: markers inside the texts would be learnt as ordinary bytes.
    bpe.train_from_iterator((part for text in texts for part in _split_markers(text)), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens=[SYSTEM, USER, ASSISTANT, TOOL],
        model_max_length=max_tokens,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def ensure_chat_template(tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedTokenizerBase":
    """The tokenizer, given a plain textual template and a pad token where it lacks them (in place).

    Raises:
        UserError: it has no end-of-text token, so no completion could ever end.
    """
    if tokenizer.eos_token is None:
        raise UserError(f"tokenizer {tokenizer.name_or_path!r} has no eos_token: name one in its tokenizer_config.json")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.chat_template is None:
        tokenizer.chat_template = TEXT_TEMPLATE
    return tokenizer


def encode_texts(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text as it stands; markers in it become special tokens, none are added."""
    if not texts:
        return []
    # The model's own limit is checked by whoever knows what to do with a long row.
    return tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]


def encode_prompt(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message]) -> list[int]:
    """Token ids of a prompt up to where the assistant begins to answer."""
    return encode_texts(tokenizer, [_render(tokenizer, messages, answering=True)])[0]


def encode_example(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], completion: Sequence[Message]
) -> tuple[list[int], list[int]]:
    """Token ids of a prompt with its completion, and a mask of equal length: 1 where there is something to learn.

    That is each assistant message of the completion whose `train` is not False, with the end token after it.
    Parts are tokenized apart from each other, so the ids always begin with those of `encode_prompt`.

    Raises:
        UserError: the chat template shows a message otherwise once others follow it.
    """
    dialogue = [*messages, *completion]
    whole = _render(tokenizer, dialogue)
    parts: list[str] = []
    learnt: list[bool] = []
    seen = 0
    for position in range(len(messages), len(dialogue)):
        message = dialogue[position]
        if message["role"] != "assistant" or message.get("train") is False:
            continue
        before = _render(tokenizer, dialogue[:position], answering=True)
        after = _render(tokenizer, dialogue[: position + 1])
        if not (whole.startswith(after) and after.startswith(before) and len(before) >= seen):
            raise UserError(
                f"the chat template of {tokenizer.name_or_path!r} shows message {position} otherwise in a longer"
                " conversation: give the tokenizer a template that only appends"
            )
        parts += [whole[seen : len(before)], whole[len(before) : len(after)]]
        learnt += [False, True]
        seen = len(after)
    parts.append(whole[seen:])
    learnt.append(False)
    filled = [(part, learn) for part, learn in zip(parts, learnt, strict=True) if part]
    ids: list[int] = []
    mask: list[int] = []
    for tokens, (_, learn) in zip(encode_texts(tokenizer, [part for part, _ in filled]), filled, strict=True):
        ids += tokens
        mask += [int(learn)] * len(tokens)
    return ids, mask


def decode_completion(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    """Text of generated ids without special tokens and outer blanks."""
    text = tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text.strip()


def end_token_ids(tokenizer: "PreTrainedTokenizerBase", model: Any = None) -> list[int]:
    """Sorted ids that end a completion: the tokenizer's and those of the model's generation config."""
    ends = {tokenizer.eos_token_id}
    configured = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    if configured is not None:
        ends |= set(configured) if isinstance(configured, list) else {configured}
    return sorted(ends - {None})


def _split_markers(text: str) -> list[str]:
    for marker in SPECIAL_TOKENS:
        text = text.replace(marker, "\0")
    return [part for part in text.split("\0") if part]


def _render(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], answering: bool = False) -> str:
    """The conversation as the chat template shows it; fields that are null or ours alone are left out."""
    shown = []
    for message in messages:
        fields = {name: value for name, value in message.items() if value is not None and name != "train"}
        if isinstance(fields.get("tool_calls"), str):
            fields["tool_calls"] = json.loads(fields["tool_calls"])
        shown.append({"content": "", **fields})
    text = tokenizer.apply_chat_template(shown, tokenize=False, add_generation_prompt=answering)
    assert isinstance(text, str)
    return text
