"""Mirrors the sections of params.yaml that say what is kept: rules, near-duplicates, contamination, consensus."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.audit import AuditChecks
from schemas.noise_rules import CompletionRules, PromptRules, Rule
from schemas.sections import AtLeastOne, Positive, Section, Share


class Splits(Section):
    """Shares of prompts held out; the rest is train."""

    validation: Share
    benchmark: Share


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


class CurateDemonstrations(Section):
    """Which demonstrations are kept."""

    keep: list[str]
    rules: DemonstrationRules
    contamination: Contamination


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
