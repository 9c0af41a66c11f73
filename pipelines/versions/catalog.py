"""Says what each name of a query stands for: the SELECT behind it, the names that it needs, and the files it reads.

A revision's schema `turn-1` has content tables curated and all else as it is. The schema `turn-1.raw` beside it has
every row, and is where the statements of curation/sql are at home: the names in them are those of raw tables. `main`
and `raw` are the revision that is asked without a name; `all_turns` and `all_turns.raw` have every tagged turn.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from curation.statements import VIEWS, read_sql
from pipelines.versions.contents import Contents, Part, read_contents, read_workspace
from pipelines.versions.names import QueryError, TableName
from pipelines.versions.revisions import WORKSPACE
from pipelines.versions.scans import (
    empty_scan,
    is_readable,
    pad_scan,
    quote_name,
    quote_text,
    scan_parts,
    scan_revisions,
    scan_segments,
)
from pipelines.versions.turn_tables import Turn, list_turns

KEYS = {"prompts": "prompt_id", "demonstrations": "demonstration_id", "candidates": "candidate_id"}
"""Content tables, curated unless `raw` is asked for, and their keys."""
INSTANTS = {"rankings": "created_at"}
"""The column of a table that is an instant."""
MAIN, RAW, ALL_TURNS = "main", "raw", "all_turns"
SYSTEM = frozenset({"information_schema", "pg_catalog"})


@dataclass(frozen=True)
class Definition:
    """What a table or view is made of."""

    name: TableName
    select: str
    needs: tuple[TableName, ...] = ()
    """Must be there before it."""
    home: str = MAIN
    """Schema that names without one mean in `select`."""
    parts: tuple[tuple[str, Part], ...] = ()
    """Files it reads, each with the name of a revision that has it."""


def raw_schema(schema: str) -> str:
    """The schema with all rows that goes with a revision's."""
    return f"{schema}.{RAW}"


class Catalog:
    """What the names of a project stand for.

    Args:
        asked: the revisions of `--at`, `workspace` being one. A single one, or the workspace where there is none, is
            what names without a schema mean; with several such names are refused.
        padded: give every table the columns that it has by now, for statements that ask older revisions for them.

    Raises:
        RevisionError: an unknown revision.
    """

    def __init__(self, root: Path, asked: Sequence[str] = (), *, padded: bool = False) -> None:
        self.root, self.padded = root, padded
        self.asked = tuple(dict.fromkeys(asked))
        named = [name for name in self.asked if name != WORKSPACE]
        self._contents = dict(zip(named, read_contents(root, named) if named else [], strict=True))

    @property
    def default(self) -> str | None:
        """The revision that names without a schema mean."""
        return WORKSPACE if not self.asked else self.asked[0] if len(self.asked) == 1 else None

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions that were asked for, or the workspace."""
        return self.asked or (WORKSPACE,)

    @cached_property
    def turns(self) -> list[Turn]:
        """Every tagged turn, oldest first."""
        turns = list_turns(self.root)
        for turn in turns:
            self._contents.setdefault(turn.tag, turn.contents)
        return turns

    def contents(self, revision: str) -> Contents:
        """What a revision holds.

        Raises:
            RevisionError: there is no such revision.
        """
        if revision not in self._contents:
            named = read_workspace(self.root) if revision == WORKSPACE else read_contents(self.root, [revision])[0]
            self._contents[revision] = named
        return self._contents[revision]

    def list_names(self, schema: str) -> list[str]:
        """Every table and view of a schema, files of other people's projects by their paths."""
        bare = schema.removesuffix(f".{RAW}")
        if bare == ALL_TURNS:
            return list(dict.fromkeys(name for turn in self.turns for name in self.list_names(turn.tag)))
        contents = self.contents(self._resolve_schema(bare))
        if contents.tables:
            return [*contents.tables, *VIEWS]
        return [path for path, parts in contents.list_paths().items() if any(is_readable(part.path) for part in parts)]

    def _resolve_schema(self, schema: str) -> str:
        """The revision behind `main` and `raw`; other schemas are named like their revisions."""
        if schema not in (MAIN, RAW) or schema in self.asked:
            return schema
        if self.default is None:
            first, second = self.asked[:2]
            raise QueryError(
                f"several revisions were given, so a table needs its own:"
                f" {quote_name(first)}.TABLE or {quote_name(second)}.TABLE"
            )
        return self.default

    def define(self, name: TableName) -> Definition | None:
        """What a name stands for; None when it is none of ours, such as what a WITH clause names.

        Raises:
            QueryError: a name without a schema where there are several revisions.
            RevisionError: the schema is no revision, or what the revision holds cannot be read.
        """
        schema = _lower_own(name.schema)
        name = TableName(schema, name.table)
        if schema in SYSTEM:
            return None
        bare = schema.removesuffix(f".{RAW}")
        if bare == ALL_TURNS:
            return self._define_shared(name, raw=schema != bare)
        if schema in ("", RAW) or (schema == MAIN and MAIN not in self.asked):
            return self._define_default(name)
        contents = self.contents(bare)
        name = TableName(schema, _lower_table(name.table, contents))
        if schema == bare and contents.tables:
            return self._define_curated(name)
        return self._define_raw(name, contents)

    def _define_default(self, name: TableName) -> Definition | None:
        """A table of the revision that needs no name, in the schema `main` or `raw`."""
        revision = self._resolve_schema(name.schema or MAIN)
        target = TableName(raw_schema(revision) if name.schema == RAW else revision, name.table)
        if target.schema == MAIN:  # the branch called main
            return self.define(target)
        return self._pass_on(TableName(name.schema or MAIN, name.table), target)

    def _pass_on(self, name: TableName, target: TableName) -> Definition | None:
        if self.define(target) is None:
            return None
        return Definition(name, f"SELECT * FROM {quote_table(target)}", (target,))

    def _define_curated(self, name: TableName) -> Definition | None:
        curated = f"curated_{name.table}" if name.table in KEYS else name.table
        return self._pass_on(name, TableName(raw_schema(name.schema), curated))

    def _define_raw(self, name: TableName, contents: Contents) -> Definition | None:
        schema, table = name
        if table in VIEWS and contents.tables:
            select = read_sql(table)
            needs = tuple(TableName(schema, word) for word in list_inputs(select))
            return Definition(name, select, needs, home=schema)
        found = _find_parts(contents, table)
        if found:
            scan = _drop_zones(scan_parts(found, table), table)
            parts = tuple((contents.name, part) for part in found if is_readable(part.path))
            return Definition(name, pad_scan(scan, table) if self.padded else scan, parts=parts)
        if contents.tables and (empty := empty_scan(table)):
            return Definition(name, empty)
        return None

    def _define_shared(self, name: TableName, *, raw: bool) -> Definition | None:
        """A table of all turns, each row with the turns that hold it."""
        if not self.turns:
            raise QueryError(f"{ALL_TURNS} is empty: no turn is tagged yet, `flywheel next` closes one and tags it")
        table = _lower_table(name.table, self.turns[-1].contents)
        name = TableName(name.schema, table)
        rows = TableName(raw_schema(ALL_TURNS), table)
        if table in VIEWS:
            tags = [turn.tag for turn in self.turns if turn.contents.tables]
            views = [TableName(raw_schema(tag), table) for tag in tags]
            selects = [
                f"SELECT {quote_text(tag)} AS revision, * FROM {quote_table(view)}"
                for tag, view in zip(tags, views, strict=True)
            ]
            return Definition(name, " UNION ALL BY NAME ".join(selects), tuple(views)) if views else None
        if raw:
            return self._define_scan(name)
        if table not in KEYS:
            return self._pass_on(name, rows)
        dropped = TableName(raw_schema(ALL_TURNS), "dropped")
        gone = f"SELECT DISTINCT revision, row_id FROM {quote_table(dropped)} WHERE table_name = {quote_text(table)}"
        select = (
            f"SELECT kept.* FROM {quote_table(rows)} AS kept ANTI JOIN ({gone}) AS gone"
            f" ON gone.revision = kept.revision AND gone.row_id = kept.{KEYS[table]}"
        )
        return Definition(name, select, (rows, dropped))

    def define_segments(self, name: TableName) -> tuple[Definition, Definition] | None:
        """A table of all turns as its rows once, by segment, and who holds which segment; None for other tables."""
        table = name.table.lower()
        if _lower_own(name.schema) == ALL_TURNS and table in KEYS:
            return None
        held, parts = self._hold_parts(table)
        if not parts:
            return None
        rows, holders = scan_segments(held, table)
        schema = raw_schema(ALL_TURNS)
        return (
            Definition(TableName(schema, f"{table} by segment"), _drop_zones(rows, table), parts=parts),
            Definition(TableName(schema, f"{table} holders"), holders),
        )

    def _hold_parts(self, table: str) -> tuple[dict[str, list[Part]], tuple[tuple[str, Part], ...]]:
        """Files of a table by turn, and all that can be read, each with its turn."""
        held = {turn.tag: _find_parts(turn.contents, table) for turn in self.turns}
        return held, tuple((tag, part) for tag, some in held.items() for part in some if is_readable(part.path))

    def _define_scan(self, name: TableName) -> Definition | None:
        table = name.table
        held, parts = self._hold_parts(table)
        if not parts:
            return None
        scan = _drop_zones(scan_revisions(held, table), table)
        return Definition(name, pad_scan(scan, table, revision=True) if self.padded else scan, parts=parts)


def _find_parts(contents: Contents, table: str) -> list[Part]:
    """Files of a table of ours, or of a path."""
    return contents.tables.get(table) or contents.find_parts(table)


def _drop_zones(scan: str, table: str) -> str:
    """A scan with instants as times in UTC: without a zone they mean the same in every client, wherever it runs."""
    if table not in INSTANTS:
        return scan
    column = quote_name(INSTANTS[table])
    return f"SELECT * REPLACE ({column} AT TIME ZONE 'UTC' AS {column}) FROM ({scan})"


def _lower_own(schema: str) -> str:
    """A schema as we write it where it is one of ours, since SQL does not care: `RAW` is raw."""
    bare = schema.lower().removesuffix(f".{RAW}")
    return schema.lower() if bare in (MAIN, RAW, ALL_TURNS, WORKSPACE) else schema


def _lower_table(table: str, contents: Contents) -> str:
    lower = table.lower()
    return lower if contents.tables and (lower in VIEWS or lower in contents.tables) else table


def quote_table(name: TableName) -> str:
    """A schema and a table as SQL."""
    return f"{quote_name(name.schema)}.{quote_name(name.table)}"


def list_inputs(select: str) -> list[str]:
    """The tables and views that a statement of curation/sql says it reads, in its first comment."""
    comment = select.partition("-- one row per")[0].replace("\n--", " ").removeprefix("-- inputs:")
    return [word.split()[0] for word in comment.partition(";")[0].split(",") if word.strip()]


def order_definitions(catalog: Catalog, names: Iterable[TableName]) -> list[Definition]:
    """Definitions of names and of all that they need, each after what it needs; names of nothing left out."""
    ordered: dict[TableName, Definition] = {}

    def visit(name: TableName) -> None:
        definition = catalog.define(name)
        if definition is not None and definition.name not in ordered:
            for need in definition.needs:
                visit(need)
            ordered[definition.name] = definition

    for name in names:
        visit(name)
    return list(ordered.values())
