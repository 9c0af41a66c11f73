"""Says what can be wrong with a file or a row that comes in, in words its owner can act on."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import UserError


class IngestError(UserError):
    """A file that cannot be taken in as a whole; the message names file, line and mend."""


def hint_format(name: str, names: Iterable[str]) -> str:
    """A question after the format that was most likely meant; nothing where none is near."""
    close = difflib.get_close_matches(name.lower().replace("_", "-"), list(names), n=1, cutoff=0.5)
    return f"did you mean {close[0]}? " if close else ""


class RowFaultError(Exception):
    """A row that cannot be taken in: it is quarantined under `reason`, and nothing of it is lost."""

    def __init__(self, reason: str, detail: str, mend: str) -> None:
        super().__init__(f"{reason}: {detail}; {mend}")
        self.reason, self.detail, self.mend = reason, detail, mend


@dataclass(frozen=True)
class Note:
    """Something worth knowing of a row that was kept."""

    note: str
    detail: str
    matched_row: int | None = None
