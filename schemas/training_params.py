"""Mirrors the sections of params.yaml that say what is learnt: the start, SFT, sampling, reward model, policy."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.sections import AtLeastOne, Count, Positive, Section, Share


class Pretrain(Section):
    """Pre-training of the small model of a cold start."""

    steps: AtLeastOne
    batch_tokens: AtLeastOne
    learning_rate: Positive
    matrix_learning_rate: Positive
    checkpoint_steps: AtLeastOne


class Start(Section):
    """Where the first policy comes from."""

    model: str | None
    vocabulary_tokens: AtLeastOne
    hidden_size: AtLeastOne
    layers: AtLeastOne
    attention_heads: AtLeastOne
    max_tokens: AtLeastOne
    pretrain: Pretrain


class Sft(Section):
    """Supervised fine-tuning on demonstrations."""

    epochs: Positive
    batch_rows: AtLeastOne
    device_rows: AtLeastOne
    learning_rate: Positive
    kept_checkpoints: AtLeastOne


class SftStage(Sft):
    """The stage `sft`: on the demonstrations of this turn, or of all turns."""

    turns: Literal["this", "all"]


class Sampling(Section):
    """How completions are drawn from a policy."""

    temperature: Positive
    top_p: Share
    max_new_tokens: AtLeastOne
    batch_rows: AtLeastOne


class RewardModel(Section):
    """Training of the reward model, and scoring with it."""

    epochs: Positive
    past_prompts: Count | None
    batch_prompts: AtLeastOne
    learning_rate: Positive
    warmup_share: Share
    weight_decay: Annotated[float, Field(ge=0)]
    max_gradient_norm: Positive
    margin_scale: Annotated[float, Field(ge=0)]
    checkpoint_steps: AtLeastOne
    score_batch_rows: AtLeastOne


class SelectCheckpoint(Section):
    """Which SFT checkpoint the policy starts from: the best by mean reward on validation prompts."""

    n_samples: AtLeastOne
    sampling: Sampling


class BestOfN(Section):
    """Fine-tuning on the best of n samples by reward, with the labelers' top-ranked answers."""

    n: AtLeastOne
    kept_share: Share
    labelers_best: bool
    sampling: Sampling
    fine_tune: Sft


class Rloo(Section):
    """REINFORCE leave-one-out: each sample's baseline is the mean reward of its siblings."""

    steps: AtLeastOne
    batch_prompts: AtLeastOne
    generations: Annotated[int, Field(ge=2)]
    learning_rate: Positive
    warmup_share: Share
    max_gradient_norm: Positive
    kl_beta: Annotated[float, Field(ge=0)]
    clip: Positive
    missing_end_penalty: Annotated[float, Field(ge=0)]
    temperature: Positive
    top_p: Share
    max_new_tokens: AtLeastOne
    checkpoint_steps: AtLeastOne


class Dpo(Section):
    """Direct preference optimisation."""

    epochs: Positive
    batch_pairs: AtLeastOne
    pairs_per_prompt: AtLeastOne
    learning_rate: Positive
    warmup_share: Share
    max_gradient_norm: Positive
    kl_beta: Positive
    checkpoint_steps: AtLeastOne


class Policy(Section):
    """How the policy is improved."""

    method: Literal["best_of_n", "rloo", "dpo"]
    select_checkpoint: SelectCheckpoint
    best_of_n: BestOfN
    rloo: Rloo
    dpo: Dpo
