"""Turns plain texts into a small Llama policy with a tokenizer of its own: the cold start."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.params import Start
from training import Progress, ignore_progress
from training.models import choose_device, load_checkpoint, save_checkpoint, save_model
from training.tokenizer import encode_texts, train_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

WARM_UP_SHARE = 0.02
WEIGHT_DECAY = 0.1
ADAM_BETAS = (0.9, 0.95)
MUON_MOMENTUM = 0.95


def pretrain_policy(
    texts: Sequence[str],
    *,
    params: Start,
    seed: int,
    out: Path,
    work: Path,
    progress: Progress = ignore_progress,
) -> str:
    """Train tokenizer and policy from scratch and write both to `out`; returns the md5 of the weights.

    Texts are packed end to end, each closed by the end token, into rows of `params.pretrain.row_tokens`.
    Matrices inside layers are trained by Muon (Jordan et al. 2024), embeddings and norms by AdamW.
    Every `checkpoint_steps` the state goes to `work`; called again with the same `work` it goes on from there
    and ends in the same bytes.

    Raises:
        ValueError: the texts are too few to fill one row.
    """
    import torch

    settings = params.pretrain
    tokenizer = train_tokenizer(texts, vocabulary_tokens=params.vocabulary_tokens, max_tokens=params.max_tokens)
    tokens = pack_texts(
        tokenizer, texts, n_tokens=settings.steps * settings.batch_rows * settings.row_tokens, seed=seed
    )
    batches = tokens.view(settings.steps, settings.batch_rows, settings.row_tokens)

    torch.manual_seed(seed)
    model = build_llama(params, tokenizer).to(choose_device())
    optimizers = _build_optimizers(model, settings.learning_rate, settings.matrix_learning_rate)
    work.mkdir(parents=True, exist_ok=True)
    done = _resume(work / "pretrain.pt", model, optimizers)
    model.train()
    for step in range(done, settings.steps):
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * schedule_learning_rate(step, settings.steps)
        next_token_loss(model, batches[step].to(model.device)).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if (step + 1) % settings.checkpoint_steps == 0 and step + 1 < settings.steps:
            states = [optimizer.state_dict() for optimizer in optimizers]
            save_checkpoint({"step": step + 1, "model": model.state_dict(), "optimizers": states}, work / "pretrain.pt")
        progress(step + 1, settings.steps)
    return save_model(model, tokenizer, out)


def pack_texts(
    tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], *, n_tokens: int, seed: int
) -> "torch.Tensor":
    """`n_tokens` ids: all texts in an order drawn anew each epoch, end to end, each closed by the end token."""
    import torch

    end = tokenizer.eos_token_id
    documents = [ids if ids[-1] == end else [*ids, end] for ids in encode_texts(tokenizer, texts) if ids]
    if not documents:
        raise ValueError("pre-training needs texts: all of those given are empty")
    lengths = torch.tensor([len(ids) for ids in documents])
    flat = torch.tensor([token for ids in documents for token in ids])
    starts = lengths.cumsum(0) - lengths
    generator = torch.Generator().manual_seed(seed)
    epochs = []
    for _ in range(math.ceil(n_tokens / len(flat))):
        order = torch.randperm(len(documents), generator=generator)
        epochs.append(torch.cat([flat[starts[i] : starts[i] + lengths[i]] for i in order.tolist()]))
    return torch.cat(epochs)[:n_tokens]


def build_llama(params: Start, tokenizer: "PreTrainedTokenizerBase") -> Any:
    """A Llama with random weights; its one embedding serves input and output, its MLP is three times as wide."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=params.hidden_size,
        intermediate_size=3 * params.hidden_size,
        num_hidden_layers=params.layers,
        num_attention_heads=params.attention_heads,
        max_position_embeddings=params.max_tokens,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def schedule_learning_rate(step: int, steps: int) -> float:
    """Share of the peak learning rate: linear warm-up, then linear decay to zero (Bergsma et al. 2025)."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return (steps - step) / (steps - warm_up)


def next_token_loss(model: Any, ids: "torch.Tensor") -> "torch.Tensor":
    """Mean cross-entropy in nats of each token given those before it in its row; `ids` is rows x tokens."""
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    return linear_cross_entropy(hidden.flatten(0, 1), model.lm_head.weight, ids[:, 1:].flatten())


def linear_cross_entropy(
    hidden: "torch.Tensor", weight: "torch.Tensor", targets: "torch.Tensor", chunk_rows: int = 512
) -> "torch.Tensor":
    """Mean cross-entropy of softmax(hidden @ weight.T) against targets, a chunk of rows at a time.

    Gradients are computed along with the loss, so logits of a chunk stay in the cache of the processor and are
    never all in memory; the idea is that of Liger's fused linear cross-entropy (Hsu et al. 2024).
    """
    import torch

    class LinearCrossEntropy(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            hidden_gradient = torch.empty_like(hidden)
            weight_gradient = torch.zeros_like(weight)
            total = hidden.new_zeros(())
            for start in range(0, len(targets), chunk_rows):
                rows, wanted = hidden[start : start + chunk_rows], targets[start : start + chunk_rows, None]
                gradient = torch.log_softmax(rows @ weight.T, dim=-1)
                total -= gradient.gather(1, wanted).sum()
                gradient.exp_()
                gradient.scatter_add_(1, wanted, gradient.new_full(wanted.shape, -1.0))
                torch.mm(gradient, weight, out=hidden_gradient[start : start + chunk_rows])
                weight_gradient.addmm_(gradient.T, rows)
            ctx.save_for_backward(hidden_gradient.div_(len(targets)), weight_gradient.div_(len(targets)))
            return total / len(targets)

        @staticmethod
        def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
            hidden_gradient, weight_gradient = ctx.saved_tensors
            return hidden_gradient * upstream, weight_gradient * upstream, None

    return LinearCrossEntropy.apply(hidden, weight, targets)


def _build_optimizers(model: Any, learning_rate: float, matrix_learning_rate: float) -> list[Any]:
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    inside = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in inside]
    optimizers = [
        torch.optim.Muon(
            matrices, lr=matrix_learning_rate, weight_decay=WEIGHT_DECAY, momentum=MUON_MOMENTUM, nesterov=True
        ),
        torch.optim.AdamW(others, lr=learning_rate, betas=ADAM_BETAS, weight_decay=0.0),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _resume(path: Path, model: Any, optimizers: list[Any]) -> int:
    """Load the state saved at `path`, if any; returns the steps done."""
    state = load_checkpoint(path)
    if state is None:
        return 0
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])
