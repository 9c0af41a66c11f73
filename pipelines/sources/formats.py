"""Lists the formats that can be taken in, and tells one from another by its columns."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sources import alpaca, hh_rlhf, pandalm, self_instruct
from pipelines.sources.faults import IngestError
from pipelines.sources.importing import Format

FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in (alpaca, hh_rlhf, pandalm, self_instruct)}
GUESSED_ROWS = 20
"""How many rows are looked at to guess a format."""


def find_format(name: str) -> Format:
    """The format of that name.

    Raises:
        IngestError: there is none.
    """
    if name in FORMATS:
        return FORMATS[name]
    close = difflib.get_close_matches(name.lower().replace("_", "-"), FORMATS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    raise IngestError(f"--as {name}: no such format; {hint}There are {', '.join(FORMATS)}")


def guess_format(file: str, values: Sequence[Mapping[str, Any]]) -> Format:
    """The one format whose required columns the first rows have.

    Raises:
        IngestError: none or several fit.
    """
    columns: set[str] = set.intersection(*(set(value) for value in values)) if values else set()
    fitting = [format_ for format_ in FORMATS.values() if format_.required <= columns]
    if len(fitting) == 1:
        return fitting[0]
    what = f"could be {' or '.join(f.name for f in fitting)}" if fitting else "is of no format known by its columns"
    seen = ", ".join(map(repr, sorted(columns)[:10])) or "no columns in common"
    raise IngestError(f"{file}: {what} ({seen}); name one with --as: {', '.join(FORMATS)}")
