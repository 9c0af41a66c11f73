"""Turns plain texts into a small Llama policy with a tokenizer of its own: the cold start."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UserError
from schemas.training_params import Start
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
POOLED_ROWS = 1024


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

    Each row is one text closed by the end token, as the policy will meet texts later: packing them end to end
    learnt clearly less from as many tokens, and so did fewer, larger batches. Matrices inside layers are trained by
    Muon (Jordan et al. 2024), embeddings and norms by AdamW.
    Every `checkpoint_steps` the state goes to `work`; called again with the same `work` it goes on from there
    and ends in the same bytes.

    Raises:
        UserError: all texts are empty.
    """
    import torch

    settings = params.pretrain
    tokenizer = train_tokenizer(texts, vocabulary_tokens=params.vocabulary_tokens, max_tokens=params.max_tokens)
    rows = encode_documents(tokenizer, texts, params.max_tokens)
    batches = plan_documents(
        [len(ids) for ids in rows], batch_tokens=settings.batch_tokens, steps=settings.steps, seed=seed
    )

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
        next_token_loss(model, [rows[index] for index in batches[step]]).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if (step + 1) % settings.checkpoint_steps == 0 and step + 1 < settings.steps:
            states = [optimizer.state_dict() for optimizer in optimizers]
            save_checkpoint({"step": step + 1, "model": model.state_dict(), "optimizers": states}, work / "pretrain.pt")
        progress(step + 1, settings.steps)
    return save_model(model, tokenizer, out)


def encode_documents(tokenizer: "PreTrainedTokenizerBase", texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text, closed by the end token; long ones are cut into several rows.

    Empty texts, and a last piece of one token, have nothing to predict and give no row.
    """
    end = tokenizer.eos_token_id
    assert isinstance(end, int)
    documents = [ids if ids[-1:] == [end] else [*ids, end] for ids in encode_texts(tokenizer, texts)]
    pieces = [ids[start : start + max_tokens] for ids in documents for start in range(0, len(ids), max_tokens)]
    rows = [piece for piece in pieces if len(piece) > 1]
    if not rows:
        raise UserError(f"pre-training needs texts: all {len(texts)} of those given are empty")
    return rows


def plan_documents(lengths: Sequence[int], *, batch_tokens: int, steps: int, seed: int) -> list[list[int]]:
    """Indices of rows for each of `steps` batches, which hold at most `batch_tokens` tokens with their padding.

    Rows come in an order drawn anew each epoch; within a pool of some thousand, rows of like length go together.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    batches: list[list[int]] = []
    left_over: list[int] = []
    while len(batches) < steps:
        order = torch.randperm(len(lengths), generator=generator).tolist()
        for start in range(0, len(order), POOLED_ROWS):
            pool = sorted(left_over + order[start : start + POOLED_ROWS], key=lambda row: lengths[row])
            cut = _cut_batches(pool, lengths, batch_tokens)
            left_over = cut.pop() if len(pool) < 2 * POOLED_ROWS else []
            batches += [cut[index] for index in torch.randperm(len(cut), generator=generator).tolist()]
    return batches[:steps]


def _cut_batches(pool: Sequence[int], lengths: Sequence[int], batch_tokens: int) -> list[list[int]]:
    """Runs of rows sorted by length, each as long as its padded size allows; a row too long by itself is one."""
    batches: list[list[int]] = [[]]
    for row in pool:
        if batches[-1] and (len(batches[-1]) + 1) * lengths[row] > batch_tokens:
            batches.append([])
        batches[-1].append(row)
    return batches


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


def next_token_loss(model: Any, rows: Sequence[Sequence[int]]) -> "torch.Tensor":
    """Mean cross-entropy in nats of each token given those before it in its row of ids."""
    import torch

    width = max(len(row) for row in rows)
    # Padding comes last, where no real token looks, so no attention mask is needed.
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=model.device)
    real = torch.arange(1, width)[None] < torch.tensor([len(row) for row in rows])[:, None]
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
    chosen = real.to(model.device)
    return linear_cross_entropy(hidden[chosen], model.lm_head.weight, ids[:, 1:][chosen])


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

    from training.muon import BatchedMuon

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    inside = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in inside]
    optimizers: list[Any] = [
        BatchedMuon(matrices, lr=matrix_learning_rate, momentum=MUON_MOMENTUM, weight_decay=WEIGHT_DECAY),
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
