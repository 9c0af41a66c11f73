"""Two small turns, real DVC and git from end to end: what they leave behind, and what holds over turns."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from small import SMALL, set_params

from curation.ledger import keep_rows
from schemas.ids import digest_rows
from schemas.tables import TABLES, check_frame

ROOT = Path(__file__).parents[1]
IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "test"), ("EMAIL", "test@example.org"))
}
HEADLINES = {
    "turn", "gold_sft", "gold_policy", "gold_policy_greedy", "pass_sft", "pass_policy", "win_rate", "kl",
    "reward_accuracy", "reward_accuracy_gold", "labeler_agreement", "rows_kept", "rows_dropped", "bad_labelers_found",
    "honest_labelers_blamed",
}  # fmt: skip


def run(project: Path, *command: str) -> str:
    environment = os.environ | IDENTITY | {"PYTHONPATH": str(ROOT)}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def turns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own, outside this repository, at the end of its second turn."""
    project = tmp_path_factory.mktemp("project")
    run(ROOT, "pipelines.cli", "init", str(project))
    set_params(project, SMALL)
    run(project, "dvc", "repro")
    run(project, "pipelines.cli", "next")
    run(project, "dvc", "repro")
    return project


def rows(project: Path, table: str, *, past: bool = True) -> pl.DataFrame:
    found = [*project.glob(f"data/{table}.parquet"), *project.glob(f"data/{table}/*.parquet")]
    if past:
        found += project.glob(f"data/past/{table}/*.parquet")
    return pl.concat([pl.read_parquet(file, hive_partitioning=False) for file in sorted(found)])


def read(project: Path, name: str) -> dict:
    return json.loads((project / name).read_text())


def test_a_second_repro_runs_nothing(turns: Path) -> None:
    assert "up to date" in run(turns, "dvc", "repro")


def test_every_table_is_there_and_sound(turns: Path) -> None:
    for name in TABLES:
        files = [*turns.glob(f"data/{name}.parquet"), *turns.glob(f"data/{name}/*.parquet")]
        assert files, name
        for file in files:
            check_frame(name, pl.read_parquet(file, hive_partitioning=False))
    for name in ("prompts", "demonstrations", "candidates", "rankings"):
        found = rows(turns, name)
        assert not found.select(TABLES[name].key).is_duplicated().any(), f"{name}: a row is in two turns"


def test_what_weighs_pairs_down_is_apart_from_what_only_warns(turns: Path) -> None:
    """Trainers depend on the down-weights alone; the settings as committed only warn."""
    actions = {
        part: set(pl.read_parquet(turns / f"data/pair_findings/{part}.parquet")["action"])
        for part in ("down_weights", "warnings")
    }
    assert actions["down_weights"] == set() and actions["warnings"] <= {"warn"}


def test_the_second_turn_goes_on_from_the_first(turns: Path) -> None:
    past = read(turns, "data/past/turns.json")
    assert [turn["turn"] for turn in past] == [1]
    for model in ("policy", "reward_model"):
        lineage = read(turns, f"models/{model}/lineage.json")
        assert lineage["parent"] is not None
    assert read(turns, "models/reward_model/lineage.json")["parent"] == past[0]["reward_model"]
    assert rows(turns, "rankings", past=False)["turn"].unique().to_list() == [2]
    assert sorted(rows(turns, "rankings")["turn"].unique()) == [1, 2]


def test_signatures_of_earlier_turns_are_carried_and_only_new_rows_add_to_them(turns: Path) -> None:
    for stage in ("prompts", "curate_demonstrations", "curate_preferences"):
        past = pl.read_parquet(turns / f"data/past/signatures/turn=001-{stage}.parquet")
        new = pl.read_parquet(turns / f"data/signatures/{stage}.parquet")
        assert past.height and new.height and new.join(past, on=["made_with", "digest"], how="semi").is_empty()


def test_nothing_held_out_is_trained_on(turns: Path) -> None:
    split = dict(rows(turns, "assignments").select("prompt_id", "split").iter_rows())
    prompt_of = {}
    keys = {"demonstrations": "demonstration_id", "candidates": "candidate_id", "preferences": "pair_id"}
    for table, key in keys.items():
        prompt_of |= dict(rows(turns, table, past=table != "preferences").select(key, "prompt_id").iter_rows())
    trained = rows(turns, "training_rows")
    assert trained.height and {split[prompt_of[row_id]] for row_id in trained["row_id"]} == {"train"}


def test_training_rows_are_those_that_lineage_names_and_none_was_dropped(turns: Path) -> None:
    trained, dropped = rows(turns, "training_rows"), rows(turns, "dropped")
    for directory in (*turns.glob("models/sft/*"), turns / "models/reward_model", turns / "models/policy"):
        md5 = hashlib.md5((directory / "model.safetensors").read_bytes()).hexdigest()
        seen = trained.filter(pl.col("model") == md5)
        assert digest_rows(seen["row_id"]) == read(turns, f"{directory.relative_to(turns)}/lineage.json")["rows"]
        assert seen.join(dropped, on=["table_name", "row_id"], how="semi").is_empty()


def test_rows_in_are_kept_or_dropped(turns: Path) -> None:
    counts = read(turns, "metrics/demonstrations.json")
    raw, dropped = rows(turns, "demonstrations"), rows(turns, "dropped")
    assert counts["rows"] == raw.height == counts["kept"] + counts["dropped"]
    assert keep_rows("demonstrations", raw, dropped).height == counts["kept"]
    assert counts["dropped"] > 0
    curation = read(turns, "metrics/curation.json")
    assert curation["funnel"]["demonstrations"] == counts
    assert curation["agreement"].items() <= read(turns, "metrics/agreement.json").items()
    assert curation["audit"] == read(turns, "metrics/audit.json")


def test_the_turn_is_named_in_one_line(turns: Path) -> None:
    metrics = read(turns, "metrics/turn.json")
    assert set(metrics) >= HEADLINES and metrics["turn"] == 2
    assert (turns / "report/index.html").stat().st_size > 10_000
    assert "turn 2" in run(turns, "pipelines.cli", "summary")
    assert "gold_policy" in run(turns, "dvc", "metrics", "diff", "turn-1")


def test_equal_inputs_give_equal_bytes(turns: Path, tmp_path: Path) -> None:
    """The whole first turn again, in another folder: the same md5 of every out, models included."""
    other = tmp_path / "other"
    run(ROOT, "pipelines.cli", "init", str(other))
    set_params(other, SMALL)
    run(other, "dvc", "repro")
    first = subprocess.run(["git", "show", "turn-1:dvc.lock"], cwd=turns, capture_output=True, text=True).stdout
    assert md5s(yaml.safe_load(first)) == md5s(yaml.safe_load((other / "dvc.lock").read_text()))


def md5s(lock: dict) -> dict[str, str]:
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}


def test_a_turn_starts_from_a_given_model_of_another_architecture(tmp_path: Path) -> None:
    """`start.model` names a directory: here a GPT-2 with its own tokenizer, built on the spot."""
    build_gpt2(tmp_path / "gpt2")
    project = tmp_path / "project"
    run(ROOT, "pipelines.cli", "init", str(project))
    set_params(project, SMALL | {"start.model": str(tmp_path / "gpt2"), "sandbox.n_train_prompts": 40})
    run(project, "dvc", "repro", "evaluate")
    for model in ("start/policy", "reward_model", "policy"):
        assert read(project, f"models/{model}/config.json")["model_type"] == "gpt2"
    assert read(project, "metrics/turn.json")["gold_policy"] is not None


def build_gpt2(directory: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["A baker has three red apples and a dog."] * 10, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(directory)
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), n_positions=256, n_embd=32, n_layer=1, n_head=2, eos_token_id=0,
        bos_token_id=0,
    )  # fmt: skip
    GPT2LMHeadModel(config).save_pretrained(directory)
