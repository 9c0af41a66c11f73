"""The command `flywheel diff`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.shared import AsJson, find_project, say
from schemas.errors import UserError


def diff(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[A] [B]", help="Revisions, or two files; HEAD and the workspace if not given."),
    ] = None,
    table: Annotated[list[str] | None, typer.Option(metavar="TABLE", help="Only this table; repeatable.")] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Names a row of a file; guessed if not given; repeatable."),
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="SQL", help="Only rows that meet this, before or after.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows to show of each kind.")] = 5,
    lengths: Annotated[bool, typer.Option("--lengths", help="Measure mean lengths in large tables too.")] = False,
    as_json: AsJson = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print Markdown that fits a pull request's comment.")
    ] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one page that opens offline.")] = None,
) -> None:
    """Say which rows differ between two revisions or two files; exit status 0 none, 1 some, 2 trouble."""
    if len(revisions or []) > 2:
        raise typer.BadParameter("two revisions or files at most")
    if as_json and as_markdown:
        raise typer.BadParameter("--json and --markdown exclude each other")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no linear algebra here: its threads only cost time to start
    from pipelines.versions.diff.command import find_difference, write_difference

    form = "json" if as_json else "markdown" if as_markdown else "lines"
    try:
        found = find_difference(
            lambda: find_project(any_project=True), revisions or [], tables=table or [], key=key or [], where=where,
            limit=limit, lengths=lengths,
        )  # fmt: skip
        write_difference(found, form, html)
    except BrokenPipeError:
        raise  # a reader that has gone, as in `| head -1`: typer is quiet about it
    except (UserError, OSError) as error:
        if os.environ.get("FLYWHEEL_TRACEBACK"):
            raise
        say(f"flywheel: {error}")
        raise typer.Exit(2) from None
    raise typer.Exit(0 if found.same else 1)
