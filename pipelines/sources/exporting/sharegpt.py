"""Turns demonstrations into ShareGPT's conversations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.exporting.exporter import Exported, Exporter
from pipelines.sources.exporting.messages import SPEAKERS, has_other_mask, name_losses
from pipelines.sources.exporting.trl import DEMONSTRATION_LOSSES, ENDINGS
from pipelines.sources.formats import sharegpt


def convert_demonstration(row: Mapping[str, Any]) -> Exported:
    """`conversations` of speaker and text; a conversation with tool calls is left out: they have no text."""
    messages = [*row["messages"], *row["completion"]]
    if row["tools"] is not None or any(m["tool_calls"] is not None or m["role"] == "tool" for m in messages):
        return Exported(None, ("tools and their calls",))
    losses = name_losses(
        rationale=row["rationale"] is not None, kind_of_prompt=row["kind"] is not None,
        names_of_speakers=any(m["name"] is not None for m in messages),
        which_answers_are_not_to_be_imitated=has_other_mask(row["completion"]),
        where_the_prompt_ends=any(m["role"] == "assistant" for m in row["messages"]),
    )  # fmt: skip
    return Exported({"conversations": [{"from": SPEAKERS[m["role"]], "value": m["content"]} for m in messages]}, losses)


EXPORTER = Exporter(
    name="sharegpt",
    convert={"demonstrations": convert_demonstration},
    endings=ENDINGS,
    losses={"demonstrations": DEMONSTRATION_LOSSES},
    reads=sharegpt.FORMAT,
)
