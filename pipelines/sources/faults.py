"""Says what can be wrong with a file or a row that comes in, in words its owner can act on."""

from dataclasses import dataclass

from pydantic import ValidationError


class IngestError(ValueError):
    """A file that cannot be taken in as a whole; the message names file, line and mend."""


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


MENDS = {
    "lone_surrogate": "write the character whole, or take it out",
    "nul_character": "take the NUL out",
}


def explain_record(error: ValidationError) -> RowFaultError:
    """A record's first fault as a reason to quarantine its row; never quotes the offending text."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    known = "_" in fault["type"] and fault["type"] in {*MENDS, "candidate_ranked_twice", "unknown_candidate"}
    reason = fault["type"] if known else "not_a_record"
    detail = f"{error.title} {where}: {fault['msg']}" if where else f"{error.title}: {fault['msg']}"
    return RowFaultError(reason, detail, MENDS.get(reason, "mend the row at its source"))
