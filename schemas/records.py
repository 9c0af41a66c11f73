"""Says what a row must be when it first comes in: records, checked once at ingest, that name themselves and lay
themselves out as rows of their table."""

from datetime import UTC
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas import ids

UNTAKEN_TURN = 0
"""Turn of an event that no turn has taken in yet; the stage that takes it in writes its own number."""


def _refuse_unstorable(text: Any) -> Any:
    """Text that is no Unicode, or that some readers cut at a NUL, is refused under a reason of its own."""
    if isinstance(text, str):
        if "\0" in text:
            raise PydanticCustomError("nul_character", "the text holds a NUL character")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise PydanticCustomError("lone_surrogate", "the text holds half of a surrogate pair") from None
    return text


Text = Annotated[str, BeforeValidator(_refuse_unstorable)]
Name = Annotated[str, BeforeValidator(_refuse_unstorable), StringConstraints(min_length=1)]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class Record(BaseModel):
    """A row as it comes in. Frozen and strict: nothing is coerced, unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    table: ClassVar[str]

    def row(self) -> dict[str, Any]:
        """The record as a row of its table."""
        raise NotImplementedError


class Message(BaseModel):
    """One entry of a conversation; `tool_calls` is JSON text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: Text | None
    name: Text | None = None
    tool_calls: Text | None = None
    tool_call_id: Text | None = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        if self.content is None and self.tool_calls is None:
            raise PydanticCustomError("no_content", "a message has neither content nor tool calls")
        return self

    def row(self) -> dict[str, Any]:
        """The message as a struct of a messages column."""
        return dict(self.__dict__)


class TrainedMessage(Message):
    """A message of a demonstration; only those with `train` count in the loss."""

    train: bool = True


Messages = Annotated[tuple[Message, ...], Field(min_length=1)]


class Prompt(Record):
    """The user side: all messages before the completion."""

    table: ClassVar[str] = "prompts"
    messages: Messages
    tools: Text | None = None
    kind: Text | None = None

    @cached_property
    def prompt_id(self) -> str:
        """Id of the prompt."""
        return ids.prompt_id([m.row() for m in self.messages], self.tools)

    def row(self) -> dict[str, Any]:
        messages = [m.row() for m in self.messages]
        conversation = ids.conversation_id(messages)
        return {
            "prompt_id": self.prompt_id, "messages": messages, "tools": self.tools, "conversation_id": conversation,
            "kind": self.kind,
        }  # fmt: skip


class Demonstration(Record):
    """A prompt with a completion to imitate."""

    table: ClassVar[str] = "demonstrations"
    prompt_id: Id
    completion: Annotated[tuple[TrainedMessage, ...], Field(min_length=1)]
    rationale: Text | None = None

    @cached_property
    def demonstration_id(self) -> str:
        """Id of the demonstration."""
        return ids.demonstration_id(self.prompt_id, [m.row() for m in self.completion], self.rationale)

    def row(self) -> dict[str, Any]:
        return {
            "demonstration_id": self.demonstration_id, "prompt_id": self.prompt_id,
            "completion": [m.row() for m in self.completion], "rationale": self.rationale,
        }  # fmt: skip


class Candidate(Record):
    """A completion put up for judging."""

    table: ClassVar[str] = "candidates"
    prompt_id: Id
    completion: Messages

    @cached_property
    def candidate_id(self) -> str:
        """Id of the candidate."""
        return ids.candidate_id(self.prompt_id, [m.row() for m in self.completion])

    def row(self) -> dict[str, Any]:
        completion = [m.row() for m in self.completion]
        return {"candidate_id": self.candidate_id, "prompt_id": self.prompt_id, "completion": completion}


class Sample(Record):
    """One time a policy wrote a candidate, as far as the source tells."""

    table: ClassVar[str] = "samples"
    candidate_id: Id
    policy: Name
    sample_index: Annotated[int, Field(ge=0)] = 0
    checkpoint: Text | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    finish_reason: Literal["stop", "length"] | None = None
    n_tokens: Annotated[int, Field(ge=0)] | None = None

    def row(self) -> dict[str, Any]:
        return {**dict(self), "turn": UNTAKEN_TURN}


class Tier(BaseModel):
    """Candidates that a labeler ranked alike; `tied` false means that their order was not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    candidate_ids: Annotated[tuple[Id, ...], Field(min_length=1)]
    tied: bool


class Ranking(Record):
    """One labeler's judgement of one prompt's candidates, best tier first; a candidate in no tier is unjudged."""

    table: ClassVar[str] = "rankings"
    prompt_id: Id
    candidate_ids: Annotated[tuple[Id, ...], Field(min_length=1)]
    labeler_id: Name
    tiers: tuple[Tier, ...]
    round: Annotated[int, Field(ge=1)] = 1
    strength: float | None = None
    shown_order: tuple[Id, ...] | None = None
    guideline_id: Id | None = None
    created_at: AwareDatetime | None = None
    seconds: Annotated[float, Field(ge=0)] | None = None
    rationale: Text | None = None
    skip_reason: Text | None = None
    batch: Text | None = None

    @model_validator(mode="after")
    def _check_tiers(self) -> Self:
        ranked = [candidate for tier in self.tiers for candidate in tier.candidate_ids]
        if len(set(ranked)) != len(ranked):
            raise PydanticCustomError("candidate_ranked_twice", "a candidate stands in the ranking twice")
        if not set(ranked) | set(self.shown_order or ()) <= set(self.candidate_ids):
            raise PydanticCustomError("unknown_candidate", "the ranking names a candidate that was not put up")
        return self

    @property
    def task_id(self) -> str:
        """Id of the task: the prompt and the candidates put up."""
        return ids.task_id(self.prompt_id, self.candidate_ids)

    @property
    def ranking_id(self) -> str:
        """Id of the ranking."""
        return ids.ranking_id(self.task_id, self.labeler_id, self.round)

    def row(self) -> dict[str, Any]:
        values = {field: value for field, value in dict(self).items() if field != "candidate_ids"}
        tiers = [{"candidate_ids": sorted(tier.candidate_ids), "tied": tier.tied} for tier in self.tiers]
        shown = None if self.shown_order is None else list(self.shown_order)
        events = {"ranking_id": self.ranking_id, "task_id": self.task_id, "turn": UNTAKEN_TURN}
        created = None if self.created_at is None else self.created_at.astimezone(UTC)
        return {**values, **events, "tiers": tiers, "shown_order": shown, "created_at": created}


class Rating(Record):
    """One labeler's ordinal for one aspect of one candidate, on the scale from `min` to `max`."""

    table: ClassVar[str] = "ratings"
    candidate_id: Id
    labeler_id: Name
    aspect: Name
    value: float
    round: Annotated[int, Field(ge=1)] = 1
    ranking_id: Id | None = None
    min: float | None = None
    max: float | None = None
    flags: tuple[Text, ...] | None = None

    def row(self) -> dict[str, Any]:
        return {**dict(self), "flags": None if self.flags is None else list(self.flags)}


class Labeler(Record):
    """Who judged: a person, an LLM judge or a simulated labeler."""

    table: ClassVar[str] = "labelers"
    labeler_id: Name
    kind: Literal["person", "llm", "simulated"]
    vendor: Text | None = None
    consent: Text | None = None

    def row(self) -> dict[str, Any]:
        return dict(self)


class Origin(Record):
    """Where a row came from; the licence and consent are those of the source."""

    table: ClassVar[str] = "origins"
    row_id: Id
    source: Name
    external_id: Name
    table_name: Name
    source_sha256: Text | None = None
    source_row: Annotated[int, Field(ge=1)] | None = None
    licence: Text | None = None
    consent: Text | None = None
    teacher: Text | None = None

    def row(self) -> dict[str, Any]:
        return {**dict(self), "turn": UNTAKEN_TURN}
