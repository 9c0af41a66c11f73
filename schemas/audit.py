"""Mirrors `curate_preferences.audit` of params.yaml: what is asked of each preference, and what a finding does."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.noise_rules import Rule
from schemas.sections import AtLeastOne, Positive, Section, Share

Confidence = Annotated[float, Field(gt=0.5, lt=1)]


class Check(Rule):
    """A check of the audit that is on or off, and what it does with the pairs that it finds."""

    action: Literal["drop", "down_weight", "warn"]


class EchoedPrompt(Check):
    """Side of which so large a share is its prompt's last message; shorter messages are not looked for."""

    sides: list[Literal["chosen", "rejected"]]
    min_ratio: Share
    min_words: AtLeastOne


class NearIdentical(Check):
    """Sides whose word n-grams overlap by so much (Jaccard); sides with fewer words are not judged."""

    min_similarity: Annotated[float, Field(gt=0, le=1)]
    n_words: AtLeastOne
    min_words: AtLeastOne


class RefusalPreferred(Check):
    """Refusal chosen over help, for prompts of the kinds listed; null stands for prompts without a kind."""

    kinds: list[str | None]


class RepeatedDemonstration(Check):
    """Side that is nearly a demonstration, prompt and reply together, by the settings of near-duplicates."""

    sides: Annotated[list[Literal["chosen", "rejected"]], Field(min_length=1)]


class Tied(Check):
    """Pair whose margin is not above this."""

    min_margin: Share


class LowAgreement(Check):
    """Share of votes for the chosen side, ties counted in the whole; pairs with fewer votes are not judged."""

    min_share: Share
    min_votes: AtLeastOne


class Unreliable(Check):
    """Pair that only labelers below this reliability speak for."""

    min_reliability: Share


class Pulled(Check):
    """Pair that only labelers pulled one way speak for: shown so at this confidence, in more than this share."""

    max_share: Annotated[float, Field(ge=0.5, lt=1)]
    confidence: Confidence


class LengthPulled(Pulled):
    """The same for length: sides whose lengths differ by less than this ratio are as long."""

    min_ratio: Annotated[float, Field(ge=1)]


class TooFast(Check):
    """Pair that only votes given faster than anyone reads speak for."""

    max_characters_per_second: Positive


class RewardOutlier(Check):
    """Difference of rewards this many robust standard deviations from the median's; fewer scored pairs judge none."""

    max_deviations: Positive
    min_pairs: AtLeastOne


class RewardOpposed(Check):
    """Pair whose rejected side the reward model holds better, with at least this probability."""

    min_probability: Confidence


class AuditChecks(Section):
    """Checks of the audit; the field's name is the reason in the findings and in the ledger."""

    unknown_candidate: Check
    unknown_prompt: Check
    no_shared_prompt: Check
    empty_side: Check
    empty_turn: Check
    identical_sides: Check
    identical_after_truncation: Check
    over_long: Check
    near_identical_sides: NearIdentical
    formatting_only: Check
    prompt_echoed: EchoedPrompt
    refusal_preferred: RefusalPreferred
    contradictory_pair: Check
    preference_cycle: Check
    duplicate_pair: Check
    repeated_prompt: Check
    repeated_demonstration: RepeatedDemonstration
    tied_votes: Tied
    low_agreement: LowAgreement
    unreliable_labeler: Unreliable
    position_bias: Pulled
    length_bias: LengthPulled
    too_fast: TooFast
    reward_outlier: RewardOutlier
    reward_opposed: RewardOpposed
    benchmark_in_prompt: Check
    benchmark_in_chosen: Check
    benchmark_in_rejected: Check
