"""Counts and lists what was dropped and why: at a revision, or of one turn's rows by the time of another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.catalog import Catalog
from pipelines.versions.contents import WORKSPACE
from pipelines.versions.lineage.finding import KEYS
from pipelines.versions.revisions import RevisionError
from pipelines.versions.scans import quote_name, quote_text
from pipelines.versions.sql import open_query

COUNTS = """
WITH raw AS ({raw}),
counted AS (
    SELECT table_name, reason, count(DISTINCT row_id) AS rows,
        count(DISTINCT row_id) FILTER (alone) AS only_by_it, any_value(threshold) AS threshold
    FROM (
        SELECT *, count(*) OVER (PARTITION BY table_name, row_id) = 1 AS alone FROM {schema}.dropped
    )
    WHERE {where}
    GROUP BY ALL
)
SELECT counted.*, raw.rows AS of_rows
FROM counted LEFT JOIN raw USING (table_name)
ORDER BY table_name, rows DESC, reason
"""
ROWS = "SELECT * FROM {schema}.dropped WHERE {where} ORDER BY table_name, reason, row_id"
SURVIVAL = """
WITH before AS (SELECT DISTINCT {key} AS row_id, {side} AS side FROM {before}),
after AS (SELECT DISTINCT {key} AS row_id, {side} AS side FROM {after}),
gone_before AS (SELECT DISTINCT row_id FROM {dropped_before} WHERE table_name = {name}),
gone AS (SELECT * FROM {dropped_after} WHERE table_name = {name}),
judged AS (
    SELECT
        before.row_id,
        CASE WHEN gone_before.row_id IS NULL THEN 'kept' ELSE 'dropped' END AS was,
        CASE
            WHEN gone.row_id IS NOT NULL THEN 'dropped'
            WHEN after.row_id IS NULL THEN 'not there'
            WHEN after.side <> before.side THEN 'flipped'
            ELSE 'kept'
        END AS now,
        gone.reason, gone.value, gone.threshold, gone.matched_id, gone.stage
    FROM before
    LEFT JOIN gone_before USING (row_id)
    LEFT JOIN after USING (row_id)
    LEFT JOIN gone USING (row_id)
)
"""
SURVIVAL_COUNTS = """,
became AS (SELECT was, now, count(DISTINCT row_id) AS of_rows FROM judged GROUP BY ALL)
SELECT {name} AS table_name, was, now, reason, count(DISTINCT row_id) AS rows, of_rows
FROM judged JOIN became USING (was, now)
GROUP BY ALL
ORDER BY ALL
"""
SURVIVAL_ROWS = "SELECT {name} AS table_name, * FROM judged ORDER BY row_id, reason"
TABLES = ("prompts", "demonstrations", "candidates", "rankings", "preferences")


@dataclass(frozen=True)
class Listing:
    """Rows of an answer with their columns."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def to_json(self) -> list[dict[str, Any]]:
        """As plain values."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def list_dropped(
    root: Path, revision: str | None = None, *, table: str | None = None, reason: str | None = None,
    rows: bool = False,
) -> Listing:  # fmt: skip
    """The ledger at a revision: rows by table and reason, and how many of them only that reason drops; or its rows.

    Raises:
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    where = " AND ".join(
        [f"{column} = {quote_text(value)}" for column, value in (("table_name", table), ("reason", reason)) if value]
        or ["true"]
    )
    at = [revision] if revision else []
    schema = quote_name(revision or WORKSPACE)
    held = Catalog(root, at).contents(revision or WORKSPACE).tables
    if not held:
        raise RevisionError(f"{revision or WORKSPACE} has no tables: no turn was run there")
    if rows:
        return _ask(root, ROWS.format(schema=schema, where=where), at)
    every = quote_name(f"{revision or WORKSPACE}.raw")
    raw = " UNION ALL ".join(
        f"SELECT {quote_text(name)} AS table_name, count(DISTINCT {KEYS[name]}) AS rows FROM {every}.{name}"
        for name in TABLES
    )
    return _ask(root, COUNTS.format(raw=raw, schema=schema, where=where), at)


def follow_rows(
    root: Path, start: str, end: str, *, table: str | None = None, rows: bool = False
) -> Listing:  # fmt: skip
    """What became by one revision of the rows of another: kept, flipped, dropped and why, or not there.

    As counts, `rows` are those with a reason (one with several is in each), `of_rows` all that became so.

    Raises:
        RevisionError: an unknown revision, or data of one that is nowhere to be had.
    """
    at = list(dict.fromkeys([start, end]))
    found: list[Listing] = []
    for name in [table] if table else TABLES:
        schemas = {"before": start, "after": end}
        # a preference that was not made is no row, so what was dropped is told by the ledger alone
        names = {role: f"{quote_name(f'{revision}.raw')}.{quote_name(name)}" for role, revision in schemas.items()} | {
            f"dropped_{role}": f"{quote_name(revision)}.dropped" for role, revision in schemas.items()
        }
        side = "chosen_id" if name == "preferences" else "NULL::VARCHAR"
        query = SURVIVAL.format(key=KEYS[name], side=side, name=quote_text(name), **names)
        query += (SURVIVAL_ROWS if rows else SURVIVAL_COUNTS).format(name=quote_text(name))
        found.append(_ask(root, query, at))
    return Listing(found[0].columns, [row for listing in found for row in listing.rows])


def _ask(root: Path, query: str, at: Sequence[str]) -> Listing:
    with open_query(root, query, at) as answer:
        return Listing(tuple(answer.columns), list(answer.list_rows()))


def describe_listing(listing: Listing, titles: Mapping[str, str] = {}) -> list[str]:
    """A table to read; columns with a title have that instead of their name."""
    if not listing.rows:
        return ["nothing"]
    cells = [["" if value is None else _show(value) for value in row] for row in listing.rows]
    head = [titles.get(column, column) for column in listing.columns]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    numeric = [all(isinstance(row[place], int | float | None) for row in listing.rows) for place in range(len(widths))]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in [head, *cells]
    ]


def _show(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}" if isinstance(value, float) else str(value)


def summarise_survival(listing: Listing, start: str, end: str) -> list[str]:
    """One line a table: of the rows that were kept at the start, what became of them, and how many came back."""
    lines = []
    for name in dict.fromkeys(row[0] for row in listing.rows):
        some = [row for row in listing.rows if row[0] == name]
        became = {now: _count(some, "kept", now) for now in ("kept", "flipped", "dropped", "not there")}
        others = [f"{rows:,} {now}" for now, rows in became.items() if rows and now != "kept"]
        back = _count(some, "dropped", "kept") + _count(some, "dropped", "flipped")
        told = [f"{became['kept']:,} are kept in {end}", *others, *([f"{back:,} came back"] if back else [])]
        lines.append(f"{name}: of {sum(became.values()):,} kept in {start}, {', '.join(told)}")
    return lines


def _count(rows: Sequence[tuple[Any, ...]], was: str, now: str) -> int:
    """Rows that were so and are so now; `rows` by reason would count one with several reasons more than once."""
    return next((row[5] for row in rows if row[1:3] == (was, now)), 0)
