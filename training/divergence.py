"""Turns a policy's own samples into its distance from another policy, in nats."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import Progress, ignore_progress
from training.examples import Sample
from training.improvement import Prompt
from training.models import choose_device, load_policy
from training.tokenizer import encode_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class Divergence:
    """KL(policy || reference) in nats a completion: a mean over samples, with its standard error (NaN below two)."""

    nats: float
    standard_error: float
    n: int


def mean_sequence_kl(
    policy: Path,
    reference: Path,
    prompts: Sequence[Prompt],
    samples: Sequence[Sample],
    *,
    batch_rows: int,
    progress: Progress = ignore_progress,
) -> Divergence:
    """Monte Carlo estimate of KL(policy || reference): mean of log p_policy(y) - log p_reference(y) over `samples` y.

    Unbiased when these were drawn from `policy` at temperature 1 and top_p 1; not below 0 in expectation, but a single
    estimate can be. It reads the drawn tokens: tokenizing the text anew gave estimates far below 0.

    Raises:
        ValueError: the two policies have different vocabularies.
    """
    ours, tokenizer = load_policy(policy)
    theirs, other = load_policy(reference)
    if tokenizer.get_vocab() != other.get_vocab():
        raise ValueError(f"no KL between {policy} and {reference}: their vocabularies differ")
    encoded = {prompt_id: encode_prompt(tokenizer, messages) for prompt_id, messages in prompts}
    written = [sample for sample in samples if sample.n_tokens]
    n = len(written)
    first = _log_probabilities(ours, encoded, written, batch_rows, lambda done, _: progress(done, 2 * n))
    second = _log_probabilities(theirs, encoded, written, batch_rows, lambda done, _: progress(n + done, 2 * n))
    return estimate_mean([a - b for a, b in zip(first, second, strict=True)])


def estimate_mean(values: Sequence[float]) -> Divergence:
    """Mean of log ratios and its standard error, sqrt(variance / n)."""
    n = len(values)
    mean = math.fsum(values) / n if n else math.nan
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n) if n > 1 else math.nan
    return Divergence(mean, error, n)


def sequence_log_probabilities(
    model: "PreTrainedModel", rows: Sequence[tuple[list[int], list[int]]], batch_rows: int, progress: Progress
) -> list[float]:
    """Log probability of the masked tokens of each (ids, mask), given all before them; in nats, in the order given."""
    import torch

    order = sorted(range(len(rows)), key=lambda index: (len(rows[index][0]), rows[index]))
    sums = [0.0] * len(rows)
    pad = model.config.get_text_config().pad_token_id or 0
    with torch.no_grad():
        for begin in range(0, len(order), batch_rows):
            batch = order[begin : begin + batch_rows]
            width = max(len(rows[index][0]) for index in batch)
            ids = torch.tensor([rows[index][0] + [pad] * (width - len(rows[index][0])) for index in batch])
            mask = torch.tensor([rows[index][1] + [0] * (width - len(rows[index][1])) for index in batch])
            ids, mask = ids.to(model.device), mask.to(model.device)
            # Padded on the right, a causal model needs no attention mask.
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1].float()
            chosen = logits.gather(-1, ids[:, 1:, None])[..., 0] - logits.logsumexp(-1)
            for index, value in zip(batch, (chosen.double() * mask[:, 1:]).sum(-1).tolist(), strict=True):
                sums[index] = value
            progress(min(begin + batch_rows, len(order)), len(order))
    return sums


def _log_probabilities(
    model: "PreTrainedModel",
    prompts: Mapping[str, list[int]],
    samples: Sequence[Sample],
    batch_rows: int,
    progress: Progress,
) -> list[float]:
    rows = [
        (prompts[sample.prompt_id] + sample.token_ids, [0] * len(prompts[sample.prompt_id]) + [1] * sample.n_tokens)
        for sample in samples
    ]
    device: Any = choose_device()
    return sequence_log_probabilities(model.to(device), rows, batch_rows, progress)
