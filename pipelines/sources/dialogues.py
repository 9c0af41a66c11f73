"""Finds the prompt among the columns of a labeling tool, and turns it into one with the input and setting beside it."""

from collections.abc import Sequence

from pipelines.sources.conversations import read_side
from pipelines.sources.fields import Fields
from pipelines.sources.importing import join_instruction
from schemas.records import Message, Prompt

ASKED = ("prompt", "instruction", "question", "query", "conversation", "messages", "chat", "text")
"""Names under which tools hold a prompt; the first that is there is taken."""
GIVEN, SETTING = "input", ("system_prompt", "system")


def find_asked(columns: Sequence[str]) -> str | None:
    """The column that most likely holds the prompt: one named as prompts are, or the only one there is."""
    named = {column.casefold(): column for column in columns}
    known = next((named[name] for name in ASKED if name in named), None)
    return known or (columns[0] if len(columns) == 1 else None)


def read_prompt(fields: Fields, column: str) -> Prompt:
    """The prompt in `column` (a text or messages), with the input and the system prompt that stand beside it, if any.

    Raises:
        RowFaultError, ValidationError: as `read_side` does.
    """
    messages = read_side(fields, column, "user")
    if column != GIVEN and fields.optional_text(GIVEN) and isinstance(fields.get(column), str):
        messages = (Message(role="user", content=join_instruction(fields.text(column), fields.text(GIVEN))),)
    setting = next((fields.text(name) for name in SETTING if name != column and fields.has(name)), None)
    if setting and messages[0].role != "system":
        messages = (Message(role="system", content=setting), *messages)
    return Prompt(messages=messages)
