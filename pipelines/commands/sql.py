"""The command `flywheel sql`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.shared import AsJson, find_project, say


def sql(
    query: Annotated[
        str | None, typer.Argument(help="One SELECT; - reads it from stdin; without one a prompt opens.")
    ] = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="REV", help="Commit, tag, branch, HEAD~1, experiment; repeatable.")
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
    parquet: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the rows to this file instead.")] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a DuckDB file of all tables as views; no query.")
    ] = None,
    any_file: Annotated[bool, typer.Option("--any-file", help="Let the query read other files too.")] = False,
) -> None:
    """Ask the tables of this project, or of any revision of it, with SQL."""
    if sum([as_json, as_csv, parquet is not None, save is not None]) > 1:
        raise typer.BadParameter("--json, --csv, --parquet and --save exclude each other")
    if save is not None and query is not None:
        raise typer.BadParameter("--save takes no query")
    if query is None and parquet is not None:
        raise typer.BadParameter("--parquet needs a query")
    if query is None and save is None and not sys.stdin.isatty():
        raise typer.BadParameter("give a query, - to read it from stdin, or --save FILE; a prompt needs a terminal")
    from pipelines.versions.sql_command import answer_query, save_catalog

    root = find_project(any_project=True)
    form = "json" if as_json else "csv" if as_csv else "table"
    if save is not None:
        say(save_catalog(root, save, at or []))
        return
    if query is None:
        from pipelines.versions.sql_prompt import open_prompt

        open_prompt(root, at or [], form=form, any_file=any_file)
        return
    text = sys.stdin.read() if query == "-" else query
    for note in answer_query(root, text, at or [], form=form, parquet=parquet, any_file=any_file):
        say(note)
