"""Lists the formats that can be taken in, and tells one from another by what rows hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources.faults import IngestError, hint_format
from pipelines.sources.formats import (
    alpaca,
    alpaca_eval,
    arc,
    arena_conversations,
    argilla,
    boolq,
    chatbot_arena,
    coqa,
    drop,
    flywheel,
    hh_rlhf,
    label_studio,
    llmbar,
    mapped,
    multinli,
    nectar,
    oasst,
    openai,
    openbookqa,
    pandalm,
    quac,
    race,
    self_instruct,
    self_instruct_outputs,
    sharegpt,
    shp,
    summarize_from_feedback,
    trl,
    ultrafeedback,
    webgpt,
    winogrande,
)
from pipelines.sources.importing import Format

QUESTIONS = (arc, boolq, coqa, drop, multinli, openbookqa, quac, race, winogrande)
PREFERENCES = (
    alpaca_eval, arena_conversations, chatbot_arena, hh_rlhf, llmbar, nectar, oasst, pandalm, shp,
    summarize_from_feedback, ultrafeedback, webgpt,
)  # fmt: skip
CHATS = (openai, sharegpt, trl)
TOOLS = (argilla, flywheel, label_studio)
MODULES = (alpaca, self_instruct, self_instruct_outputs, *CHATS, *PREFERENCES, *QUESTIONS, *TOOLS)
FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in MODULES}
GUESSED_ROWS = 20
"""How many rows are looked at to guess a format."""


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        IngestError: there is none.
    """
    if name in FORMATS:
        return FORMATS[name]
    if name == mapped.NAME:
        raise IngestError(
            f"--as {name}: say which column is what, such as --map prompt=question --map completion=answer"
        )
    hint = hint_format(name, FORMATS)
    raise IngestError(f"--as {name}: no such format; {hint}There are {', '.join([*FORMATS, mapped.NAME])}")


def guess_format(file: str, values: Sequence[Mapping[str, Any]]) -> Format:
    """The one format that fits the most of the first rows, and at least half of them.

    A format told by its columns gives way to one that wants more columns, and any to those that it yields to.

    Raises:
        IngestError: none or several fit.
    """
    counts = {name: sum(format_.fits(value) for value in values) for name, format_ in FORMATS.items()}
    most = max(counts.values(), default=0)
    fitting = [FORMATS[name] for name, count in counts.items() if count == most > 0 and 2 * count >= len(values)]
    names = {format_.name for format_ in fitting}
    fitting = [
        format_
        for format_ in fitting
        if not format_.yields_to & names
        and not (format_.recognise is None and any(format_.required < other.required for other in fitting))
    ]
    if len(fitting) == 1:
        return fitting[0]
    columns: set[str] = set.intersection(*(set(value) for value in values)) if values else set()
    what = f"could be {' or '.join(f.name for f in fitting)}" if fitting else "is of no format known by its columns"
    seen = ", ".join(map(repr, sorted(columns)[:10])) or "no columns in common"
    raise IngestError(
        f"{file}: {what} ({seen}); name one with --as: {', '.join(FORMATS)};"
        " or say which column is what with --map prompt=COLUMN ..."
    )
