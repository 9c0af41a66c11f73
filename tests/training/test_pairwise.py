import math

import pytest
import torch

from schemas.ids import candidate_id, pair_id
from training.examples import Group, Pair
from training.models import load_tokenizer
from training.pairwise import encode_groups, pairwise_loss
from training.reward_model import compute_rewards, load_reward_model


def answer(text):
    return [{"role": "assistant", "content": text}]


def group(name, texts, pairs):
    return Group(name, [{"role": "user", "content": "Ann asks."}], [answer(text) for text in texts], pairs)


def test_loss_is_the_mean_over_pairs_then_prompts():
    # -log sigmoid(1) = log(1 + 1/e) = .31326; -log sigmoid(2) = .12693; -log sigmoid(-1) = 1.31326
    first = [Pair(0, 1, 1.0, 0.0), Pair(2, 1, 1.0, 0.0)]
    second = [Pair(0, 1, 1.0, 0.0)]
    loss = pairwise_loss(torch.tensor([1.0, 0.0, 2.0, 3.0, 4.0]), [3, 2], [first, second], margin_scale=1.0)
    assert float(loss) == pytest.approx(((0.313262 + 0.126928) / 2 + 1.313262) / 2, abs=1e-5)


def test_weight_scales_a_pair_and_margin_is_taken_off_the_difference():
    # .5 * -log sigmoid(1 - .25 * 4) = .5 log 2
    loss = pairwise_loss(torch.tensor([1.0, 0.0]), [2], [[Pair(0, 1, 0.5, 4.0)]], margin_scale=0.25)
    assert float(loss) == pytest.approx(0.5 * math.log(2))


def test_one_pass_per_completion_gives_the_loss_and_gradient_of_a_loop_over_pairs(policy):
    tokenizer = load_tokenizer(policy)
    torch.manual_seed(0)
    model = load_reward_model(policy, tokenizer)
    pairs = [Pair(a, b, 1.0, 0.0) for a in range(4) for b in range(a + 1, 4)]
    groups = [group(name, ["Here.", "Here are books.", "Dear Ann, here are books.", "No"], pairs) for name in "ab"]
    encoded, _ = encode_groups(tokenizer, groups, 64)

    rewards = compute_rewards(model, [sequence for one in encoded for sequence in one.sequences])
    together = pairwise_loss(rewards, [4, 4], [one.pairs for one in encoded], 0.0)
    together.backward()
    gradient = model.score.weight.grad.clone()
    model.zero_grad()

    losses = [
        -torch.nn.functional.logsigmoid(
            compute_rewards(model, [one.sequences[pair.chosen]])
            - compute_rewards(model, [one.sequences[pair.rejected]])
        )
        for one in encoded
        for pair in one.pairs
    ]
    loop = torch.cat(losses).mean()
    loop.backward()
    assert together.item() == pytest.approx(loop.item(), rel=1e-5)
    assert torch.allclose(gradient, model.score.weight.grad, rtol=1e-3, atol=1e-6)


def test_pairs_with_an_overlong_completion_are_named_and_the_rest_kept(policy):
    long = "books " * 80
    one = group("p", ["Yes.", long, "No."], [Pair(0, 1, 1.0, 0.0), Pair(2, 0, 1.0, 0.0)])
    two = group("q", [long, "No."], [Pair(0, 1, 1.0, 0.0)])
    kept, skipped = encode_groups(load_tokenizer(policy), [two, one], 64)

    def name(prompt, first, second):
        return pair_id(prompt, candidate_id(prompt, answer(first)), candidate_id(prompt, answer(second)))

    assert skipped == sorted([name("p", "Yes.", long), name("q", long, "No.")])
    assert [part.pair_ids for part in kept] == [[name("p", "Yes.", "No.")]]
    assert kept[0].pairs == [Pair(1, 0, 1.0, 0.0)], "indices count the completions that are left"
    assert len(kept[0].sequences) == 2
