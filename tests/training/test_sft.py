import pytest
import torch
from trained import digests, read_lineage

from schemas.errors import UserError
from schemas.training_params import Sft
from training.examples import Example
from training.models import load_policy, load_tokenizer, model_digest
from training.sft import MASKED, encode_examples, space_checkpoints, train_sft

PARAMS = Sft(epochs=2, batch_rows=4, device_rows=4, learning_rate=0.01, kept_checkpoints=2)


def ask(content):
    return {"role": "user", "content": content}


def answer(content, **rest):
    return {"role": "assistant", "content": content, **rest}


EXAMPLES = [
    Example(f"r{number}", [ask(f"Ann asks for {thing}.")], [answer(f"Here are {thing}.", train=True)])
    for number, thing in enumerate(
        ["apples", "books", "coins", "drums", "lamps", "apples and books", "coins and drums"]
    )
]
TOO_LONG = Example("long", [ask("books " * 80)], [answer("No.")])
NOTHING_TO_LEARN = Example("silent", [ask("Ben asks.")], [answer("Yes.", train=False)])


def train(start, directory, examples=EXAMPLES, params=PARAMS, work=None, progress=lambda done, total: None):
    return train_sft(
        start, examples, params=params, max_tokens=64, seed=2, out=directory / "out",
        work=work or directory / "work", progress=progress,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(policy, tmp_path_factory):
    directory = tmp_path_factory.mktemp("sft")
    result = train(policy, directory, [*EXAMPLES, TOO_LONG, NOTHING_TO_LEARN])
    return directory / "out", result


def mean_loss(directory, example):
    model, tokenizer = load_policy(directory)
    (row,), _ = encode_examples(tokenizer, [example], 64)
    with torch.no_grad():
        return float(model(input_ids=torch.tensor([row.ids]), labels=torch.tensor([row.labels])).loss)


def test_trained_and_skipped_rows_are_all_rows(trained):
    _, result = trained
    assert result.skipped_row_ids == ["long", "silent"]
    assert result.trained_row_ids == [example.row_id for example in EXAMPLES]


def test_checkpoints_are_kept_evenly_each_with_its_lineage(trained, policy):
    out, result = trained
    assert result.checkpoints == ["checkpoint-1", "checkpoint-2"] == sorted(path.name for path in out.iterdir())
    assert len(result.steps) == 4, "14 rows in batches of 4"
    last = read_lineage(out / "checkpoint-2")
    assert last is not None
    assert (last["kind"], last["parent"], last["n_rows"]) == ("sft", model_digest(policy), 7)
    assert {path.name for path in (out / "checkpoint-1").iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        "chat_template.jinja", "lineage.json",
    }  # fmt: skip
    assert (out / "checkpoint-1" / "config.json").read_bytes() == (policy / "config.json").read_bytes()


def test_loss_falls(trained, policy):
    out, _ = trained
    assert mean_loss(out / "checkpoint-2", EXAMPLES[0]) < mean_loss(policy, EXAMPLES[0]) - 0.5


def test_stopped_midway_it_goes_on_to_the_same_bytes_in_any_row_order(trained, policy, tmp_path):
    out, _ = trained

    def stop(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(policy, tmp_path / "killed", work=tmp_path / "work", progress=stop)
    told = []
    train(policy, tmp_path, EXAMPLES[::-1], work=tmp_path / "work", progress=lambda done, total: told.append(done))
    assert told[0] > 1, "it must go on, not begin again"
    assert digests(tmp_path / "out") == digests(out)


def test_called_again_when_done_it_writes_the_same(policy, tmp_path):
    train(policy, tmp_path)
    first = digests(tmp_path / "out")
    train(policy, tmp_path / "second", work=tmp_path / "work")
    assert digests(tmp_path / "second" / "out") == first


def test_only_completion_tokens_have_labels(policy):
    tokenizer = load_tokenizer(policy)
    several = Example(
        "x", [ask("Ann")], [answer("one"), ask("more"), answer("two", train=False), ask("x"), answer("3")]
    )
    (row,), _ = encode_examples(tokenizer, [several], 64)
    learnt = [token for token, label in zip(row.ids, row.labels, strict=True) if label != MASKED]
    assert tokenizer.decode(learnt) == " one<|end|> 3<|end|>"


def test_prompt_text_gets_no_gradient_from_its_own_tokens(policy):
    """Another word in the prompt's middle changes which label? None: only completion tokens are predicted.

    So the gradient of the output embedding of a prompt-only token comes from the softmax alone, which pushes it
    down or leaves it: never up, as being a target would.
    """
    model, tokenizer = load_policy(policy)
    (row,), _ = encode_examples(tokenizer, [EXAMPLES[0]], 64)
    hidden = model.model(input_ids=torch.tensor([row.ids])).last_hidden_state.detach()
    output = model.lm_head.weight.detach().clone().requires_grad_()
    logits = hidden @ output.T
    labels = torch.tensor([row.labels])
    torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:], ignore_index=MASKED).backward()
    learnt_positions = [i - 1 for i, label in enumerate(row.labels) if label != MASKED]
    softmax = torch.softmax(logits[0, learnt_positions], -1)
    prompt_only = next(token for token in row.ids if token not in row.labels)
    expected = (softmax[:, prompt_only, None] * hidden[0, learnt_positions]).sum(0) / len(learnt_positions)
    assert output.grad is not None
    torch.testing.assert_close(output.grad[prompt_only], expected)


def test_other_architecture_without_template_is_trained(foreign_policy, tmp_path):
    params = PARAMS.model_copy(update={"epochs": 1, "kept_checkpoints": 1, "device_rows": 2})
    result = train(foreign_policy, tmp_path, params=params)
    assert result.checkpoints == ["checkpoint-1"]
    tuned = tmp_path / "out" / "checkpoint-1"
    assert mean_loss(tuned, EXAMPLES[0]) < mean_loss(foreign_policy, EXAMPLES[0])


def test_kept_checkpoints_are_spaced_evenly():
    assert space_checkpoints(9, 3) == [3, 6, 9]
    assert space_checkpoints(10, 3) == [4, 7, 10]
    assert space_checkpoints(2, 5) == [1, 2]


def test_nothing_to_train_on_is_one_clear_error(policy, tmp_path):
    with pytest.raises(UserError, match="none of 2 examples fits"):
        train(policy, tmp_path, [TOO_LONG, NOTHING_TO_LEARN])
    with pytest.raises(UserError, match="no demonstration is left"):
        train(policy, tmp_path, [])
