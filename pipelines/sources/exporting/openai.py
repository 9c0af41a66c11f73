"""Turns demonstrations and preferences into the JSON lines that OpenAI's fine-tuning reads (SFT and DPO)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.exporting.exporter import Exported, Exporter
from pipelines.sources.exporting.messages import list_trained, name_losses, parse_json, plain_messages
from pipelines.sources.exporting.trl import DEMONSTRATION_LOSSES, PREFERENCE_LOSSES
from pipelines.sources.formats import openai


def convert_demonstration(row: Mapping[str, Any]) -> Exported:
    """`messages` and, where the prompt has any, `tools`; an assistant's message of weight 0 is not imitated."""
    asked, answered = plain_messages(row["messages"]), plain_messages(row["completion"])
    trained = list_trained(row["completion"])
    weigh_messages(asked, [False] * len(asked))
    weigh_messages(answered, trained)
    value = {"messages": asked + answered}
    if row["tools"] is not None:
        value["tools"] = parse_json(row["tools"])
    losses = name_losses(
        rationale=row["rationale"] is not None, kind_of_prompt=row["kind"] is not None,
    )  # fmt: skip
    return Exported(value, losses)


def weigh_messages(messages: Sequence[dict[str, Any]], trained: Sequence[bool]) -> None:
    """Write weight 0 into the assistant's messages that are not to be imitated; 1 is what no weight means."""
    for message, train in zip(messages, trained, strict=True):
        if message["role"] == "assistant" and not train:
            message["weight"] = 0


def convert_preference(row: Mapping[str, Any]) -> Exported:
    """`input` with the prompt, and the two outputs."""
    asked: dict[str, Any] = {"messages": plain_messages(row["messages"])}
    if row["tools"] is not None:
        asked["tools"] = parse_json(row["tools"])
    value = {
        "input": asked, "preferred_output": plain_messages(row["chosen"]),
        "non_preferred_output": plain_messages(row["rejected"]),
    }  # fmt: skip
    return Exported(value, name_losses(kind_of_prompt=row["kind"] is not None))


EXPORTER = Exporter(
    name="openai",
    convert={"demonstrations": convert_demonstration, "preferences": convert_preference},
    endings=(".jsonl",),
    losses={"demonstrations": DEMONSTRATION_LOSSES, "preferences": ("the margin of a preference", *PREFERENCE_LOSSES)},
    reads=openai.FORMAT,
)
