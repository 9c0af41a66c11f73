import json
import subprocess
import sys
from collections import Counter

import pytest
import torch

from schemas.errors import UserError
from schemas.training_params import Pretrain, Start
from training.models import load_policy, load_tokenizer
from training.pretrain import (
    encode_documents,
    linear_cross_entropy,
    next_token_loss,
    plan_documents,
    pretrain_policy,
    schedule_learning_rate,
)

TEXTS = [f"<|user|>count to {n}<|end|><|assistant|>{' '.join(map(str, range(n)))}<|end|>" for n in range(2, 20)]
PARAMS = Start(
    model=None, vocabulary_tokens=300, hidden_size=16, layers=1, attention_heads=2, max_tokens=64,
    pretrain=Pretrain(
        steps=12, batch_tokens=64, learning_rate=0.01, matrix_learning_rate=0.02, checkpoint_steps=4
    ),
)  # fmt: skip


def train(directory, work=None, progress=lambda done, total: None):
    return pretrain_policy(
        TEXTS, params=PARAMS, seed=3, out=directory / "out", work=work or directory / "work", progress=progress
    )


def test_another_process_writes_the_same_bytes(tmp_path):
    here = train(tmp_path)
    code = (
        "import json, sys; from pathlib import Path; from schemas.training_params import Start;"
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


def test_policy_learns_its_texts_and_loads(policy, tmp_path):
    train(tmp_path)
    model, tokenizer = load_policy(tmp_path / "out")
    with torch.no_grad():
        loss = next_token_loss(model, encode_documents(tokenizer, TEXTS, 64))
    assert loss < 0.9 * torch.log(torch.tensor(float(len(tokenizer))))
    assert model.config.vocab_size == len(tokenizer)


def test_documents_end_once_and_long_ones_are_cut_not_lost(policy):
    tokenizer = load_tokenizer(policy)
    end = tokenizer.eos_token_id
    short, closed, cut_first, cut_last = encode_documents(tokenizer, ["apples", "books<|end|>", "", "a b c"], 3)
    assert short[-1] == closed[-1] == cut_last[-1] == end and closed.count(end) == 1
    assert tokenizer.decode(cut_first + cut_last) == " a b c<|end|>"
    with pytest.raises(UserError, match="all 1 of those given are empty"):
        encode_documents(tokenizer, [""], 3)


def test_loss_of_padded_rows_is_the_mean_over_real_tokens(policy):
    model, _ = load_policy(policy)
    rows = [[7, 8, 9, 10, 11], [12, 13], [14, 15, 16]]
    with torch.no_grad():
        sums = [next_token_loss(model, [row]) * (len(row) - 1) for row in rows]
        together = next_token_loss(model, rows)
    assert together.item() == pytest.approx(sum(sums).item() / 7, rel=1e-5)


def test_batches_fit_and_take_every_document_once_an_epoch():
    lengths = [2 + 7 * row % 30 for row in range(3000)]
    batches = plan_documents(lengths, batch_tokens=100, steps=2000, seed=1)
    assert len(batches) == 2000
    assert all(len(batch) * max(lengths[row] for row in batch) <= 100 for batch in batches)
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    assert padded < 1.05 * sum(lengths[row] for batch in batches for row in batch)
    seen = Counter(row for batch in batches for row in batch)
    assert len(seen) == 3000 and max(seen.values()) - min(seen.values()) <= 2
    assert plan_documents(lengths, batch_tokens=100, steps=50, seed=1) == batches[:50]
    assert plan_documents(lengths, batch_tokens=100, steps=50, seed=2) != batches[:50]


def test_few_documents_fill_batches_by_coming_again():
    batches = plan_documents([5, 5, 50], batch_tokens=20, steps=9, seed=0)
    assert {row for batch in batches for row in batch} == {0, 1, 2}
    assert [2] in batches, "a document longer than a batch is one by itself"


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
