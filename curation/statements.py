"""Hands out the SQL under curation/sql by name, without loading a library: the views, and the functions they call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas import ids

if TYPE_CHECKING:
    import duckdb

FOLDER = Path(__file__).parent / "sql"
VIEWS = (
    "comparisons",
    "curated_prompts",
    "curated_demonstrations",
    "curated_candidates",
    "curated_rankings",
    "curated_comparisons",
    "labeler_pairs",
    "labeler_weights",
    "ranked_candidates",
    "pair_votes",
    "preference_pairs",
    "texts",
    "candidate_texts",
    "demonstration_texts",
    "audit",
    "lineage",
)
"""Each view after those it reads."""
MACROS = ("as_text",)
"""Functions in plain SQL that every connection has; `hash_pair` is one only in a database written to a file."""


def read_sql(view: str) -> str:
    """The one SELECT statement of a view."""
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    return (FOLDER / f"{view}.sql").read_text(encoding="utf-8")


def read_macro(macro: str) -> str:
    """The one CREATE MACRO statement of a macro."""
    return (FOLDER / "macros" / f"{macro}.sql").read_text(encoding="utf-8")


def register_functions(connection: "duckdb.DuckDBPyConnection") -> None:
    """Give a connection what the views call: hash_pair and the macros."""
    register_hash(connection)
    create_macros(connection)


def register_hash(connection: "duckdb.DuckDBPyConnection") -> None:
    """Give a connection hash_pair(prompt_id, first_id, second_id): a pair's id, as schemas.ids.pair_id names it."""
    connection.create_function("hash_pair", _hash_pairs, ["VARCHAR"] * 3, "VARCHAR", type="arrow")  # type: ignore[call-overload]


def create_macros(connection: "duckdb.DuckDBPyConnection") -> None:
    """Create the functions that are plain SQL, which live on in a database that is written to a file."""
    for macro in MACROS:
        connection.execute(read_macro(macro))


def _hash_pairs(prompt_ids: Any, first_ids: Any, second_ids: Any) -> Any:
    # DuckDB evaluates these annotations: Arrow arrays in, an Arrow array out
    import pyarrow as pa

    rows = zip(prompt_ids.to_pylist(), first_ids.to_pylist(), second_ids.to_pylist(), strict=True)
    return pa.array([ids.pair_id(prompt, first, second) for prompt, first, second in rows], pa.string())
