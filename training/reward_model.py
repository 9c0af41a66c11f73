"""Turns ranked completions into a reward model, and prompts with completions into rewards.

A reward model is a sequence classifier with one label on the policy's own architecture. Its reward is read at the
last token and shifted by `config.reward_shift`, so that the completions it was trained on have mean reward 0 (Ouyang
et al. 2022, section 3.5: the loss does not see a constant, the policy methods do).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from schemas.training_params import RewardModel
from training import Progress, ignore_progress
from training.batches import plan_batches
from training.examples import Group, Message
from training.models import choose_device, load_tokenizer, model_digest, save_model, write_lineage
from training.pairwise import EncodedGroup, encode_groups, explain_no_pair, pairwise_loss
from training.tokenizer import encode_example

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STATE = "reward_model.pt"


@dataclass(frozen=True)
class RewardModelResult:
    """What came out of training.

    Row ids are pair ids; a skipped pair has a completion longer than `max_tokens` with its prompt. `rewards` holds the
    trained model's reward of every completion it was trained on, by candidate id. `losses` has one value a step.
    """

    model_md5: str
    trained_row_ids: list[str]
    skipped_row_ids: list[str]
    losses: list[float]
    rewards: dict[str, float]


def train_reward_model(
    start: Path,
    groups: Sequence[Group],
    *,
    params: RewardModel,
    max_tokens: int,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> RewardModelResult:
    """Train a reward model from a policy's directory, or go on training one from a reward model's.

    Each prompt's pairs are in one batch and each completion runs through the model once. Killed and called again with
    the same `work`, it goes on from the last saved step and ends with the same bytes.

    Raises:
        UserError: no pair is left to train on.
    """
    import torch

    tokenizer = load_tokenizer(start)
    kept, skipped = encode_groups(tokenizer, groups, max_tokens)
    if not kept:
        raise UserError(f"reward model: {explain_no_pair(groups, max_tokens)}")
    torch.manual_seed(seed)
    model = load_reward_model(start, tokenizer)
    losses = _fit(model, kept, params, seed, work, progress)
    rewards = _recentre(model, kept, params.score_batch_rows)
    md5 = save_model(model, tokenizer, out)
    trained = [row for group in kept for row in group.pair_ids]
    write_lineage(
        out, kind="reward_model", rows=trained, parent=model_digest(start), reference=None,
        params={**params.model_dump(), "max_tokens": max_tokens}, seed=seed, threads=torch.get_num_threads(),
    )  # fmt: skip
    return RewardModelResult(md5, sorted(trained), skipped, losses, rewards)


def load_reward_model(source: Path, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    """A reward model from its directory, or a new one on a policy's weights; in float32, and never with dropout.

    A new head is drawn with standard deviation 1 / sqrt(d + 1) (Stiennon et al. 2020), so seed torch first.

    Raises:
        UserError: the architecture has no `score` head (only decoders are supported).
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(str(source), num_labels=1, dtype=torch.float32)
    if not isinstance(getattr(model, "score", None), torch.nn.Linear):
        raise UserError(f"{source}: {type(model).__name__} has no linear `score` head: take a decoder-only model")
    if not is_reward_model(AutoConfig.from_pretrained(str(source))):
        torch.nn.init.normal_(model.score.weight, std=1 / math.sqrt(model.score.in_features + 1))
        model.config.reward_shift = 0.0
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return model.to(choose_device()).eval()


def is_reward_model(config: Any) -> bool:
    """Whether a model's config says that it is a reward model, not a policy."""
    return any(name.endswith("ForSequenceClassification") for name in config.architectures or [])


def compute_rewards(model: "PreTrainedModel", sequences: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Rewards [n] of token sequences, before the shift, read at each one's last token.

    Padded on the right and without an attention mask: a causal model's last real token sees no padding, and attention
    without a mask is the faster kernel.
    """
    import torch

    longest = max(len(sequence) for sequence in sequences)
    pad = model.config.get_text_config().pad_token_id
    ids = torch.tensor([[*sequence, *[pad] * (longest - len(sequence))] for sequence in sequences], device=model.device)
    last = torch.tensor([len(sequence) - 1 for sequence in sequences], device=model.device)
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    head: Any = model.score
    return head(hidden[torch.arange(len(sequences), device=model.device), last]).squeeze(-1)


def score_completions(
    source: Path,
    items: Sequence[tuple[Sequence[Message], Sequence[Message]]],
    *,
    batch_rows: int,
    max_tokens: int,
    progress: Progress = ignore_progress,
) -> list[float]:
    """Reward of each (prompt messages, completion messages), in the order given.

    Of a conversation longer than `max_tokens` the last `max_tokens` are read: the completion counts, its end above
    all.
    """
    tokenizer = load_tokenizer(source)
    model = load_reward_model(source, tokenizer)
    return score_with(model, tokenizer, items, batch_rows=batch_rows, max_tokens=max_tokens, progress=progress)


def score_with(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    items: Sequence[tuple[Sequence[Message], Sequence[Message]]],
    *,
    batch_rows: int,
    max_tokens: int,
    progress: Progress = ignore_progress,
) -> list[float]:
    """As `score_completions`, with a reward model that is already loaded."""
    sequences = [encode_example(tokenizer, prompt, completion)[0][-max_tokens:] for prompt, completion in items]
    shift = model.config.reward_shift
    return [raw + shift for raw in _score_sequences(model, sequences, batch_rows, progress)]


def _score_sequences(
    model: "PreTrainedModel", sequences: Sequence[list[int]], batch_rows: int, progress: Progress = ignore_progress
) -> list[float]:
    """Rewards before the shift; batches are cut from the sorted sequences, so the order given changes no bit."""
    import torch

    order = sorted(range(len(sequences)), key=lambda index: (len(sequences[index]), sequences[index]))
    rewards = [0.0] * len(sequences)
    with torch.no_grad():
        for begin in range(0, len(order), batch_rows):
            rows = order[begin : begin + batch_rows]
            scored = compute_rewards(model, [sequences[row] for row in rows]).tolist()
            for row, reward in zip(rows, scored, strict=True):
                rewards[row] = reward
            progress(min(begin + batch_rows, len(order)), len(order))
    return rewards


def _fit(
    model: "PreTrainedModel", groups: list[EncodedGroup], params: RewardModel, seed: int, work: Path, progress: Progress
) -> list[float]:
    """Train in place with AdamW, linear warm-up and linear decay to 0; returns the loss of each step."""
    import torch

    lengths = [max(map(len, group.sequences)) for group in groups]
    n_rows = max(1, round(params.epochs * len(groups)))
    plan = plan_batches(lengths, batch_rows=params.batch_prompts, n_rows=n_rows, seed=seed)
    steps = len(plan)
    optimizer = torch.optim.AdamW(model.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    losses = _load_state(model, optimizer, work)
    for step in range(len(losses), steps):
        for setting in optimizer.param_groups:
            setting["lr"] = params.learning_rate * _rate(step, steps, params.warmup_share)
        batch = [groups[index] for index in plan[step]]
        rewards = compute_rewards(model, [sequence for group in batch for sequence in group.sequences])
        sizes = [len(group.sequences) for group in batch]
        loss = pairwise_loss(rewards, sizes, [group.pairs for group in batch], params.margin_scale)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), params.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if (step + 1) % params.checkpoint_steps == 0 or step + 1 == steps:
            _save_state(model, optimizer, losses, work)
        progress(step + 1, steps)
    return losses


def _rate(step: int, steps: int, warmup_share: float) -> float:
    """Share of the learning rate at `step`: up in a line over the warm-up, then down in a line to 0."""
    warmup = round(steps * warmup_share)
    return (step + 1) / (warmup + 1) if step < warmup else (steps - step) / (steps - warmup)


def _recentre(model: "PreTrainedModel", groups: list[EncodedGroup], batch_rows: int) -> dict[str, float]:
    """Set the shift so that the mean reward of the distinct training completions is 0; returns their rewards by id."""
    sequences = {
        name: sequence for group in groups for name, sequence in zip(group.candidate_ids, group.sequences, strict=True)
    }
    names = sorted(sequences)
    raw = _score_sequences(model, [sequences[name] for name in names], batch_rows)
    shift = -math.fsum(raw) / len(raw)
    model.config.reward_shift = shift
    return {name: reward + shift for name, reward in zip(names, raw, strict=True)}


def _save_state(model: "PreTrainedModel", optimizer: Any, losses: list[float], work: Path) -> None:
    """Keep what training needs to go on, whole or not at all."""
    import torch

    work.mkdir(parents=True, exist_ok=True)
    part = work / (STATE + ".part")
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "losses": losses}, part)
    part.replace(work / STATE)


def _load_state(model: "PreTrainedModel", optimizer: Any, work: Path) -> list[float]:
    """Bring back the saved state, if there is one; returns the losses of the steps done."""
    import torch

    if not (work / STATE).exists():
        return []
    state = torch.load(work / STATE, weights_only=True, map_location=model.device)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return list(state["losses"])
