import json
import subprocess
import sys

import pytest
import torch

from schemas.params import Pretrain, Start
from training.models import load_policy, load_tokenizer, model_digest
from training.pretrain import (
    linear_cross_entropy,
    next_token_loss,
    pack_texts,
    pretrain_policy,
    schedule_learning_rate,
)

TEXTS = [f"<|user|>count to {n}<|end|><|assistant|>{' '.join(map(str, range(n)))}<|end|>" for n in range(2, 20)]
PARAMS = Start(
    model=None, vocabulary_tokens=300, hidden_size=16, layers=1, attention_heads=2, max_tokens=64,
    pretrain=Pretrain(
        steps=12, batch_rows=2, row_tokens=16, learning_rate=0.01, matrix_learning_rate=0.02, checkpoint_steps=4
    ),
)  # fmt: skip


def train(directory, work=None, progress=lambda done, total: None):
    return pretrain_policy(
        TEXTS, params=PARAMS, seed=3, out=directory / "out", work=work or directory / "work", progress=progress
    )


def test_another_process_writes_the_same_bytes(tmp_path):
    here = train(tmp_path)
    code = (
        "import json, sys; from pathlib import Path; from schemas.params import Start;"
        "from training.models import set_determinism; from training.pretrain import pretrain_policy;"
        "texts, params, out = json.load(sys.stdin); set_determinism(9, 1);"
        "print(pretrain_policy(texts, params=Start(**params), seed=3, out=Path(out), work=Path(out) / 'work'))"
    )
    told = json.dumps([TEXTS, PARAMS.model_dump(), str(tmp_path / "other")])
    there = subprocess.run([sys.executable, "-c", code], input=told, capture_output=True, text=True, check=True)
    assert there.stdout.split() == [here]
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_stopped_anywhere_it_goes_on_to_the_same_bytes(tmp_path):
    whole = train(tmp_path / "whole")
    for stop in (1, 6, 11):
        told = []

        def watch(done, total, stop=stop, told=told):
            told.append(done)
            if done == stop:
                raise KeyboardInterrupt

        work = tmp_path / f"work{stop}"
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / f"killed{stop}", work, watch)
        told.clear()
        assert train(tmp_path / f"again{stop}", work, lambda done, total, told=told: told.append(done)) == whole
        assert told[0] == stop // 4 * 4 + 1, "it must go on from the last checkpoint, not begin again"


def test_policy_learns_its_texts_and_loads(tmp_path):
    train(tmp_path)
    model, tokenizer = load_policy(tmp_path / "out")
    ids = pack_texts(tokenizer, TEXTS, n_tokens=128, seed=0).view(8, 16)
    with torch.no_grad():
        assert next_token_loss(model, ids) < 0.9 * torch.log(torch.tensor(float(len(tokenizer))))
    assert model.config.vocab_size == len(tokenizer)
    assert model_digest(tmp_path / "out")


def test_packing_loses_no_token_and_shuffles_each_epoch(tmp_path):
    train(tmp_path)
    tokenizer = load_tokenizer(tmp_path / "out")
    texts = ["one", "two<|end|>", "three"]
    epoch = sum(len(tokenizer(text.replace("<|end|>", ""))["input_ids"]) + 1 for text in texts)
    packed = pack_texts(tokenizer, texts, n_tokens=20 * epoch, seed=1).view(20, epoch)
    shown = [tokenizer.decode(row).split("<|end|>") for row in packed]
    assert all(sorted(documents) == ["", " one", " three", " two"] for documents in shown)
    assert len({tuple(documents) for documents in shown}) > 1
    with pytest.raises(ValueError, match="empty"):
        pack_texts(tokenizer, [""], n_tokens=1, seed=1)


def test_learning_rate_rises_then_falls_to_nearly_nothing():
    shares = [schedule_learning_rate(step, 100) for step in range(100)]
    assert shares[0] == 0.5 and max(shares) == shares[2] == 1.0
    assert shares[2:] == sorted(shares[2:], reverse=True)
    assert shares[-1] == pytest.approx(1 / 98)


@pytest.mark.parametrize("chunk_rows", [1, 3, 100])
def test_fused_cross_entropy_equals_torch_in_value_and_gradients(chunk_rows):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(7, 4, generator=generator, requires_grad=True)
    weight = torch.randn(5, 4, generator=generator, requires_grad=True)
    targets = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    plain = torch.nn.functional.cross_entropy(hidden @ weight.T, targets)
    wanted = torch.autograd.grad(3 * plain, [hidden, weight])
    fused = linear_cross_entropy(hidden, weight, targets, chunk_rows)
    assert fused.item() == pytest.approx(plain.item(), rel=1e-6)
    for gradient, expected in zip(torch.autograd.grad(3 * fused, [hidden, weight]), wanted, strict=True):
        torch.testing.assert_close(gradient, expected)
