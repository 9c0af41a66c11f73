"""Turns groups of ranked completions into token ids, and their rewards into the loss of the reward model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from schemas.ids import candidate_id, pair_id
from training.examples import Group, Pair
from training.tokenizer import encode_example

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class EncodedGroup:
    """A prompt's completions as token ids (prompt included), the preferences among them, and both by id."""

    sequences: list[list[int]]
    pairs: list[Pair]
    candidate_ids: list[str]
    pair_ids: list[str]


def encode_groups(
    tokenizer: "PreTrainedTokenizerBase", groups: Sequence[Group], max_tokens: int
) -> tuple[list[EncodedGroup], list[str]]:
    """Groups as token ids, sorted by prompt id, and the sorted ids of pairs left out as longer than `max_tokens`.

    Completions in no remaining pair are left out too, and so are groups without pairs.
    """
    kept: list[EncodedGroup] = []
    skipped: list[str] = []
    for group in sorted(groups, key=lambda group: group.prompt_id):
        judged = sorted({index for pair in group.pairs for index in (pair.chosen, pair.rejected)})
        ids = {index: candidate_id(group.prompt_id, group.completions[index]) for index in judged}
        encoded = {index: encode_example(tokenizer, group.messages, group.completions[index])[0] for index in judged}
        names = [pair_id(group.prompt_id, ids[pair.chosen], ids[pair.rejected]) for pair in group.pairs]
        fits = [max(len(encoded[pair.chosen]), len(encoded[pair.rejected])) <= max_tokens for pair in group.pairs]
        skipped += [name for name, fit in zip(names, fits, strict=True) if not fit]
        pairs = [pair for pair, fit in zip(group.pairs, fits, strict=True) if fit]
        used = sorted({index for pair in pairs for index in (pair.chosen, pair.rejected)})
        if not pairs:
            continue
        place = {index: position for position, index in enumerate(used)}
        kept.append(
            EncodedGroup(
                [encoded[index] for index in used],
                [Pair(place[pair.chosen], place[pair.rejected], pair.weight, pair.margin) for pair in pairs],
                [ids[index] for index in used],
                [name for name, fit in zip(names, fits, strict=True) if fit],
            )
        )
    return kept, sorted(skipped)


def pairwise_loss(
    rewards: "torch.Tensor", sizes: Sequence[int], pairs: Sequence[Sequence[Pair]], margin_scale: float
) -> "torch.Tensor":
    """Mean over prompts of the mean over a prompt's pairs of -weight * log sigmoid(r_chosen - r_rejected - margin).

    Equation 1 of Ouyang et al. 2022 when all weights are 1; a smaller weight makes a pair count less, also against the
    other prompts. The margin, scaled, is that of Touvron et al. 2023 (Llama 2, equation 2).

    Args:
        rewards: [sum of sizes], prompt after prompt.
        sizes: how many completions each prompt has.
        pairs: each prompt's pairs, at least one, with indices into its own completions.
    """
    import torch

    chosen, rejected, factors, margins = [], [], [], []
    offset = 0
    for size, judged in zip(sizes, pairs, strict=True):
        for pair in judged:
            chosen.append(offset + pair.chosen)
            rejected.append(offset + pair.rejected)
            factors.append(pair.weight / (len(judged) * len(sizes)))
            margins.append(margin_scale * pair.margin)
        offset += size
    difference = rewards[chosen] - rewards[rejected] - rewards.new_tensor(margins)
    return -(rewards.new_tensor(factors) * torch.nn.functional.logsigmoid(difference)).sum()


def explain_no_pair(groups: Sequence[Group], max_tokens: int) -> str:
    """Why there is no pair to train on, and the mend."""
    if not any(group.pairs for group in groups):
        return (
            "no preference of a train prompt is kept: see rankings.labelers, metrics/rankings.json, `flywheel dropped`"
        )
    return f"no pair of {len(groups)} prompts fits into start.max_tokens ({max_tokens}): raise it"
