"""Tiny policies that every training test starts from."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

TEXTS = [
    f"<|user|>{name} asks for {thing}.<|end|><|assistant|>Here are {thing}, dear {name}.<|end|>"
    for name in ("Ann", "Ben", "Eve", "Max")
    for thing in ("apples", "books", "coins", "drums", "lamps")
] * 2


@pytest.fixture(scope="session")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with our tokenizer and random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.models import save_model, set_determinism
    from training.tokenizer import train_tokenizer

    set_determinism(seed=0, threads=1)
    tokenizer = train_tokenizer(TEXTS, vocabulary_tokens=320, max_tokens=64)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=64, tie_word_embeddings=True, initializer_range=0.2, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    directory = tmp_path_factory.mktemp("policy")
    save_model(LlamaForCausalLM(config), tokenizer, directory)
    return directory


@pytest.fixture(scope="session")
def foreign_policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another architecture, as it might come from elsewhere: a GPT-2 without chat template, pad token or lineage."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    from training.models import set_determinism

    set_determinism(seed=0, threads=1)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    bpe.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>")
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=64, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    directory = tmp_path_factory.mktemp("foreign")
    GPT2LMHeadModel(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
