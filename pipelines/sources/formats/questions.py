"""Turns questions with their passages and choices into prompts and demonstrations, worded alike in every set."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields
from schemas.records import Demonstration, Message, Prompt, TrainedMessage

CHOOSE = "Choose the right answer."
NO_ANSWER_MEND = "take the train or dev file, which have the answers"


def word_question(*parts: str) -> str:
    """The parts that hold text (title, passage, question, choices), a blank line between them."""
    return "\n\n".join(part.strip() for part in parts if part.strip())


def word_choices(choices: Mapping[str, str]) -> str:
    """Choices by their labels, a line each."""
    return "\n".join(f"{label}. {text}" for label, text in choices.items())


def word_choice(choices: Mapping[str, str], label: str) -> str:
    """The answer that names one of the choices.

    Raises:
        RowFaultError: there is no such choice.
    """
    if label not in choices:
        detail = f"the answer {label!r} is none of the choices {', '.join(choices)}"
        raise RowFaultError("unknown_choice", detail, "mend the answer at its source")
    return f"{label}. {choices[label]}"


def teach(question: str, answer: str, kind: str) -> tuple[Prompt, Demonstration]:
    """A prompt of one question and the demonstration of its answer."""
    return converse([(question, answer, True)], kind)


def converse(exchanges: Sequence[tuple[str, str, bool]], kind: str) -> tuple[Prompt, Demonstration]:
    """A conversation as one demonstration: the first question is the prompt, all that follows the completion.

    Args:
        exchanges: question, answer and whether the answer is to be imitated, of each; at least one.
    """
    prompt = Prompt(messages=(Message(role="user", content=exchanges[0][0]),), kind=kind)
    completion: list[TrainedMessage] = []
    for question, answer, train in exchanges:
        completion.append(TrainedMessage(role="user", content=question, train=False))
        completion.append(TrainedMessage(role="assistant", content=answer, train=train))
    return prompt, Demonstration(prompt_id=prompt.prompt_id, completion=tuple(completion[1:]))


def read_choices(fields: Fields, column: str) -> dict[str, str]:
    """Choices written as `[{"label", "text"}]`, by label."""
    given = [Fields(choice) for choice in fields.objects(column)]
    return {choice.key("label"): choice.text("text") for choice in given}


def list_data(value: Mapping[str, Any], column: str) -> list[Any] | None:
    """The rows of `{"data": [...]}` whose first has that column; None where the value is no such object."""
    rows = value.get("data")
    return rows if isinstance(rows, list) and rows and isinstance(rows[0], dict) and column in rows[0] else None


def refuse_no_answer(what: str) -> RowFaultError:
    """The fault of a row whose answer is kept back, as in test files."""
    return RowFaultError("no_gold_answer", what, NO_ANSWER_MEND)
