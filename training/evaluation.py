"""Turns policies and benchmark prompts into scored answers, and those into the numbers that judge a policy."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from schemas.errors import UserError
from schemas.messages import assistant_completion, join_contents
from schemas.params import Evaluate
from training import Progress, ignore_progress
from training.divergence import Divergence, mean_sequence_kl
from training.examples import Sample
from training.improvement import Prompt
from training.proxy_gold import BestOf, ProxyGold, best_of_curve, relate_proxy_gold
from training.reward_model import score_completions
from training.sampling import sample_completions
from training.win_rates import WinRate, compare_answers

Grader = Callable[[str, str], "dict[str, bool] | None"]
"""Named checks of (prompt text, completion text), or None where the grader does not know the prompt."""

MODES = ("sampled", "greedy")


@dataclass(frozen=True)
class BenchmarkPrompt:
    """A prompt that nothing trained on; `kind` and `harmful` only slice the results."""

    prompt_id: str
    messages: list[dict[str, Any]]
    kind: str | None
    harmful: bool


@dataclass(frozen=True)
class Answer:
    """One policy's completion with its reward and, where it was graded, its checks."""

    policy: str
    mode: str
    prompt: BenchmarkPrompt
    sample: Sample
    reward: float
    checks: dict[str, bool] | None

    @property
    def gold(self) -> float | None:
        """Share of checks that hold."""
        return sum(self.checks.values()) / len(self.checks) if self.checks else None

    @property
    def passed(self) -> bool | None:
        """Whether all checks hold."""
        return all(self.checks.values()) if self.checks else None


@dataclass(frozen=True)
class Judge:
    """What every answer is judged by, and the settings that it is drawn with."""

    reward_model: Path
    grade: Grader
    params: Evaluate
    max_tokens: int


@dataclass(frozen=True)
class Evaluation:
    """Everything that `evaluate` reports.

    Rows of `summary`, `kinds` and `harmful` have policy, mode, (kind,) n, gold, gold_error, pass_rate, reward,
    n_tokens and cut_ratio; numbers that do not exist are None. `win_rates` is by mode, by gold where both answers
    were graded, else by reward. `proxy` is over sampled answers of all policies; `best_of` over samples of the
    reference, as in Gao et al. 2022.
    """

    answers: list[Answer]
    summary: list[dict[str, Any]]
    kinds: list[dict[str, Any]]
    harmful: list[dict[str, Any]]
    win_rates: dict[str, WinRate]
    kl: Divergence
    proxy: ProxyGold
    best_of: list[BestOf]


def evaluate_policies(
    policies: Mapping[str, Path],
    prompts: Sequence[BenchmarkPrompt],
    *,
    judged: str,
    baseline: str,
    reference: Path,
    reward_model: Path,
    grade: Grader,
    params: Evaluate,
    max_tokens: int,
    seed: int,
    work: Path,
    progress: Progress = ignore_progress,
) -> Evaluation:
    """Let each policy answer each prompt, sampled and greedily; compare `judged` with `baseline`, two of their names.

    KL is that of `judged` from the policy at `reference`, over the sampled answers; best-of-n draws from `reference`.

    Raises:
        UserError: no prompts.
    """
    if not prompts:
        raise UserError("evaluation needs benchmark prompts: see sandbox.n_benchmark_prompts, prompts.splits")
    judge = Judge(reward_model, grade, params, max_tokens)
    answers: list[Answer] = []
    by_source: dict[Path, list[Answer]] = {}
    for done, (name, source) in enumerate(policies.items()):
        if source not in by_source:
            by_source[source] = _answer_prompts(source, prompts, judge, seed, work / name)
        answers += [replace(answer, policy=name) for answer in by_source[source]]
        progress(done + 1, len(policies) + 2)
    drawn = [answer.sample for answer in answers if (answer.policy, answer.mode) == (judged, "sampled")]
    kl = mean_sequence_kl(
        policies[judged], reference, _list_messages(prompts), drawn, batch_rows=params.sampling.batch_rows
    )
    progress(len(policies) + 1, len(policies) + 2)
    best_of = _measure_best_of(reference, prompts, judge, seed + 1, work / "best_of")
    progress(len(policies) + 2, len(policies) + 2)
    graded = [answer for answer in answers if answer.gold is not None and answer.mode == "sampled"]
    return Evaluation(
        answers,
        summary=summarise(answers, lambda answer: None),
        kinds=summarise(answers, lambda answer: answer.prompt.kind or "other"),
        harmful=summarise([answer for answer in answers if answer.prompt.harmful], lambda answer: None),
        win_rates={mode: _win_rate(answers, judged, baseline, mode, params, seed) for mode in MODES},
        kl=kl,
        proxy=relate_proxy_gold([a.reward for a in graded], [a.gold or 0.0 for a in graded], params.proxy_bins),
        best_of=best_of,
    )


def _list_messages(prompts: Sequence[BenchmarkPrompt]) -> list[Prompt]:
    return [(prompt.prompt_id, prompt.messages) for prompt in prompts]


def _answer_prompts(
    source: Path, prompts: Sequence[BenchmarkPrompt], judge: Judge, seed: int, work: Path
) -> list[Answer]:
    """Judged answers of one policy in each mode; they are still to be given its name."""
    answers: list[Answer] = []
    for mode in MODES:
        samples = _draw(source, prompts, judge, seed, work / mode, greedy=mode == "greedy")
        answers += _judge_samples(mode, prompts, samples, judge)
    return answers


def _judge_samples(
    mode: str, prompts: Sequence[BenchmarkPrompt], samples: Sequence[Sample], judge: Judge
) -> list[Answer]:
    """Samples with rewards and checks, in the order given, by a policy still to be named.

    The grader reads the prompt's last message.
    """
    by_id = {prompt.prompt_id: prompt for prompt in prompts}
    items = [(by_id[sample.prompt_id].messages, assistant_completion(sample.text)) for sample in samples]
    rewards = score_completions(
        judge.reward_model, items, batch_rows=judge.params.score_batch_rows, max_tokens=judge.max_tokens
    )
    return [
        Answer(
            "", mode, by_id[sample.prompt_id], sample, reward,
            judge.grade(join_contents(by_id[sample.prompt_id].messages[-1:]), sample.text),
        )
        for sample, reward in zip(samples, rewards, strict=True)
    ]  # fmt: skip


def _measure_best_of(
    policy: Path, prompts: Sequence[BenchmarkPrompt], judge: Judge, seed: int, work: Path
) -> list[BestOf]:
    """Best-of-n curve over the first `best_of_prompts` prompts by id that the grader knows; empty if it knows none."""
    known = [
        prompt
        for prompt in sorted(prompts, key=lambda prompt: prompt.prompt_id)
        if judge.grade(join_contents(prompt.messages[-1:]), "") is not None
    ][: judge.params.best_of_prompts]
    if not known or not judge.params.best_of:
        return []
    samples = _draw(policy, known, judge, seed, work, n=max(judge.params.best_of))
    answers = _judge_samples("sampled", known, samples, judge)
    groups = [list(rows) for _, rows in groupby(answers, key=lambda answer: answer.prompt.prompt_id)]
    rewards = [[answer.reward for answer in group] for group in groups]
    golds = [[answer.gold or 0.0 for answer in group] for group in groups]
    return best_of_curve(rewards, golds, sorted(judge.params.best_of))


def summarise(answers: Sequence[Answer], slice_of: Callable[[Answer], str | None]) -> list[dict[str, Any]]:
    """One row per policy, mode and slice, in order of first appearance of policy and mode, slices sorted."""
    groups: dict[tuple[str, str, str | None], list[Answer]] = {}
    for answer in answers:
        groups.setdefault((answer.policy, answer.mode, slice_of(answer)), []).append(answer)
    order = {pair: place for place, pair in enumerate(dict.fromkeys((a.policy, a.mode) for a in answers))}
    rows = []
    for policy, mode, part in sorted(groups, key=lambda key: (order[key[:2]], key[2] or "")):
        group = groups[policy, mode, part]
        named = {"policy": policy, "mode": mode} | ({} if part is None else {"kind": part})
        rows.append(named | {"n": len(group)} | _measure(group))
    return rows


def _measure(answers: Sequence[Answer]) -> dict[str, float | None]:
    golds = [answer.gold for answer in answers if answer.gold is not None]
    passes = [float(answer.passed) for answer in answers if answer.passed is not None]
    gold = _mean(golds)
    error = None
    if gold is not None and len(golds) > 1:
        error = math.sqrt(math.fsum((value - gold) ** 2 for value in golds) / (len(golds) - 1) / len(golds))
    return {
        "gold": gold,
        "gold_error": error,
        "pass_rate": _mean(passes),
        "reward": _mean([answer.reward for answer in answers]),
        "n_tokens": _mean([float(answer.sample.n_tokens) for answer in answers]),
        "cut_ratio": _mean([float(answer.sample.finish_reason == "length") for answer in answers]),
    }


def _win_rate(answers: Sequence[Answer], judged: str, baseline: str, mode: str, params: Evaluate, seed: int) -> WinRate:
    by_row = {
        (answer.policy, answer.prompt.prompt_id, answer.sample.sample_index): answer
        for answer in answers
        if answer.mode == mode
    }
    rows = sorted(key[1:] for key in by_row if key[0] == judged)
    scores: list[tuple[float, float]] = []
    for row in rows:
        ours, theirs = by_row[judged, *row], by_row[baseline, *row]
        graded = ours.checks and theirs.checks
        scores.append((ours.gold or 0.0, theirs.gold or 0.0) if graded else (ours.reward, theirs.reward))
    return compare_answers(
        [ours for ours, _ in scores], [theirs for _, theirs in scores], [prompt_id for prompt_id, _ in rows],
        tie_tolerance=params.tie_tolerance, resamples=params.bootstrap_resamples, confidence=params.confidence,
        seed=seed,
    )  # fmt: skip


def _draw(
    source: Path,
    prompts: Sequence[BenchmarkPrompt],
    judge: Judge,
    seed: int,
    work: Path,
    *,
    greedy: bool = False,
    n: int | None = None,
) -> list[Sample]:
    sampling = judge.params.sampling
    return sample_completions(
        source, _list_messages(prompts), n=1 if greedy else n or judge.params.n_samples,
        temperature=sampling.temperature, top_p=sampling.top_p, max_new_tokens=sampling.max_new_tokens,
        batch_rows=sampling.batch_rows, max_tokens=judge.max_tokens, seed=seed, greedy=greedy, work=work,
    )  # fmt: skip


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None
