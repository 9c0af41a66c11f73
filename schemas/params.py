"""Mirrors params.yaml as frozen models: unknown keys are refused by name, and no default lives here."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from schemas.curation_params import CurateDemonstrations, CuratePreferences, NearDuplicates, Prompts, Splits
from schemas.errors import UserError
from schemas.sections import AtLeastOne, Count, Section, Share
from schemas.training_params import Policy, RewardModel, Sampling, SftStage, Start


class ParamsError(UserError):
    """params.yaml is not what its mirror says; the message names the key and the mend."""


class Turn(Section):
    """Which turn this is and the full commit id of the turn it goes on from (null: a cold start)."""

    number: AtLeastOne
    parent: str | None


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


class Demonstrations(Section):
    """Who writes demonstrations."""

    teachers: list[Literal["sandbox", "imports"]]
    score_batch_rows: AtLeastOne


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
