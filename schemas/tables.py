"""Says what each table holds: columns, types, key and rules; checks frames against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from schemas.errors import UserError

MESSAGE = pl.Struct(
    {
        "role": pl.String,
        "content": pl.String,
        "name": pl.String,
        "tool_calls": pl.String,
        "tool_call_id": pl.String,
    }
)
TRAINED_MESSAGE = pl.Struct({**{f.name: f.dtype for f in MESSAGE.fields}, "train": pl.Boolean})
TIER = pl.Struct({"candidate_ids": pl.List(pl.String), "tied": pl.Boolean})
INSTANT = pl.Datetime("us", "UTC")


class TableError(UserError):
    """A frame that is not what its table says; the message names table, column, count and mend."""


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, its key, which columns may be null, which values are allowed."""

    name: str
    columns: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    carried: bool = True
    """True when a turn's rows are brought into later turns (content and events; not derived tables)."""


def _table(
    name: str,
    key: str,
    columns: str,
    nullable: str = "",
    *,
    allowed: dict[str, str] | None = None,
    carried: bool = True,
) -> Table:
    types: dict[str, pl.DataType] = {
        "text": pl.String(), "int": pl.Int64(), "float": pl.Float64(), "bool": pl.Boolean(), "time": INSTANT,
        "messages": pl.List(MESSAGE), "trained": pl.List(TRAINED_MESSAGE), "tiers": pl.List(TIER),
        "texts": pl.List(pl.String()),
    }  # fmt: skip
    parsed: dict[str, pl.DataType] = {}
    for column in columns.split():
        label, _, kind = column.partition(":")
        parsed[label] = types[kind or "text"]
    values = {column: frozenset(words.split()) for column, words in (allowed or {}).items()}
    return Table(name, parsed, tuple(key.split()), frozenset(nullable.split()), values, carried)


SPLITS = frozenset({"train", "validation", "benchmark"})

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        # content: append-only, no provenance inside
        _table("prompts", "prompt_id", "prompt_id messages:messages tools conversation_id kind", "tools kind"),
        _table(
            "demonstrations", "demonstration_id",
            "demonstration_id prompt_id completion:trained rationale", "rationale",
        ),
        _table("candidates", "candidate_id", "candidate_id prompt_id completion:messages"),
        _table("guidelines", "guideline_id", "guideline_id name version text"),
        # events: what happened, append-only
        _table(
            "origins", "row_id source external_id",
            "row_id source external_id table_name source_sha256 source_row:int licence consent teacher turn:int",
            "source_sha256 source_row licence consent teacher",
        ),
        _table(
            "samples", "candidate_id policy sample_index turn",
            "candidate_id policy sample_index:int turn:int checkpoint temperature:float top_p:float seed:int"
            " finish_reason n_tokens:int",
            "checkpoint temperature top_p seed finish_reason n_tokens",
            allowed={"finish_reason": "stop length"},
        ),
        _table(
            "rankings", "ranking_id",
            "ranking_id task_id labeler_id round:int prompt_id tiers:tiers strength:float shown_order:texts"
            " guideline_id created_at:time seconds:float rationale skip_reason batch turn:int",
            "strength shown_order guideline_id created_at seconds rationale skip_reason batch",
        ),
        _table(
            "ratings", "candidate_id labeler_id aspect round",
            "candidate_id labeler_id aspect round:int ranking_id value:float min:float max:float flags:texts",
            "ranking_id min max flags",
        ),
        _table(
            "labelers", "labeler_id", "labeler_id kind vendor consent", "vendor consent",
            allowed={"kind": "person llm simulated"},
        ),
        # derived: recomputed each turn
        _table(
            "assignments", "prompt_id", "prompt_id cluster_id split",
            allowed={"split": " ".join(sorted(SPLITS))},
        ),
        _table(
            "dropped", "table_name row_id reason",
            "table_name row_id reason value:float threshold:float matched_id rule_version:int stage turn:int",
            "value threshold matched_id", carried=False,
        ),
        _table(
            "labeler_stats", "labeler_id",
            "labeler_id n_rankings:int agreement:float reliability:float position_bias:float length_bias:float"
            " repeat_consistency:float gold_accuracy:float",
            "agreement reliability position_bias length_bias repeat_consistency gold_accuracy", carried=False,
        ),
        _table(
            "preferences", "pair_id",
            "pair_id prompt_id chosen_id rejected_id votes_for:int votes_against:int votes_tie:int"
            " margin:float weight:float",
            "margin weight", carried=False,
        ),
        _table(
            "pair_findings", "pair_id reason",
            "pair_id reason action weight:float value:float threshold:float matched_id rule_version:int",
            "value threshold matched_id", allowed={"action": "drop down_weight warn"}, carried=False,
        ),
        _table("scores", "candidate_id model", "candidate_id model score:float", carried=False),
        _table("training_rows", "model row_id", "model row_id table_name", carried=False),
    )
}  # fmt: skip


def empty_frame(name: str) -> pl.DataFrame:
    """A frame of the table with no rows."""
    return pl.DataFrame(schema=dict(TABLES[name].columns))


def conform_frame(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as its table says: columns in order and of their types, rows sorted by key; checked.

    Raises:
        TableError: a column is missing, unknown or of another type, a key is null or repeated, a
            required value is null, or a value is not among those allowed.
    """
    table = TABLES[name]
    missing = [c for c in table.columns if c not in frame.columns]
    unknown = [c for c in frame.columns if c not in table.columns]
    if missing or unknown:
        raise TableError(f"table {name}: missing columns {missing}, unknown columns {unknown}")
    try:
        frame = frame.select(pl.col(c).cast(t) for c, t in table.columns.items())
    except pl.exceptions.PolarsError as error:
        raise TableError(f"table {name}: a column has another type than its schema: {error}") from error
    frame = frame.sort(table.key).rechunk()
    check_frame(name, frame)
    return frame


def check_frame(name: str, frame: pl.DataFrame) -> None:
    """Raise TableError when the frame breaks a rule of its table; see `conform_frame`."""
    table = TABLES[name]
    if dict(frame.schema) != {c: t for c, t in table.columns.items()}:
        raise TableError(f"table {name}: columns are {dict(frame.schema)}, expected {dict(table.columns)}")
    for column in table.columns:
        nulls = frame[column].null_count()
        if nulls and column not in table.nullable:
            row = frame[column].is_null().arg_max()
            raise TableError(
                f"table {name}, column {column}: {nulls} nulls, first in row {row}; fill or quarantine them"
            )
    repeated = frame.select(table.key).is_duplicated()
    if repeated.any():
        example = frame.select(table.key).filter(repeated).row(0)
        raise TableError(f"table {name}: {repeated.sum()} rows share a key {table.key}, such as {example}")
    for column, words in table.allowed.items():
        wrong = frame.filter(~pl.col(column).is_in(list(words)))
        if wrong.height:
            raise TableError(
                f"table {name}, column {column}: {wrong.height} values outside {sorted(words)},"
                f" such as {wrong[column][0]!r}"
            )


def union_rows(name: str, *frames: pl.DataFrame) -> pl.DataFrame:
    """All rows of several frames of one table, by key; of rows with an equal key the first frame's stays."""
    table = TABLES[name]
    columns = list(table.columns)
    joined = pl.concat([empty_frame(name), *(f.select(columns) for f in frames)])
    return conform_frame(name, joined.unique(subset=list(table.key), keep="first", maintain_order=True))
