"""Mirrors params.yaml as frozen models: unknown keys are refused by name, and no default lives here."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from schemas.audit import AuditChecks
from schemas.errors import UserError
from schemas.noise_rules import CompletionRules, PromptRules, Rule
from schemas.sections import AtLeastOne, Count, Positive, Section, Share


class ParamsError(UserError):
    """params.yaml is not what its mirror says; the message names the key and the mend."""


class Turn(Section):
    """Which turn this is and the full commit id of the turn it goes on from (null: a cold start)."""

    number: AtLeastOne
    parent: str | None


class Splits(Section):
    """Shares of prompts held out; the rest is train."""

    validation: Share
    benchmark: Share


class Sandbox(Section):
    """The built-in world."""

    seed: int
    splits: Splits
    n_documents: Count
    n_train_prompts: Count
    n_validation_prompts: Count
    n_benchmark_prompts: Count
    junk_share: Share
    duplicate_share: Share
    near_duplicate_share: Share
    form_flaw_share: Share
    content_flaw_share: Share
    n_labelers: AtLeastOne
    labelers_per_prompt: AtLeastOne
    labeler_shares: dict[Literal["skilled", "careless", "contrary", "length_biased", "position_biased"], Share]


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


class NearDuplicates(Section):
    """How near-duplicates are found: Jaccard similarity of word shingles, candidates by MinHash bands."""

    threshold: Annotated[float, Field(gt=0, le=1)]
    column_threshold: Share
    shingle_words: AtLeastOne
    shingle_characters: AtLeastOne
    bands: AtLeastOne
    rows_per_band: AtLeastOne
    seed: int


class NgramOverlap(Rule):
    """Share of a benchmark prompt's word n-grams found in one row; n-grams of more rows are common phrases."""

    n_words: AtLeastOne
    min_ratio: Share
    max_rows: AtLeastOne


class Contamination(Section):
    """How training rows are held against benchmark prompts."""

    benchmark_exact: Rule
    benchmark_near_duplicate: Rule
    benchmark_long_overlap: NgramOverlap
    benchmark_short_overlap: NgramOverlap


class LowReward(Rule):
    """Drops the lowest share by the parent turn's reward model."""

    max_quantile: Share


class DemonstrationRules(CompletionRules):
    """Rules of demonstrations."""

    conflicting_outputs: Rule
    exact_duplicate: Rule
    near_duplicate: Rule
    prompt_dropped: Rule
    held_out_split: Rule
    low_reward: LowReward


class Prompts(Section):
    """Which prompts enter a turn, and how imported ones are split."""

    sources: list[Literal["sandbox", "imports"]]
    splits: Splits
    keep: list[str]
    rules: PromptRules


class Demonstrations(Section):
    """Who writes demonstrations."""

    teachers: list[Literal["sandbox", "imports"]]
    score_batch_rows: AtLeastOne


class CurateDemonstrations(Section):
    """Which demonstrations are kept."""

    keep: list[str]
    rules: DemonstrationRules
    contamination: Contamination


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


class Candidates(Section):
    """What is sampled for labelers."""

    k: Annotated[int, Field(ge=2)]
    policies: list[Literal["sft", "start"]]
    n_prompts: Count | None
    sampling: Sampling
    score_batch_rows: AtLeastOne


class Rankings(Section):
    """Who ranks."""

    labelers: list[Literal["sandbox", "imports"]]


class UnreliableLabeler(Rule):
    """Drops a labeler whose upper confidence bound of reliability is below the limit."""

    min_reliability: Share
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class BiasedLabeler(Rule):
    """Drops a labeler whose lower confidence bound of bias is above one limit and reliability below the other."""

    max_bias: Share
    min_reliability: Share
    confidence: Annotated[float, Field(gt=0.5, lt=1)]


class TiedConsensus(Rule):
    """Drops a pair whose weighted votes do not prefer one side by more than the margin."""

    min_margin: Share


class PreferenceRules(Section):
    """Rules of labelers, comparisons and pairs."""

    unreliable_labeler: UnreliableLabeler
    position_biased_labeler: BiasedLabeler
    length_biased_labeler: BiasedLabeler
    prompt_dropped: Rule
    benchmark_prompt: Rule
    identical_sides: Rule
    empty_side: Rule
    contradictory_pair: Rule
    tied_consensus: TiedConsensus


class Bootstrap(Section):
    """Intervals by drawing whole prompts again."""

    n_samples: AtLeastOne
    confidence: Annotated[float, Field(gt=0, lt=1)]


class Audit(Section):
    """What is asked of each preference; weight: what a pair's is multiplied by for each finding that down-weights."""

    weight: Share
    contamination: Contamination
    checks: AuditChecks


class Consensus(Section):
    """How the votes on a prompt's candidates become one verdict a pair, each vote weighed by its labeler's reliability.

    invented_wins: weight of one win and one loss given to each candidate, so that a model's strengths stay finite.
    """

    method: Literal["weighted_majority", "bradley_terry", "newman", "plackett_luce"]
    invented_wins: Positive


class CuratePreferences(Section):
    """How rankings become preferences; gold labelers are those whose rankings are the truth."""

    gold_labelers: list[str]
    consensus: Consensus
    bootstrap: Bootstrap
    candidate_rules: CompletionRules
    rules: PreferenceRules
    audit: Audit


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


class Evaluate(Section):
    """How the policy is judged."""

    n_samples: AtLeastOne
    sampling: Sampling
    score_batch_rows: AtLeastOne
    tie_tolerance: Annotated[float, Field(ge=0)]
    bootstrap_resamples: AtLeastOne
    confidence: Share
    proxy_bins: AtLeastOne
    best_of: list[AtLeastOne]
    best_of_prompts: Count


class Report(Section):
    """What the report shows of texts: benchmark answers, rows dropped for each reason, how much of each."""

    n_answers: Count
    n_dropped: Count
    max_characters: AtLeastOne
    max_lines: AtLeastOne


class Params(Section):
    """The whole of params.yaml."""

    turn: Turn
    seed: int
    threads: AtLeastOne
    sandbox: Sandbox
    start: Start
    near_duplicates: NearDuplicates
    prompts: Prompts
    demonstrations: Demonstrations
    curate_demonstrations: CurateDemonstrations
    sft: SftStage
    candidates: Candidates
    rankings: Rankings
    curate_preferences: CuratePreferences
    reward_model: RewardModel
    policy: Policy
    evaluate: Evaluate
    report: Report

    @model_validator(mode="after")
    def _imports_bring_their_prompts(self) -> "Params":
        uses = [*self.demonstrations.teachers, *self.rankings.labelers]
        if "imports" in uses and "imports" not in self.prompts.sources:
            raise ValueError("imported demonstrations and rankings need their prompts: add imports to prompts.sources")
        return self


def parse_params(values: Mapping[str, Any], source: str = "params.yaml") -> Params:
    """Check the parsed params.yaml.

    Raises:
        ParamsError: a key is unknown, missing or out of range; one line a fault.
    """
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        faults = [f"{source}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise ParamsError("\n".join(faults)) from error
