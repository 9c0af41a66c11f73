"""Turns the turn's models into its figures: on benchmark prompts that no choice ever looked at."""

from pathlib import Path
from typing import Any

import polars as pl

from curation.funnel import count_rows
from pipelines.groups import kept_prompts
from pipelines.samples import candidate_rows, sample_rows
from pipelines.sandbox.gold import gold_score, grade_answer, is_harmful_request
from pipelines.sandbox.labelers import make_labelers
from pipelines.stage import Stage
from pipelines.store import read_json
from schemas.ids import candidate_id
from schemas.messages import assistant_completion, join_contents
from schemas.tables import union_rows
from training.evaluation import Answer, BenchmarkPrompt, Evaluation, evaluate_policies
from training.models import model_digest, set_determinism

GOLD = "gold"
COUNTED = ("prompts", "demonstrations", "candidates", "rankings")


def run(stage: Stage) -> None:
    """Let the start policy, the chosen checkpoint and the new policy answer; grade, compare and count."""
    params = stage.params
    set_determinism(stage.seed, params.threads)
    chosen = read_json(stage.dep("metrics/policy.json"))["checkpoint"]
    policies = {"start": stage.dep("models/start/policy"), "policy": stage.dep("models/policy")}
    policies["sft"] = policies["start"] if chosen == "start" else stage.dep("models/sft") / chosen
    prompts = kept_prompts(stage)
    with stage.progress("answering") as progress:
        found = evaluate_policies(
            policies, list_benchmark(prompts), judged="policy", baseline="start", reference=policies["sft"],
            reward_model=stage.dep("models/reward_model"), grade=grade_answer, params=params.evaluate,
            max_tokens=params.start.max_tokens, seed=stage.seed, work=stage.resume(), progress=progress,
        )  # fmt: skip
    write_answers(stage, policies, found.answers)
    write_plots(stage, found)
    stage.write_metrics("evaluate", describe_evaluation(found))
    stage.write_metrics("turn", summarise_turn(stage, found, prompts))


def list_benchmark(prompts: pl.DataFrame) -> list[BenchmarkPrompt]:
    """Kept benchmark prompts of all turns."""
    rows = prompts.filter(pl.col("split") == "benchmark").iter_rows(named=True)
    return [
        BenchmarkPrompt(
            row["prompt_id"], row["messages"], row["kind"], is_harmful_request(join_contents(row["messages"]))
        )
        for row in rows
    ]


def write_answers(stage: Stage, policies: dict[str, Path], answers: list[Answer]) -> None:
    """Benchmark answers as candidates with samples and scores: the reward model's, and gold where there is one."""
    evaluate, reward_model = stage.params.evaluate, model_digest(stage.dep("models/reward_model"))
    samples, scores = [], []
    for name, source in policies.items():
        for mode, first in (("sampled", 0), ("greedy", evaluate.n_samples)):
            drawn = [answer.sample for answer in answers if (answer.policy, answer.mode) == (name, mode)]
            samples.append(sample_rows(
                drawn, source, name, stage.turn, evaluate.sampling, greedy=mode == "greedy", first_index=first,
            ))  # fmt: skip
    for answer in answers:
        row_id = candidate_id(answer.prompt.prompt_id, assistant_completion(answer.sample.text))
        scores.append((row_id, reward_model, answer.reward))
        if answer.gold is not None:
            scores.append((row_id, GOLD, answer.gold))
    new = candidate_rows([answer.sample for answer in answers])
    stage.write_table("candidates", new.join(stage.rows("candidates"), on="candidate_id", how="anti"))
    stage.write_table("samples", union_rows("samples", *samples))
    frame = pl.DataFrame(
        scores, schema={"candidate_id": pl.String, "model": pl.String, "score": pl.Float64}, orient="row"
    )
    stage.write_table("scores", frame.unique(["candidate_id", "model"], keep="first", maintain_order=True))


def write_plots(stage: Stage, found: Evaluation) -> None:
    """Gold by kind, reward against gold, and gold of the reward model's best of n."""
    kinds = [row for row in found.kinds if row["mode"] == "sampled"]
    stage.write_plot("gold_by_kind", kinds, ["policy", "kind", "n", "gold", "pass_rate"])
    stage.write_plot("reward_against_gold", [vars(row) for row in found.proxy.bins], ["n", "reward", "gold"])
    stage.write_plot("best_of_n", [vars(row) for row in found.best_of], ["n", "reward", "gold", "kl"])


def describe_evaluation(found: Evaluation) -> dict[str, Any]:
    """metrics/evaluate.json."""
    return {
        "policies": found.summary, "kinds": found.kinds, "harmful_requests": found.harmful,
        "win_rate": {mode: vars(rate) for mode, rate in found.win_rates.items()}, "kl": vars(found.kl),
        "reward_against_gold": {
            "answers": found.proxy.n, "correlation": found.proxy.correlation,
            "rank_correlation": found.proxy.rank_correlation,
        },
        "best_of_n": [vars(row) for row in found.best_of],
    }  # fmt: skip


def summarise_turn(stage: Stage, found: Evaluation, prompts: pl.DataFrame) -> dict[str, Any]:
    """metrics/turn.json: the turn in one line of a table."""
    by_name = {(row["policy"], row["mode"]): row for row in found.summary}
    agreement, reward = (read_json(stage.dep(f"metrics/{name}.json")) for name in ("agreement", "reward_model"))
    counts = [count_rows(name, stage.rows(name), stage.new_rows("dropped")) for name in COUNTED]
    gold = {
        f"{measure}_{policy}{suffix}": by_name[policy, mode][column]
        for measure, column in (("gold", "gold"), ("pass", "pass_rate"))
        for policy in ("start", "sft", "policy")
        for mode, suffix in (("sampled", ""), ("greedy", "_greedy"))
    }
    return {
        "turn": stage.turn, **gold,
        "win_rate": found.win_rates["sampled"].rate, "win_rate_greedy": found.win_rates["greedy"].rate,
        "win_rate_judge": GOLD if gold["gold_policy"] is not None else "reward_model", "kl": found.kl.nats,
        "reward_accuracy": reward["accuracy"], "reward_accuracy_gold": compare_gold(stage, prompts),
        "labeler_agreement": agreement["labeler_agreement"],
        "labeler_agreement_raw": agreement["labeler_agreement_raw"],
        "rows_kept": sum(count["kept"] for count in counts), "rows_dropped": sum(count["dropped"] for count in counts),
        **count_blamed(stage, set(agreement["dropped_labelers"])),
    }  # fmt: skip


def compare_gold(stage: Stage, prompts: pl.DataFrame) -> float | None:
    """How often the reward model agrees with gold on the held-out pairs of this turn whose gold differs."""
    scores = stage.new_rows("scores")
    texts = {row["prompt_id"]: join_contents(row["messages"]) for row in prompts.iter_rows(named=True)}
    judged = stage.new_rows("candidates").join(scores, on="candidate_id").filter(pl.col("prompt_id").is_in(list(texts)))
    judged = judged.join(prompts.filter(pl.col("split") == "validation"), on="prompt_id", how="semi")
    golds = [
        gold_score(texts[row["prompt_id"]], join_contents(row["completion"])) for row in judged.iter_rows(named=True)
    ]
    known = judged.select("prompt_id", "score").with_columns(pl.Series("gold", golds, pl.Float64)).drop_nulls()
    pairs = known.join(known, on="prompt_id", suffix="_other").filter(pl.col("gold") > pl.col("gold_other"))
    return pairs.select((pl.col("score") > pl.col("score_other")).cast(pl.Float64).mean()).item()


def count_blamed(stage: Stage, blamed: set[str]) -> dict[str, int]:
    """Which simulated labelers curation dropped, against what they are; biased ones are neither bad nor honest."""
    known = set(stage.rows("labelers").filter(pl.col("kind") == "simulated")["labeler_id"])
    traits = {labeler.labeler_id: labeler.trait for labeler in make_labelers(stage.params.sandbox)}
    bad = {name for name in known if traits.get(name) in ("careless", "contrary")}
    honest = {name for name in known if traits.get(name) == "skilled"}
    return {
        "bad_labelers": len(bad), "bad_labelers_found": len(bad & blamed),
        "honest_labelers_blamed": len(honest & blamed),
    }  # fmt: skip
