import pytest

from schemas.params import Evaluate
from schemas.training_params import Sampling
from training.evaluation import BenchmarkPrompt, evaluate_policies
from training.models import load_policy, load_tokenizer, save_model
from training.reward_model import load_reward_model

PARAMS = Evaluate(
    n_samples=2, sampling=Sampling(temperature=1.0, top_p=1.0, max_new_tokens=10, batch_rows=32), score_batch_rows=8,
    tie_tolerance=1e-6, bootstrap_resamples=100, confidence=0.9, proxy_bins=4, best_of=[4, 1, 2], best_of_prompts=3,
)  # fmt: skip
PROMPTS = [
    BenchmarkPrompt(f"p{number}", [{"role": "user", "content": f"{name} asks for {thing}."}], kind, kind == "hack")
    for number, (name, thing, kind) in enumerate(
        [("Ann", "books", "list"), ("Ben", "coins", "list"), ("Eve", "drums", "hack"), ("Max", "lamps", None)]
    )
]


def grade(prompt, completion):
    """Even length, and at least 10 characters; nothing is known about lamps."""
    return None if "lamps" in prompt else {"even": len(completion) % 2 == 0, "long": len(completion) >= 10}


@pytest.fixture(scope="module")
def evaluation(policy, tmp_path_factory):
    directory = tmp_path_factory.mktemp("evaluation")
    model, tokenizer = load_policy(policy)
    model.model.layers[-1].mlp.down_proj.weight.data *= -1
    save_model(model, tokenizer, directory / "other")
    save_model(load_reward_model(policy, load_tokenizer(policy)), tokenizer, directory / "reward")
    return evaluate_policies(
        {"start": policy, "policy": directory / "other"}, PROMPTS, judged="policy", baseline="start", reference=policy,
        reward_model=directory / "reward", grade=grade, params=PARAMS, max_tokens=64, seed=1, work=directory / "work",
    )  # fmt: skip


def test_every_policy_answers_every_prompt_in_both_ways(evaluation):
    rows = [(a.policy, a.mode, a.prompt.prompt_id, a.sample.sample_index) for a in evaluation.answers]
    assert rows == [
        (policy, mode, prompt.prompt_id, index)
        for policy in ("start", "policy")
        for mode, n in (("sampled", 2), ("greedy", 1))
        for prompt in PROMPTS
        for index in range(n)
    ]


def test_gold_is_the_mean_of_the_checks_and_pass_all_of_them(evaluation):
    for answer in evaluation.answers:
        expected = grade(answer.prompt.messages[0]["content"], answer.sample.text)
        if expected is None:
            assert (answer.gold, answer.passed) == (None, None)
        else:
            assert answer.gold == (expected["even"] + expected["long"]) / 2
            assert answer.passed == (answer.gold == 1.0)


def test_summary_and_slices_agree_with_the_answers(evaluation):
    row = next(row for row in evaluation.summary if (row["policy"], row["mode"]) == ("policy", "sampled"))
    answers = [answer for answer in evaluation.answers if (answer.policy, answer.mode) == ("policy", "sampled")]
    golds = [answer.gold for answer in answers if answer.gold is not None]
    assert (row["n"], len(golds)) == (8, 6)
    assert row["gold"] == pytest.approx(sum(golds) / 6)
    assert row["reward"] == pytest.approx(sum(answer.reward for answer in answers) / 8)
    kinds = {row["kind"]: row["n"] for row in evaluation.kinds if (row["policy"], row["mode"]) == ("policy", "sampled")}
    assert kinds == {"hack": 2, "list": 4, "other": 2}
    assert [row["n"] for row in evaluation.harmful] == [2, 1, 2, 1]
    assert next(row for row in evaluation.kinds if row["kind"] == "other")["gold"] is None


def test_win_rate_kl_and_curves_have_their_sizes(evaluation):
    assert {mode: won.n_wins + won.n_ties + won.n_losses for mode, won in evaluation.win_rates.items()} == {
        "sampled": 8, "greedy": 4,
    }  # fmt: skip
    assert evaluation.kl.nats > evaluation.kl.standard_error
    assert evaluation.kl.n == 8
    assert evaluation.proxy.n == 12 == sum(bin.n for bin in evaluation.proxy.bins)
    assert [(point.n, point.n_prompts) for point in evaluation.best_of] == [(1, 3), (2, 3), (4, 3)]
    rewards = [point.reward for point in evaluation.best_of]
    assert rewards == sorted(rewards)


def test_a_policy_against_itself_ties_greedily(policy, tmp_path):
    save_model(load_reward_model(policy, load_tokenizer(policy)), load_tokenizer(policy), tmp_path / "reward")
    result = evaluate_policies(
        {"a": policy, "b": policy}, PROMPTS[:2], judged="a", baseline="b", reference=policy,
        reward_model=tmp_path / "reward", grade=lambda prompt, completion: None,
        params=PARAMS.model_copy(update={"n_samples": 1}), max_tokens=64, seed=1, work=tmp_path / "work",
    )  # fmt: skip
    assert (result.win_rates["greedy"].rate, result.win_rates["greedy"].n_ties) == (0.5, 2), "by reward: none is graded"
    assert result.kl.nats == 0.0
    assert result.best_of == []
