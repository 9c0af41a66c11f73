"""Turns demonstrations and preferences into rows that TRL's trainers read, as conversations."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.exporting.exporter import Exported, Exporter
from pipelines.sources.exporting.messages import has_other_mask, name_losses, parse_json, plain_messages
from pipelines.sources.formats import trl

ENDINGS = (".jsonl", ".json")


def convert_demonstration(row: Mapping[str, Any]) -> Exported:
    """`prompt`, `completion` and, where the prompt has any, `tools`."""
    value = {"prompt": plain_messages(row["messages"]), "completion": plain_messages(row["completion"])}
    losses = name_losses(
        rationale=row["rationale"] is not None, kind_of_prompt=row["kind"] is not None,
        which_answers_are_not_to_be_imitated=has_other_mask(row["completion"]),
    )  # fmt: skip
    return Exported(value | _carry_tools(row), losses)


def convert_preference(row: Mapping[str, Any]) -> Exported:
    """`prompt`, `chosen`, `rejected`, the labelers' `margin` and, where the prompt has any, `tools`."""
    value = {
        "prompt": plain_messages(row["messages"]), "chosen": plain_messages(row["chosen"]),
        "rejected": plain_messages(row["rejected"]), "margin": row["margin"],
    }  # fmt: skip
    return Exported(value | _carry_tools(row), name_losses(kind_of_prompt=row["kind"] is not None))


def _carry_tools(row: Mapping[str, Any]) -> dict[str, Any]:
    return {} if row["tools"] is None else {"tools": parse_json(row["tools"])}


PREFERENCE_LOSSES = (
    "who judged, how many for, against and tied, and the weight of a preference",
    "where a row came from (source, licence, consent), its split, and which policy wrote an answer",
)
DEMONSTRATION_LOSSES = ("where a row came from (source, licence, consent, teacher) and its split",)

EXPORTER = Exporter(
    name="trl",
    convert={"demonstrations": convert_demonstration, "preferences": convert_preference},
    endings=ENDINGS,
    losses={"demonstrations": DEMONSTRATION_LOSSES, "preferences": PREFERENCE_LOSSES},
    reads=trl.FORMAT,
)
