"""Holds what a diff found: counts and examples by table, and how the distributions moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.versions.diff.sides import SchemaChange
from pipelines.versions.diff.words import compare_words
from pipelines.versions.results import plain_value


@dataclass(frozen=True)
class Example:
    """One row that differs."""

    change: str
    """What became of it, such as `added` or `flipped`."""
    row: str
    """Its key."""
    values: Mapping[str, tuple[Any, Any]]
    """Old and new value by column; None on the side that has no such row."""

    def to_json(self) -> dict[str, Any]:
        """As plain values, changed texts with their word diff."""
        columns: dict[str, Any] = {}
        for column, (old, new) in self.values.items():
            columns[column] = {"old": plain_value(old), "new": plain_value(new)}
            if isinstance(old, str) and isinstance(new, str) and old != new:
                columns[column]["words"] = [list(piece) for piece in compare_words(old, new)]
        return {"change": self.change, "row": self.row, "columns": columns}


UNCHANGED = SchemaChange([], [], {})


@dataclass(frozen=True)
class TableDiff:
    """What differs in one table. rows of old = removed + changed + unchanged; of new = added + changed + unchanged."""

    name: str
    added: int
    removed: int
    changed: int
    unchanged: int
    key: tuple[str, ...]
    """Columns that name a row; empty where whole rows were compared."""
    guessed: bool = False
    columns: Mapping[str, int] = field(default_factory=dict)
    """Changed rows by column."""
    terms: Mapping[str, int] = field(default_factory=dict)
    """Rows by what happened to them in the field's terms, such as `flipped`; a row may count under several."""
    rules: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Rows by rule, under `newly_dropped` and `restored`."""
    schema: SchemaChange = UNCHANGED
    repeated: tuple[int, int] = (0, 0)
    """Rows of old and new whose key is not theirs alone."""
    notes: Sequence[str] = ()
    examples: Sequence[Example] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed or self.schema or any(self.terms.values()))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        schema = self.schema
        return {
            "added": self.added, "removed": self.removed, "changed": self.changed, "unchanged": self.unchanged,
            "key": list(self.key), "key_guessed": self.guessed, "columns": dict(self.columns),
            "terms": dict(self.terms), "rules": {name: dict(rules) for name, rules in self.rules.items()},
            "schema": {
                "added": list(schema.added), "removed": list(schema.removed),
                "retyped": {name: list(types) for name, types in schema.retyped.items()},
            },
            "repeated_keys": {"old": self.repeated[0], "new": self.repeated[1]},
            "notes": list(self.notes), "examples": [example.to_json() for example in self.examples],
        }  # fmt: skip


@dataclass(frozen=True)
class Moved:
    """One number of a distribution, before and after."""

    distribution: str
    label: str
    old: float | None
    new: float | None

    @property
    def change(self) -> float | None:
        """By how much it moved; None where one side has none."""
        return None if self.old is None or self.new is None else self.new - self.old

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"distribution": self.distribution, "label": self.label, "old": plain_value(self.old),
                "new": plain_value(self.new), "change": plain_value(self.change)}  # fmt: skip


@dataclass(frozen=True)
class Diff:
    """What differs between two revisions, or two files (then there is one table, without a name)."""

    old: str
    new: str
    tables: Sequence[TableDiff]
    moved: Sequence[Moved] = ()

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return all(table.same for table in self.tables)

    def to_json(self) -> dict[str, Any]:
        """As plain values; of two files the one table's values stand at the top."""
        head = {"old": self.old, "new": self.new, "same": self.same}
        if [table.name for table in self.tables] == [""]:
            return head | self.tables[0].to_json()
        tables = {table.name: table.to_json() for table in self.tables}
        return head | {"tables": tables, "distributions": [moved.to_json() for moved in self.moved]}
