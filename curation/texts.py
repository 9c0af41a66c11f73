"""Turns message columns into the plain texts that rules read."""

import polars as pl


def prompt_text(messages: str = "messages") -> pl.Expr:
    """All contents of a prompt's messages but the system's, a line each: what makes two prompts alike."""
    return _join_contents(messages, pl.element().struct.field("role") != "system")


def system_text(messages: str = "messages") -> pl.Expr:
    """Contents of a prompt's system messages: the setting, shared by many prompts."""
    return _join_contents(messages, pl.element().struct.field("role") == "system")


def completion_text(completion: str = "completion") -> pl.Expr:
    """What the assistant says in a completion, a line a message."""
    return _join_contents(completion, pl.element().struct.field("role") == "assistant")


def said_text(completion: str = "completion") -> pl.Expr:
    """What the assistant says in a completion and which tools it calls, a line a message: what tells two apart."""
    field = pl.element().struct.field
    said = field("content").fill_null("") + field("tool_calls").fill_null("")
    return pl.col(completion).list.eval(said.filter(field("role") == "assistant")).list.join("\n").fill_null("")


def trained_text(completion: str = "completion") -> pl.Expr:
    """What the assistant says in the messages that are trained on."""
    field = pl.element().struct.field
    return _join_contents(completion, (field("role") == "assistant") & field("train").fill_null(True))


def _join_contents(messages: str, wanted: pl.Expr) -> pl.Expr:
    contents = pl.col(messages).list.eval(pl.element().filter(wanted).struct.field("content"))
    return contents.list.join("\n", ignore_nulls=True).fill_null("")
