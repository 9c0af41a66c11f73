import math

import pytest
import torch

from training.divergence import estimate_mean, mean_sequence_kl, sequence_log_probabilities
from training.models import load_policy, save_model
from training.sampling import sample_completions
from training.tokenizer import encode_example, encode_prompt

PROMPTS = [
    (name, [{"role": "user", "content": f"{name} asks for {thing}."}])
    for name, thing in (("Ann", "books"), ("Ben", "drums and lamps"), ("Eve", "coins"))
]


def draw(source, n=4):
    return sample_completions(
        source, PROMPTS, n=n, temperature=1.0, top_p=1.0, max_new_tokens=12, batch_rows=64, max_tokens=64, seed=1
    )


@pytest.fixture(scope="module")
def shifted(policy, tmp_path_factory):
    """The policy with other weights in its last layer."""
    model, tokenizer = load_policy(policy)
    torch.manual_seed(5)
    with torch.no_grad():
        model.model.layers[-1].mlp.down_proj.weight += 0.1 * torch.randn_like(
            model.model.layers[-1].mlp.down_proj.weight
        )
    directory = tmp_path_factory.mktemp("shifted")
    save_model(model, tokenizer, directory)
    return directory


def test_a_policy_is_no_distance_from_itself(policy):
    result = mean_sequence_kl(policy, policy, PROMPTS, draw(policy), batch_rows=4)
    assert (result.nats, result.standard_error, result.n) == (0.0, 0.0, 12)


def test_distance_from_another_is_positive_and_the_same_samples_tell_it_backwards(policy, shifted):
    samples = draw(policy, n=40)
    result = mean_sequence_kl(policy, shifted, PROMPTS, samples, batch_rows=32)
    assert result.nats > 3 * result.standard_error > 0
    back = mean_sequence_kl(shifted, policy, PROMPTS, samples, batch_rows=32)
    assert back.nats == pytest.approx(-result.nats), "the same samples, the other way round"


def test_it_counts_the_drawn_tokens_and_not_the_prompt(policy, shifted):
    sample, prompt = draw(policy, n=1)[0], PROMPTS[0]
    logs = []
    for source in (policy, shifted):
        model, tokenizer = load_policy(source)
        before = encode_prompt(tokenizer, prompt[1])
        with torch.no_grad():
            table = model(input_ids=torch.tensor([before + sample.token_ids])).logits[0].log_softmax(-1)
        logs.append(sum(float(table[len(before) - 1 + at, token]) for at, token in enumerate(sample.token_ids)))
    result = mean_sequence_kl(policy, shifted, PROMPTS, [sample], batch_rows=1)
    assert (sample.prompt_id, result.n) == (prompt[0], 1)
    assert result.nats == pytest.approx(logs[0] - logs[1], abs=1e-4)


def test_padding_and_batches_do_not_change_a_log_probability(policy):
    model, tokenizer = load_policy(policy)
    rows = [
        encode_example(tokenizer, messages, [{"role": "assistant", "content": text}])
        for _, messages in PROMPTS
        for text in ("Here.", "Here are books, dear Ann.")
    ]
    expected = []
    for ids, mask in rows:
        with torch.no_grad():
            logs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        expected.append(sum(float(logs[at - 1, ids[at]]) for at in range(1, len(ids)) if mask[at]))
    got = sequence_log_probabilities(model, rows, batch_rows=4, progress=lambda done, total: None)
    assert got == pytest.approx(expected, abs=1e-4)


def test_only_policies_of_one_vocabulary_are_compared(policy, foreign_policy):
    with pytest.raises(ValueError, match="vocabularies differ"):
        mean_sequence_kl(policy, foreign_policy, PROMPTS, draw(policy), batch_rows=1)


def test_mean_and_standard_error_by_hand():
    # mean 2, variance (1 + 0 + 1) / 2 = 1, error sqrt(1 / 3)
    result = estimate_mean([1.0, 2.0, 3.0])
    assert (result.nats, result.n) == (2.0, 3)
    assert result.standard_error == pytest.approx(math.sqrt(1 / 3))
    assert math.isnan(estimate_mean([]).nats)
