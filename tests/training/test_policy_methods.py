"""rloo, dpo and best_of_n on a tiny policy and a reward model that likes short answers."""

from dataclasses import replace
from typing import get_args

import pytest
from trained import answer, ask, digests, read_lineage

from schemas.errors import UserError
from schemas.ids import candidate_id, digest_rows, pair_id
from schemas.training_params import BestOfN, Dpo, Policy, RewardModel, Rloo, Sampling, Sft
from training.best_of_n import improve_by_best_of_n, keep_highest, pick_best
from training.dpo import improve_by_dpo
from training.examples import Example, Group, Pair, Sample
from training.improvement import PolicyInputs, ScoredSample
from training.methods import METHODS, improve_policy
from training.models import load_policy, load_tokenizer, model_digest, save_model
from training.reward_model import score_completions, train_reward_model
from training.rloo import improve_by_rloo, make_reward

SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=12, batch_rows=64)
RLOO = Rloo(
    steps=4, batch_prompts=2, generations=3, learning_rate=0.003, warmup_share=0.0, max_gradient_norm=1.0, kl_beta=0.05,
    clip=0.2, missing_end_penalty=1.0, temperature=1.0, top_p=1.0, max_new_tokens=12, checkpoint_steps=2,
)  # fmt: skip
DPO = Dpo(
    epochs=2, batch_pairs=4, pairs_per_prompt=1, learning_rate=0.003, warmup_share=0.0, max_gradient_norm=1.0,
    kl_beta=0.1, checkpoint_steps=2,
)  # fmt: skip
BEST_OF_N = BestOfN(
    n=4, kept_share=1.0, labelers_best=True, sampling=SAMPLING,
    fine_tune=Sft(epochs=1, batch_rows=8, device_rows=8, learning_rate=0.003, kept_checkpoints=1),
)  # fmt: skip
THINGS = ("apples", "books", "coins", "drums", "lamps", "apples and books", "coins and drums")


DEAR = ", dear Ann"
GROUPS = [
    Group(
        f"p{number}", ask(f"Ann asks for {thing}."),
        [answer(f"Here are {thing}{rest}.", name=None) for rest in ("", DEAR, f"{DEAR}, and {thing} and {thing}")],
        [Pair(0, 1, 1.0, 0.5), Pair(0, 2, 1.0, 1.0), Pair(1, 2, 1.0, 0.5)],
    )
    for number, thing in enumerate(THINGS)
]  # fmt: skip
PROMPTS = [(group.prompt_id, group.messages) for group in GROUPS]
LONG = ("long", ask("books " * 60))
LABELERS_BEST = [
    Example(candidate_id(group.prompt_id, group.completions[0]), group.messages, group.completions[0])
    for group in GROUPS
]


@pytest.fixture(scope="module")
def reward_model(policy, tmp_path_factory):
    directory = tmp_path_factory.mktemp("reward")
    params = RewardModel(
        epochs=3, past_prompts=None, batch_prompts=4, learning_rate=0.01, warmup_share=0.0, weight_decay=0.0,
        max_gradient_norm=1.0, margin_scale=0.0, checkpoint_steps=9, score_batch_rows=8,
    )  # fmt: skip
    train_reward_model(
        policy, GROUPS, params=params, max_tokens=64, seed=1, out=directory / "out", work=directory / "w"
    )
    return directory / "out"


@pytest.fixture(scope="module")
def reference(policy, tmp_path_factory):
    """Another policy than the one that is trained."""
    model, tokenizer = load_policy(policy)
    model.model.layers[0].mlp.down_proj.weight.data *= 0.5
    directory = tmp_path_factory.mktemp("reference")
    save_model(model, tokenizer, directory)
    return directory


def run_rloo(start, reward_model, directory, reference=None, params=RLOO, progress=lambda done, total: None):
    return improve_by_rloo(
        start, reference or start, reward_model, [*PROMPTS, LONG], params=params, max_tokens=64, seed=2,
        out=directory / "out", work=directory / "work", progress=progress,
    )  # fmt: skip


def run_dpo(start, directory, reference=None, params=DPO, groups=GROUPS, progress=lambda done, total: None):
    return improve_by_dpo(
        start, reference or start, groups, params=params, max_tokens=64, seed=2, out=directory / "out",
        work=directory / "work", progress=progress,
    )  # fmt: skip


def run_best_of_n(start, reward_model, directory, params=BEST_OF_N):
    return improve_by_best_of_n(
        start, start, reward_model, PROMPTS, LABELERS_BEST, params=params, max_tokens=64, seed=2,
        out=directory / "out", work=directory / "work",
    )  # fmt: skip


def kill_at(step):
    def kill(done, total):
        if done == step:
            raise InterruptedError

    return kill


@pytest.fixture(scope="module")
def rloo(policy, reward_model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("rloo")
    return directory / "out", run_rloo(policy, reward_model, directory)


@pytest.fixture(scope="module")
def dpo(policy, tmp_path_factory):
    directory = tmp_path_factory.mktemp("dpo")
    return directory / "out", run_dpo(policy, directory)


@pytest.fixture(scope="module")
def best_of_n(policy, reward_model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("best_of_n")
    return directory / "out", run_best_of_n(policy, reward_model, directory)


def test_every_method_of_the_params_has_a_function_and_a_section():
    methods = get_args(Policy.model_fields["method"].annotation)
    assert set(methods) == set(METHODS) <= set(Policy.model_fields)


def test_rloo_reports_each_step_and_starts_at_its_reference(rloo):
    _, result = rloo
    assert [step["step"] for step in result.steps] == [1, 2, 3, 4]
    assert result.steps[0]["kl"] == pytest.approx(0.0, abs=1e-3)
    assert set(result.steps[0]) == {"step", "reward", "kl", "entropy", "completion_tokens", "cut_ratio"}


def test_rloo_names_the_prompts_it_saw_and_the_one_without_room(rloo, policy):
    out, result = rloo
    assert result.skipped_row_ids == ["long"]
    assert result.trained_table == "prompts"
    assert result.trained_row_ids == [name for name, _ in PROMPTS], "4 steps of 2 prompts, 7 prompts"
    lineage = read_lineage(out)
    assert lineage["rows"] == digest_rows(result.trained_row_ids)
    assert lineage["reference"] == lineage["parent"] == model_digest(policy)
    assert model_digest(out) == result.model_md5 != model_digest(policy)


def test_rloo_resumes_to_the_same_bytes_and_the_same_steps(rloo, policy, reward_model, tmp_path):
    with pytest.raises(InterruptedError):
        run_rloo(policy, reward_model, tmp_path, progress=kill_at(3))
    (tmp_path / "work" / "checkpoint-3").mkdir()  # one that was cut short while being written
    done = []
    assert run_rloo(policy, reward_model, tmp_path, progress=lambda step, total: done.append(step)) == rloo[1]
    assert done == [3, 4]
    assert digests(tmp_path / "out") == digests(rloo[0])


def test_rloo_measures_kl_from_the_reference_it_is_given(policy, reward_model, reference, tmp_path):
    result = run_rloo(policy, reward_model, tmp_path, reference=reference, params=RLOO.model_copy(update={"steps": 1}))
    assert result.steps[0]["kl"] > 0.01
    assert read_lineage(tmp_path / "out")["reference"] == model_digest(reference)


def test_rloo_raises_the_reward(policy, reward_model, tmp_path):
    params = RLOO.model_copy(update={"steps": 16, "batch_prompts": 6, "generations": 4, "learning_rate": 0.01})
    rewards = [step["reward"] for step in run_rloo(policy, reward_model, tmp_path, params=params).steps]
    assert sum(rewards[-4:]) > sum(rewards[:4]) + 1.0


def test_rloo_reward_is_that_of_score_completions_less_the_penalty(policy, reward_model):
    model, tokenizer = load_policy(policy)
    reward = make_reward(reward_model, model, tokenizer, RLOO, 64)
    ids = tokenizer(" Here are books.", add_special_tokens=False)["input_ids"]
    ended, cut = reward(prompts=[PROMPTS[0][1]] * 2, completion_ids=[[*ids, tokenizer.eos_token_id], ids], extra=None)
    (expected,) = score_completions(
        reward_model, [(PROMPTS[0][1], answer("Here are books."))], batch_rows=1, max_tokens=64
    )
    assert ended == pytest.approx(expected, abs=1e-5)
    assert cut == pytest.approx(expected - RLOO.missing_end_penalty, abs=1e-5)


def test_methods_work_on_another_architecture(foreign_policy, tmp_path):
    params = RewardModel(
        epochs=1, past_prompts=None, batch_prompts=4, learning_rate=0.01, warmup_share=0.0, weight_decay=0.0,
        max_gradient_norm=1.0, margin_scale=0.0, checkpoint_steps=9, score_batch_rows=8,
    )  # fmt: skip
    train_reward_model(
        foreign_policy, GROUPS, params=params, max_tokens=64, seed=1, out=tmp_path / "r", work=tmp_path / "w"
    )
    one_step = RLOO.model_copy(update={"steps": 1, "max_new_tokens": 6})
    run_rloo(foreign_policy, tmp_path / "r", tmp_path / "rloo", params=one_step)
    run_dpo(foreign_policy, tmp_path / "dpo", groups=GROUPS[:4])
    for name in ("rloo", "dpo"):
        assert load_policy(tmp_path / name / "out")[0].config.model_type == "gpt2"
        assert digests(tmp_path / name / "out")["config.json"] == digests(tmp_path / "dpo" / "out")["config.json"]


def test_dpo_starts_at_log_2_and_learns_the_preference(dpo):
    _, result = dpo
    assert result.steps[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert result.steps[-1]["margin"] > 0.1
    assert result.steps[-1]["accuracy"] == 1.0


def test_dpo_takes_the_widest_pair_of_each_prompt(dpo):
    out, result = dpo
    expected = [
        pair_id(group.prompt_id, *(candidate_id(group.prompt_id, group.completions[index]) for index in (0, 2)))
        for group in GROUPS
    ]
    assert result.trained_row_ids == sorted(expected)
    assert read_lineage(out)["rows"] == digest_rows(expected)


def test_dpo_names_pairs_that_are_too_long(policy, tmp_path):
    long = replace(GROUPS[0], prompt_id="long", messages=LONG[1])
    result = run_dpo(policy, tmp_path, groups=[*GROUPS, long], params=DPO.model_copy(update={"epochs": 1}))
    ids = (candidate_id("long", long.completions[index]) for index in (0, 2))
    assert result.skipped_row_ids == [pair_id("long", *ids)]


def test_dpo_resumes_to_the_same_bytes(dpo, policy, tmp_path):
    with pytest.raises(InterruptedError):
        run_dpo(policy, tmp_path, progress=kill_at(3))
    assert run_dpo(policy, tmp_path) == dpo[1]
    assert digests(tmp_path / "out") == digests(dpo[0])


def test_dpo_measures_from_the_reference_it_is_given(policy, reference, tmp_path):
    result = run_dpo(policy, tmp_path, reference=reference, params=DPO.model_copy(update={"epochs": 1}))
    assert result.steps[0]["margin"] != pytest.approx(0.0, abs=1e-3)
    assert result.steps[0]["loss"] != pytest.approx(0.6931, abs=1e-4)


def test_the_best_of_n_is_the_finished_sample_of_highest_reward():
    def scored(prompt, index, text, reward, reason="stop"):
        return ScoredSample(text, Sample(prompt, index, text, reason, 3, 1, []), reward)

    best = pick_best(
        [
            scored("b", 3, "worse", 0.5), scored("b", 1, "later equal", 1.0),
            scored("b", 0, "good", 1.0), scored("b", 2, "cut", 9.0, "length"),
            scored("a", 0, "", 2.0), scored("a", 1, "poor", -1.0), scored("c", 0, "cut too", 1.0, "length"),
        ]
    )  # fmt: skip
    assert [one.sample.text for one in best] == ["poor", "good"]


def test_of_the_bests_those_of_highest_reward_are_learnt():
    bests = [
        ScoredSample(name, Sample(name, 0, name, "stop", 3, 1, []), reward)
        for name, reward in zip("abc", (1, 3, 2), strict=True)
    ]
    assert [one.candidate_id for one in keep_highest(bests, 0.5)] == ["b", "c"]  # 1.5 rows, rounded up
    assert keep_highest(bests, 1.0) == bests


def test_best_of_n_names_its_own_samples_and_the_labelers_best(best_of_n, policy, reward_model):
    out, result = best_of_n
    own = {scored.candidate_id for scored in result.best_samples}
    assert set(result.trained_row_ids) == own | {example.row_id for example in LABELERS_BEST}
    for scored in result.best_samples:
        assert scored.candidate_id == candidate_id(scored.sample.prompt_id, answer(scored.sample.text))
    lineage = read_lineage(out)
    assert (lineage["kind"], lineage["rows"]) == ("best_of_n", digest_rows(result.trained_row_ids))
    assert lineage["params"]["reward_model"] == model_digest(reward_model)
    assert model_digest(out) == result.model_md5


def test_best_of_n_without_the_labelers_trains_on_its_own_samples_alone(policy, reward_model, tmp_path):
    result = run_best_of_n(policy, reward_model, tmp_path, BEST_OF_N.model_copy(update={"labelers_best": False}))
    assert result.trained_row_ids == sorted({scored.candidate_id for scored in result.best_samples}) != []


def test_nothing_to_learn_from_is_one_clear_error(policy, reward_model, tmp_path):
    with pytest.raises(UserError, match="dpo: no preference of a train prompt is kept: see rankings"):
        run_dpo(policy, tmp_path, groups=[])
    nothing = BEST_OF_N.model_copy(update={"labelers_best": False, "kept_share": 0.0})
    with pytest.raises(UserError, match=r"best_of_n: no answer to learn, .* see policy\.best_of_n\.kept_share"):
        run_best_of_n(policy, reward_model, tmp_path, nothing)


def test_the_dispatch_runs_the_named_method_with_its_section(best_of_n, policy, reward_model, tmp_path):
    from schemas.training_params import SelectCheckpoint

    select = SelectCheckpoint(n_samples=1, sampling=SAMPLING)
    params = Policy(method="best_of_n", select_checkpoint=select, best_of_n=BEST_OF_N, rloo=RLOO, dpo=DPO)
    inputs = PolicyInputs(policy, policy, reward_model, PROMPTS, GROUPS, LABELERS_BEST)
    result = improve_policy(inputs, params=params, max_tokens=64, seed=2, out=tmp_path / "out", work=tmp_path / "work")
    assert result == best_of_n[1]
    assert digests(tmp_path / "out") == digests(best_of_n[0])


def test_methods_write_nothing_but_the_model(rloo, dpo, best_of_n, policy):
    names = {path.name for path in policy.iterdir()} | {"lineage.json"}
    for out, _ in (rloo, dpo, best_of_n):
        assert {path.name for path in out.iterdir()} == names
        assert digests(out)["config.json"] == digests(policy)["config.json"]
        assert load_tokenizer(out).chat_template == load_tokenizer(policy).chat_template
