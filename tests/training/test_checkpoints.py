import math

import pytest

from schemas.errors import UserError
from schemas.training_params import Sampling, SelectCheckpoint
from training.checkpoints import pick_checkpoint
from training.models import load_policy, load_tokenizer, save_model
from training.reward_model import load_reward_model, score_completions
from training.sampling import sample_completions

PARAMS = SelectCheckpoint(n_samples=3, sampling=Sampling(temperature=1.0, top_p=1.0, max_new_tokens=10, batch_rows=32))
PROMPTS = [(name, [{"role": "user", "content": f"{name} asks for books."}]) for name in ("Ann", "Ben", "Eve", "Max")]


def test_the_checkpoint_of_highest_mean_reward_is_picked(policy, tmp_path):
    model, tokenizer = load_policy(policy)
    model.model.layers[-1].mlp.down_proj.weight.data *= -1
    save_model(model, tokenizer, tmp_path / "other")
    save_model(load_reward_model(policy, load_tokenizer(policy)), tokenizer, tmp_path / "reward")
    checkpoints = {"checkpoint-1": policy, "checkpoint-2": tmp_path / "other"}
    name, means = pick_checkpoint(
        checkpoints, tmp_path / "reward", PROMPTS, params=PARAMS, max_tokens=64, seed=1, work=tmp_path / "work"
    )
    for checkpoint, source in checkpoints.items():
        samples = sample_completions(
            source, PROMPTS, n=3, temperature=1.0, top_p=1.0, max_new_tokens=10, batch_rows=32, max_tokens=64, seed=1
        )
        items = [(dict(PROMPTS)[one.prompt_id], [{"role": "assistant", "content": one.text}]) for one in samples]
        rewards = score_completions(tmp_path / "reward", items, batch_rows=4, max_tokens=64)
        assert means[checkpoint] == pytest.approx(math.fsum(rewards) / 12, abs=1e-5)
    assert means[name] == max(means.values()) > min(means.values())


def test_the_first_of_equals_is_picked_and_nothing_to_choose_from_is_an_error(policy, tmp_path):
    save_model(load_reward_model(policy, load_tokenizer(policy)), load_tokenizer(policy), tmp_path / "reward")

    def pick(checkpoints, prompts=PROMPTS):
        return pick_checkpoint(
            checkpoints, tmp_path / "reward", prompts, params=PARAMS, max_tokens=64, seed=1, work=tmp_path / "work"
        )

    assert pick({"b": policy, "a": policy})[0] == "b"
    with pytest.raises(UserError, match="1 checkpoints, 0 prompts"):
        pick({"a": policy}, [])
