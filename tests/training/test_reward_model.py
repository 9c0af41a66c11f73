import math

import pytest
from trained import answer, ask, digests, read_lineage

from schemas.errors import UserError
from schemas.ids import candidate_id, digest_rows
from schemas.training_params import RewardModel
from training.examples import Group, Pair
from training.models import model_digest
from training.reward_model import score_completions, train_reward_model

PARAMS = RewardModel(
    epochs=2, past_prompts=None, batch_prompts=4, learning_rate=0.01, warmup_share=0.1, weight_decay=0.0,
    max_gradient_norm=1.0, margin_scale=0.0, checkpoint_steps=3, score_batch_rows=8,
)  # fmt: skip
NAMES = ("Ann", "Ben", "Eve", "Max")
THINGS = ("apples", "books", "coins", "drums", "lamps")


def prefer_short(name, thing, others="drums and lamps and books"):
    """Three answers to one prompt, the shorter always preferred."""
    texts = [f"Here are {thing}.", f"Here are {thing}, dear {name}.", f"Here are {thing}, dear {name}, and {others}."]
    pairs = [Pair(0, 1, 1.0, 0.0), Pair(0, 2, 1.0, 0.0), Pair(1, 2, 1.0, 0.0)]
    return Group(f"{name}-{thing}", ask(f"{name} asks for {thing}."), [answer(text) for text in texts], pairs)


GROUPS = [prefer_short(name, thing) for name in NAMES[:3] for thing in THINGS]


def train(start, directory, groups=GROUPS, params=PARAMS, progress=lambda done, total: None):
    return train_reward_model(
        start, groups, params=params, max_tokens=64, seed=3, out=directory / "out", work=directory / "work",
        progress=progress,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(policy, tmp_path_factory):
    directory = tmp_path_factory.mktemp("reward")
    return directory / "out", train(policy, directory)


def score(source, items, batch_rows=8):
    return score_completions(source, items, batch_rows=batch_rows, max_tokens=64)


def test_it_learns_a_planted_preference_and_applies_it_to_new_prompts(trained):
    out, result = trained
    assert result.losses[0] == pytest.approx(math.log(2), abs=0.4)
    held_out = [prefer_short("Max", thing, others="coins and apples") for thing in THINGS]
    for group in held_out:
        short, middle, long = score(out, [(group.messages, text) for text in group.completions])
        assert short > long
        assert middle > long


def test_mean_reward_of_the_training_completions_is_zero(trained):
    out, result = trained
    items = {
        candidate_id(group.prompt_id, text): (group.messages, text) for group in GROUPS for text in group.completions
    }
    assert set(result.rewards) == set(items)
    rewards = score(out, [items[name] for name in result.rewards])
    assert math.fsum(rewards) / len(rewards) == pytest.approx(0.0, abs=1e-5)
    assert rewards == pytest.approx(list(result.rewards.values()), abs=1e-5)


def test_lineage_names_the_pairs_and_the_parent(trained, policy):
    out, result = trained
    lineage = read_lineage(out)
    assert lineage["rows"] == digest_rows(result.trained_row_ids)
    assert lineage["n_rows"] == len(GROUPS) * 3 == len(result.trained_row_ids)
    assert lineage["parent"] == model_digest(policy)
    assert result.model_md5 == model_digest(out)


def test_scores_do_not_depend_on_the_order_and_hardly_on_the_batches(trained):
    out, _ = trained
    items = [(group.messages, text) for group in GROUPS[:4] for text in group.completions]
    rewards = score(out, items)
    assert score(out, items[::-1]) == rewards[::-1]
    assert score(out, items, batch_rows=1) == pytest.approx(rewards, abs=1e-5)


def test_killed_and_called_again_it_ends_in_the_same_bytes(trained, policy, tmp_path):
    class KilledError(Exception):
        pass

    def kill(done, total):
        if done == 5:
            raise KilledError

    with pytest.raises(KilledError):
        train(policy, tmp_path, progress=kill)
    steps = []
    resumed = train(policy, tmp_path, progress=lambda done, total: steps.append(done))
    assert steps[0] == 4, "the state was kept after step 3"
    assert digests(tmp_path / "out") == digests(trained[0])
    assert resumed == trained[1]


def test_rows_in_another_order_give_the_same_bytes(trained, policy, tmp_path):
    train(policy, tmp_path, groups=GROUPS[::-1])
    assert digests(tmp_path / "out") == digests(trained[0])


def test_training_goes_on_from_a_reward_model(trained, tmp_path):
    out, first = trained
    again = train(out, tmp_path)
    assert again.losses[0] < first.losses[0] / 2
    assert read_lineage(tmp_path / "out")["parent"] == first.model_md5


def test_any_decoder_can_be_a_reward_model(foreign_policy, tmp_path):
    result = train(foreign_policy, tmp_path, groups=GROUPS[:4])
    rewards = score(tmp_path / "out", [(GROUPS[0].messages, text) for text in GROUPS[0].completions])
    names = [candidate_id(GROUPS[0].prompt_id, text) for text in GROUPS[0].completions]
    assert rewards == pytest.approx([result.rewards[name] for name in names], abs=1e-5)


def test_nothing_that_fits_is_an_error(policy, tmp_path):
    long = Group("p", ask("books " * 80), [answer("Yes."), answer("No.")], [Pair(0, 1, 1.0, 0.0)])
    with pytest.raises(UserError, match="no pair of 1 prompts fits"):
        train(policy, tmp_path, groups=[long])
    with pytest.raises(UserError, match="no preference of a train prompt is kept: see rankings"):
        train(policy, tmp_path, groups=[])
