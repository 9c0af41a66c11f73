import json
from collections import Counter

import pytest
import torch

from training.models import load_policy
from training.sampling import Sampling, draw_tokens, generate_tokens, sample_completions
from training.tokenizer import encode_prompt, end_token_ids

PROMPTS = [
    ("p1", [{"role": "user", "content": "Ann asks for apples."}]),
    ("p2", [{"role": "user", "content": "Ben"}]),
    ("p3", [{"role": "user", "content": "Eve asks for books and coins and drums."}]),
]
SETTINGS = {
    "n": 3,
    "temperature": 1.0,
    "top_p": 1.0,
    "max_new_tokens": 12,
    "batch_rows": 4,
    "max_tokens": 64,
    "seed": 5,
}
GREEDY = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=10, greedy=True)


def draw(probabilities, settings, rows=4000):
    logits = torch.tensor(probabilities).log().expand(rows, -1)
    return Counter(draw_tokens(logits, settings, torch.Generator().manual_seed(0)).tolist())


def write_greedily(model, prompt, ends, room):
    """The plainest loop there is: one row, no cache, no padding."""
    ids = list(prompt)
    while len(ids) < len(prompt) + room:
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] in ends:
            break
    return ids[len(prompt) :]


@pytest.mark.parametrize("which", ["policy", "foreign_policy"])
def test_batched_cached_and_compacted_rows_equal_the_plain_loop(which, request):
    model, tokenizer = load_policy(request.getfixturevalue(which))
    prompts = [ids for _, messages in PROMPTS for ids in [encode_prompt(tokenizer, messages)] * 2]
    rooms = [10, 3, 10, 1, 10, 7]
    plain = [write_greedily(model, ids, [], room) for ids, room in zip(prompts, rooms, strict=True)]
    ends = [plain[0][4]]  # a token that some rows meet on their way
    expected = [write_greedily(model, ids, ends, room) for ids, room in zip(prompts, rooms, strict=True)]
    assert len({len(ids) for ids in expected}) > 2
    batched = generate_tokens(model, prompts, rooms=rooms, ends=ends, pad=0, settings=GREEDY, seed=0)
    assert batched == expected


def test_every_sample_is_accounted_for_and_sorted(policy):
    samples = sample_completions(policy, PROMPTS, **SETTINGS)
    assert [(s.prompt_id, s.sample_index) for s in samples] == [(p, i) for p in ("p1", "p2", "p3") for i in range(3)]
    for sample in samples:
        assert (sample.finish_reason == "length") == (sample.n_tokens == 12) or sample.n_tokens == 12
        assert "<|end|>" not in sample.text and sample.text == sample.text.strip()


def test_order_of_prompts_does_not_matter_but_the_seed_does(policy):
    samples = sample_completions(policy, PROMPTS, **SETTINGS)
    assert sample_completions(policy, PROMPTS[::-1], **SETTINGS) == samples
    other = sample_completions(policy, PROMPTS, **{**SETTINGS, "seed": 6})
    assert [s.text for s in other] != [s.text for s in samples]
    assert len({s.seed for s in samples}) == 3, "9 rows in batches of 4 draw from 3 seeds"


def test_stopped_it_goes_on_without_drawing_finished_batches_again(policy, tmp_path):
    whole = sample_completions(policy, PROMPTS, **SETTINGS)

    def stop(done, total):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_completions(policy, PROMPTS, **SETTINGS, work=tmp_path, progress=stop)
    finished = sorted(path.name for path in tmp_path.iterdir())
    assert finished == ["samples-000000.jsonl", "samples-000001.jsonl"]
    first = tmp_path / finished[0]
    marked = [{**json.loads(line), "text": "kept"} for line in first.read_text().splitlines()]
    first.write_text("".join(json.dumps(row) + "\n" for row in marked))
    again = sample_completions(policy, PROMPTS, **SETTINGS, work=tmp_path)
    kept = {(row["prompt_id"], row["sample_index"]) for row in marked}
    assert [s.text for s in again] == ["kept" if (s.prompt_id, s.sample_index) in kept else s.text for s in whole]


def test_room_is_what_the_prompt_leaves(policy):
    _, tokenizer = load_policy(policy)
    longest = max(len(encode_prompt(tokenizer, messages)) for _, messages in PROMPTS)
    samples = sample_completions(policy, PROMPTS, **{**SETTINGS, "max_tokens": longest, "greedy": True})
    by_prompt = {s.prompt_id: s for s in samples}
    assert (by_prompt["p3"].text, by_prompt["p3"].n_tokens, by_prompt["p3"].finish_reason) == ("", 0, "length")
    assert by_prompt["p2"].n_tokens > 0


def test_prompt_given_twice_is_refused(policy):
    with pytest.raises(ValueError, match="1 prompts repeat"):
        sample_completions(policy, [PROMPTS[0], PROMPTS[0]], **SETTINGS)


def test_draws_follow_the_distribution():
    counts = draw([0.5, 0.0, 0.3, 0.2], Sampling(1.0, 1.0, 1, greedy=False))
    assert counts[1] == 0
    for token, share in ((0, 0.5), (2, 0.3), (3, 0.2)):
        assert counts[token] / 4000 == pytest.approx(share, abs=0.03)  # four standard deviations


def test_top_p_keeps_the_fewest_that_reach_it():
    assert set(draw([0.3, 0.5, 0.2], Sampling(1.0, 0.8, 1, greedy=False))) == {0, 1}
    assert set(draw([0.3, 0.5, 0.2], Sampling(1.0, 0.81, 1, greedy=False))) == {0, 1, 2}
    assert set(draw([0.3, 0.5, 0.2], Sampling(1.0, 0.1, 1, greedy=False))) == {1}


def test_temperature_sharpens_by_its_inverse_power():
    counts = draw([0.8, 0.2], Sampling(0.5, 1.0, 1, greedy=False))
    assert counts[0] / 4000 == pytest.approx(0.64 / 0.68, abs=0.015)


def test_ends_are_those_of_tokenizer_and_model(policy):
    model, tokenizer = load_policy(policy)
    assert model.generation_config is not None
    model.generation_config.eos_token_id = [7, tokenizer.eos_token_id]
    assert end_token_ids(tokenizer, model) == sorted([7, tokenizer.eos_token_id])
