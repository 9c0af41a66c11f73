"""Turns prompts into completions that a policy writes: batched, cached, resumable, the same for a seed."""

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from training import Progress, ignore_progress
from training.cache import build_cache
from training.examples import FinishReason, Message, Sample
from training.models import choose_device, load_policy
from training.tokenizer import decode_completion, encode_prompt, end_token_ids

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

COMPACT_SHARE = 0.8
"""Rows that have ended are taken out of the cache once no more than this share of it is still being written."""


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn from the policy's distribution."""

    temperature: float
    top_p: float
    max_new_tokens: int
    greedy: bool


class _Row(NamedTuple):
    ids: list[int]
    prompt_id: str
    sample_index: int


def sample_completions(
    source: Path,
    prompts: Sequence[tuple[str, Sequence[Message]]],
    *,
    n: int,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    batch_rows: int,
    max_tokens: int,
    seed: int,
    greedy: bool = False,
    work: Path | None = None,
    progress: Progress = ignore_progress,
) -> list[Sample]:
    """`n` completions of each (prompt_id, messages) by the policy at `source`, sorted by (prompt_id, sample_index).

    A completion ends with an end token ("stop"), or after `max_new_tokens`, or where prompt and completion reach
    `max_tokens` together ("length"); a prompt that leaves no room gives empty ones of 0 tokens. Each batch draws
    from a seed of its own, and goes whole to `work` when done: a later call with the same arguments reads it.

    Raises:
        ValueError: two prompts share an id.
    """
    repeated = len(prompts) - len({prompt_id for prompt_id, _ in prompts})
    if repeated:
        raise ValueError(f"{repeated} prompts repeat the id of another: give each prompt once, and `n`")
    model, tokenizer = load_policy(source)
    model = place_for_sampling(model)
    rows = [
        _Row(ids, prompt_id, index)
        for prompt_id, messages in prompts
        for ids in [encode_prompt(tokenizer, messages)]
        for index in range(n)
    ]
    rows.sort(key=lambda row: (len(row.ids), row.prompt_id, row.sample_index))
    settings = Sampling(temperature, top_p, max_new_tokens, greedy)
    samples: list[Sample] = []
    for number, start in enumerate(range(0, len(rows), batch_rows)):
        batch = rows[start : start + batch_rows]
        kept = None if work is None else work / f"samples-{number:06d}.jsonl"
        if kept is not None and kept.exists():
            samples += [Sample(**json.loads(line)) for line in kept.read_text(encoding="utf-8").splitlines()]
        else:
            written = _sample_batch(model, tokenizer, batch, settings, max_tokens, _seed_batch(seed, number))
            if kept is not None:
                _keep_samples(written, kept)
            samples += written
        progress(min(start + batch_rows, len(rows)), len(rows))
    return sorted(samples, key=lambda sample: (sample.prompt_id, sample.sample_index))


def place_for_sampling(model: Any) -> "PreTrainedModel":
    """The model where it samples fastest: in bfloat16 on an accelerator, as it is on a CPU."""
    import torch

    device = choose_device()
    return model.to(device) if device.type == "cpu" else model.to(device, torch.bfloat16)


def generate_tokens(
    model: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    *,
    rooms: Sequence[int],
    ends: Sequence[int],
    pad: int,
    settings: Sampling,
    seed: int,
) -> list[list[int]]:
    """New token ids for each prompt, at most `rooms[i]` of them, the end token last where one was drawn.

    Equal neighbours among `prompts` are read once. The cache of keys and values loses the rows that have ended.
    """
    import torch

    distinct, of_row = _fold_neighbours(prompts)
    with torch.inference_mode():
        logits, cache, mask = _read_prompts(model, distinct, pad, max(rooms))
        select = torch.tensor(of_row, device=model.device)
        cache.batch_select_indices(select)
        logits, mask = logits[select], mask[select]
        generator = torch.Generator(model.device).manual_seed(seed)
        stops = torch.tensor(list(ends), device=model.device)
        limits = torch.tensor(list(rooms), device=model.device)
        rows = torch.arange(len(prompts), device=model.device)  # which prompt each row of the cache is
        alive = torch.ones(len(prompts), dtype=torch.bool, device=model.device)
        drawn = torch.full((len(prompts), max(rooms)), pad, device=model.device)
        lengths = torch.zeros(len(prompts), dtype=torch.long, device=model.device)
        for step in range(max(rooms)):
            tokens = draw_tokens(logits, settings, generator)
            drawn[rows[alive], step] = tokens[alive]
            lengths[rows[alive]] = step + 1
            alive &= ~torch.isin(tokens, stops) & (limits[rows] > step + 1)
            n_alive = int(alive.sum())
            if n_alive == 0:
                break
            if n_alive <= COMPACT_SHARE * len(rows):
                cache.batch_select_indices(alive.nonzero()[:, 0])
                rows, tokens, mask = rows[alive], tokens[alive], mask[alive]
                alive = alive[alive]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
            logits = _run_model(model, tokens[:, None], mask, cache)
    return [row[:length] for row, length in zip(drawn.tolist(), lengths.tolist(), strict=True)]


def draw_tokens(logits: "torch.Tensor", settings: Sampling, generator: "torch.Generator") -> "torch.Tensor":
    """One token id a row of `logits` (rows x vocabulary), by inverting the cumulative distribution.

    Top-p keeps the fewest tokens whose probabilities reach `top_p` (Holtzman et al. 2020). A token of
    probability zero is never drawn: the cumulative sum in float64 first exceeds the draw at one above zero.
    """
    import torch

    if settings.greedy:
        return logits.argmax(-1)
    probabilities = torch.softmax(logits.float() / settings.temperature, dim=-1)
    if settings.top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        ordered = ordered.masked_fill(ordered.cumsum(-1) - ordered >= settings.top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter_(-1, order, ordered)
    cumulative = probabilities.cumsum(-1, dtype=torch.float64)
    draws = torch.rand(len(logits), 1, dtype=torch.float64, device=logits.device, generator=generator)
    return torch.searchsorted(cumulative, draws * cumulative[:, -1:], right=True)[:, 0]


def _sample_batch(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    rows: Sequence[_Row],
    settings: Sampling,
    max_tokens: int,
    seed: int,
) -> list[Sample]:
    rooms = [min(settings.max_new_tokens, max_tokens - len(row.ids)) for row in rows]
    roomy = [index for index, room in enumerate(rooms) if room > 0]
    ends = end_token_ids(tokenizer, model)
    written: list[list[int]] = [[] for _ in rows]
    if roomy:
        pad = tokenizer.pad_token_id
        assert isinstance(pad, int)
        generated = generate_tokens(
            model,
            [rows[index].ids for index in roomy],
            rooms=[rooms[index] for index in roomy],
            ends=ends,
            pad=pad,
            settings=settings,
            seed=seed,
        )
        for index, ids in zip(roomy, generated, strict=True):
            written[index] = ids
    samples = []
    for row, ids in zip(rows, written, strict=True):
        reason: FinishReason = "stop" if ids and ids[-1] in ends else "length"
        text = decode_completion(tokenizer, ids)
        samples.append(Sample(row.prompt_id, row.sample_index, text, reason, len(ids), seed, list(ids)))
    return samples


def _fold_neighbours(prompts: Sequence[Sequence[int]]) -> tuple[list[Sequence[int]], list[int]]:
    """Runs of equal prompts, once each, and for every prompt the index of its run."""
    distinct: list[Sequence[int]] = []
    of_row: list[int] = []
    for ids in prompts:
        if not distinct or list(distinct[-1]) != list(ids):
            distinct.append(ids)
        of_row.append(len(distinct) - 1)
    return distinct, of_row


def _read_prompts(
    model: "PreTrainedModel", prompts: Sequence[Sequence[int]], pad: int, room: int
) -> tuple["torch.Tensor", Any, "torch.Tensor"]:
    """Logits after each prompt (left padded), the cache of their keys and values, and the attention mask."""
    import torch

    width = max(len(ids) for ids in prompts)
    padded = [[pad] * (width - len(ids)) + list(ids) for ids in prompts]
    mask = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    attention = torch.tensor(mask, device=model.device)
    cache = build_cache(model, capacity=width + room)
    return _run_model(model, torch.tensor(padded, device=model.device), attention, cache), cache, attention


def _run_model(model: "PreTrainedModel", ids: "torch.Tensor", mask: "torch.Tensor", cache: Any) -> "torch.Tensor":
    """Logits after the last of `ids`; positions count from the first token that is not padding."""
    accepted = inspect.signature(model.forward).parameters
    extra: dict[str, Any] = {}
    if "position_ids" in accepted:
        extra["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    if "logits_to_keep" in accepted:
        extra["logits_to_keep"] = 1
    output = model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **extra)
    return output.logits[:, -1]


def _seed_batch(seed: int, number: int) -> int:
    """A seed of 48 bits for a batch, unrelated to those of other batches and seeds."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=6).digest())


def _keep_samples(samples: Sequence[Sample], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(asdict(sample), ensure_ascii=True) + "\n" for sample in samples)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.write_text(lines, encoding="utf-8")
    unfinished.replace(path)
