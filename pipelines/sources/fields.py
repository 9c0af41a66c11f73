"""Turns the fields of one row as read into checked values, and notes what had to be read with goodwill."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.reading import name_type
from schemas.records import Name

KEY = TypeAdapter(Name)
LARGEST_WHOLE = 2.0**53
"""From here on a float no longer tells neighbouring whole numbers apart."""


def is_not_a_number(value: Any) -> bool:
    """True for NaN and the infinities, which Python writes into files that then are no JSON."""
    return isinstance(value, float) and not math.isfinite(value)


def lists_objects(value: Mapping[str, Any], column: str, member: str) -> bool:
    """True where the column is a list that begins with an object that has the member."""
    listed = value.get(column)
    return isinstance(listed, list) and bool(listed) and isinstance(listed[0], dict) and member in listed[0]


class Fields:
    """Access to a row's fields that quarantines the row when a field is not what the format says."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self.notes: list[Note] = []

    def _require(self, column: str) -> Any:
        if column not in self._value:
            raise RowFaultError("missing_column", f"the row has no {column!r}", f"add {column!r}")
        value = self._value[column]
        if is_not_a_number(value):
            raise RowFaultError("not_json_nan", f"{column!r} is {value}, which JSON has not", 'write the text, or ""')
        return value

    def get(self, column: str) -> Any:
        """The value as it stands; None where it is absent."""
        return self._value.get(column)

    def text(self, column: str) -> str:
        """Text that must be there."""
        value = self._require(column)
        if not isinstance(value, str):
            raise RowFaultError("wrong_type", f"{column!r} is {name_type(value)}, not text", "write it as text")
        return value

    def optional_text(self, column: str) -> str:
        """Text, or "" where it is absent, null or NaN."""
        value = self._value.get(column)
        if is_not_a_number(value):
            self.notes.append(Note("nan_read_as_absent", f"{column!r} is {value}, which JSON has not"))
            return ""
        return "" if value is None else self.text(column)

    def answer(self, column: str) -> str:
        """Text that must be there; a bare true or false is the answer "True" or "False", noted.

        Tables that passed through a spreadsheet have such answers (six in PandaLM's test set).
        """
        value = self._require(column)
        if isinstance(value, bool):
            self.notes.append(Note("boolean_read_as_text", f"{column!r} is a bare {str(value).lower()}"))
            return str(value)
        return self.text(column)

    def key(self, column: str) -> str:
        """The id of a row, a person or a part, a whole number or text, as text.

        A column of whole numbers with a gap comes out of pandas as 1.0, 2.0; so does 1.0 here as "1".
        """
        value = self._require(column)
        if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value:
            what = "an empty text" if value == "" else name_type(value)
            mend = f"give each row a whole number or a text as {column!r}"
            raise RowFaultError("wrong_type", f"{column!r} is {what}, no whole number or text", mend)
        return KEY.validate_python(value)

    def has(self, column: str) -> bool:
        """True where the column is there and not null."""
        return self._value.get(column) is not None

    def flag(self, column: str) -> bool:
        """A boolean, false where it is absent or null."""
        value = self._value.get(column)
        if value is not None and not isinstance(value, bool):
            raise RowFaultError("wrong_type", f"{column!r} is {name_type(value)}, not a boolean", "write true or false")
        return bool(value)

    def objects(self, column: str) -> list[Mapping[str, Any]]:
        """A list of objects."""
        value = self._require(column)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise RowFaultError("wrong_type", f"{column!r} is no list of objects", "write it as [{...}]")
        return value

    def object(self, column: str) -> Mapping[str, Any]:
        """One object."""
        value = self._require(column)
        if not isinstance(value, dict):
            raise RowFaultError("wrong_type", f"{column!r} is {name_type(value)}, no object", "write it as {...}")
        return value

    def texts(self, column: str) -> list[str]:
        """A list of texts."""
        value = self._require(column)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise RowFaultError("wrong_type", f"{column!r} is no list of texts", 'write it as ["..."]')
        return value

    def number(self, column: str) -> float:
        """A number that must be there; CSV files and some sets (UltraFeedback's ratings) write it as text."""
        value = self._require(column)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise RowFaultError("wrong_type", f"{column!r} is no number", "write a number")
        return number

    def optional_number(self, column: str) -> float | None:
        """A number, or None where it is absent, null, NaN or blank."""
        value = self._value.get(column)
        absent = value is None or is_not_a_number(value) or (isinstance(value, str) and not value.strip())
        return None if absent else self.number(column)

    def optional_instant(self, column: str) -> datetime | None:
        """A time written as ISO 8601 says, in UTC where it names no zone; None where it is absent or null."""
        if not self.has(column):
            return None
        try:
            instant = datetime.fromisoformat(self.text(column))
        except ValueError:
            mend = "write it as 2026-01-31T12:00:00Z"
            raise RowFaultError("wrong_type", f"{column!r} is no time that ISO 8601 knows", mend) from None
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
