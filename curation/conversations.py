"""Turns pairs of whole conversations into pairs for the audit: one last reply each, and the dialogue it answers."""

import polars as pl

from curation.texts import prompt_text, system_text

_SIDES = ("chosen", "rejected")


def read_conversations(rows: pl.DataFrame) -> pl.DataFrame:
    """Pairs (curation.pairs.PAIRS) from columns chosen and rejected that hold lists of messages; others stay.

    A side is its last message where that is the assistant's, else there is no reply and it is empty; all before is
    its dialogue. The prompt is the chosen side's dialogue. Messages are structs of role, content and perhaps
    tool_calls.
    """
    split = rows.with_columns(
        expression.alias(f"{side}_{part}")
        for side in _SIDES
        for part, expression in (("dialogue", _take_dialogue(side)), ("reply", _take_reply(rows, side)))
    )
    empty = [count_empty_turns(split, f"{side}_dialogue") for side in _SIDES]
    described = split.with_columns(
        prompt=prompt_text("chosen_dialogue"),
        system=system_text("chosen_dialogue"),
        asked=last_message("chosen_dialogue"),
        n_empty_turns=pl.max_horizontal(empty),
        **{f"{side}_prompt": name_dialogue(f"{side}_dialogue") for side in _SIDES},
    )
    replies = [pl.col(f"{side}_reply").alias(side) for side in _SIDES]
    return described.with_columns(replies).drop(f"{side}_{part}" for side in _SIDES for part in ("dialogue", "reply"))


def count_empty_turns(rows: pl.DataFrame, messages: str) -> pl.Expr:
    """How many of the assistant's messages in a column of `rows` say nothing and call no tool."""
    empty = (pl.element().struct.field("role") == "assistant") & _is_silent(rows, messages)
    return pl.col(messages).list.eval(empty).list.sum().cast(pl.Int64).fill_null(0)


def last_message(messages: str) -> pl.Expr:
    """Content of the last message."""
    return pl.col(messages).list.last().struct.field("content").fill_null("")


def name_dialogue(messages: str) -> pl.Expr:
    """A text that is equal for dialogues of equal roles and contents only."""
    field = pl.element().struct.field
    return pl.col(messages).list.eval(field("role") + "\x1f" + field("content").fill_null("")).list.join("\x1e")


def _is_silent(rows: pl.DataFrame, messages: str) -> pl.Expr:
    kind = rows.schema[messages]
    names = (
        {f.name for f in kind.inner.fields} if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct) else {}
    )
    silent = pl.element().struct.field("content").fill_null("").str.strip_chars() == ""
    return silent & pl.element().struct.field("tool_calls").is_null() if "tool_calls" in names else silent


def _replies(side: str) -> pl.Expr:
    return (pl.col(side).list.last().struct.field("role") == "assistant").fill_null(False)


def _take_dialogue(side: str) -> pl.Expr:
    return pl.when(_replies(side)).then(pl.col(side).list.head(pl.col(side).list.len() - 1)).otherwise(pl.col(side))


def _take_reply(rows: pl.DataFrame, side: str) -> pl.Expr:
    last = pl.col(side).list.last().struct
    kind = rows.schema[side]
    called = pl.lit("")
    if (
        isinstance(kind, pl.List)
        and isinstance(kind.inner, pl.Struct)
        and "tool_calls" in {f.name for f in kind.inner.fields}
    ):
        called = last.field("tool_calls").fill_null("")
    said = last.field("content").fill_null("")
    return pl.when(pl.col(side).is_null()).then(None).when(_replies(side)).then(said + called).otherwise(pl.lit(""))
