"""Names the rows that training reads and the samples that it writes: plain data, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Message = Mapping[str, Any]
"""Role and content, perhaps name, tool_calls (JSON) and tool_call_id; in completions also `train`."""

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class Example:
    """A prompt with the completion to imitate; assistant messages with `train` false are context only."""

    row_id: str
    messages: list[dict[str, Any]]
    completion: list[dict[str, Any]]


@dataclass(frozen=True)
class Pair:
    """One preference of a group: indices into its completions, and how much it counts."""

    chosen: int
    rejected: int
    weight: float
    margin: float


@dataclass(frozen=True)
class Group:
    """A prompt with its distinct completions and the preferences among them."""

    prompt_id: str
    messages: list[dict[str, Any]]
    completions: list[list[dict[str, Any]]]
    pairs: list[Pair]


@dataclass(frozen=True)
class Sample:
    """One completion that a policy wrote: its text without special tokens, and how it ended.

    `n_tokens` counts generated tokens with the end token; 0 means that the prompt left no room for any. `token_ids` are
    these tokens: a text can be written in many ways, so its probability cannot be told from the text.
    `seed` is the one its batch was drawn with.
    """

    prompt_id: str
    sample_index: int
    text: str
    finish_reason: FinishReason
    n_tokens: int
    seed: int
    token_ids: list[int]
