"""Says what an exporter is: how one row becomes a row of a format, and what of it the format cannot carry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.sources.importing import Format
from schemas.errors import UserError


class ExportError(UserError):
    """Rows that cannot be exported as asked; the message names the mend."""


@dataclass(frozen=True)
class Exported:
    """One row of a format.

    Attributes:
        value: the row as JSON will hold it; None where the format cannot say it at all, and it is left out.
        losses: what it does not carry, in words for the report.
    """

    value: dict[str, Any] | None
    losses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exporter:
    """A format of the field as a way out.

    Attributes:
        convert: by table, how a row becomes a row of the format; the first is exported where none is named.
        endings: of the file's name; `.json` is written as an array, all others a row a line.
        losses: what no row of the format carries, by table.
        reads: the way in for the same files, by which each row is read back to see whether its ids stay.
    """

    name: str
    convert: Mapping[str, Callable[[Mapping[str, Any]], Exported]]
    endings: tuple[str, ...]
    losses: Mapping[str, tuple[str, ...]]
    reads: Format
