"""Commands that follow rows through history: trace, dropped."""

from typing import Annotated

import typer

from pipelines.commands.shared import AsJson, find_project, put, say, to_json


def trace(
    target: Annotated[
        str, typer.Argument(metavar="ID", help="A row's id or its first digits, a model's md5, or its folder.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show where a row or a model came from and where it went, over all turns."""
    from pipelines.versions.lineage.nodes import describe_story
    from pipelines.versions.lineage.tracing import trace as trace_target

    story = trace_target(find_project(), target)
    put([to_json(story.to_json())] if as_json else describe_story(story))
    for note in story.notes:
        say(note)


def dropped(
    at: Annotated[
        str | None, typer.Option(metavar="REV", help="Commit, tag, branch or experiment; else the workspace.")
    ] = None,
    table: Annotated[str | None, typer.Option(help="Only rows of this table.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only rows dropped for this.")] = None,
    rows: Annotated[bool, typer.Option("--rows", help="Each row, not counts.")] = False,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TURN", help="Follow the rows of this revision.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--alive-in", metavar="TURN", help="What became of them by this one.")
    ] = None,
    without_labeler: Annotated[
        list[str] | None,
        typer.Option(metavar="LABELER", help="Which preferences change without this labeler's votes; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what was dropped and why, what of one turn lives in another, or what hangs on a labeler."""
    if (start is None) != (end is None):
        raise typer.BadParameter("--from and --alive-in go together")
    if start and without_labeler:
        raise typer.BadParameter("--from and --without-labeler exclude each other")
    if start and (reason or at):
        raise typer.BadParameter("--reason and --at do not go with --from and --alive-in")
    if without_labeler and (table or reason or rows):
        raise typer.BadParameter("--table, --reason and --rows do not go with --without-labeler")
    if without_labeler:
        from pipelines.versions.lineage.votes import describe_without, leave_out

        without = leave_out(find_project(), without_labeler, at)
        put([to_json(without.to_json())] if as_json else describe_without(without))
        return
    from pipelines.versions.lineage.ledger import (
        TABLES,
        describe_listing,
        follow_rows,
        list_dropped,
        summarise_survival,
    )

    if table is not None and start and table not in TABLES:
        raise typer.BadParameter(f"--table is one of {', '.join(TABLES)}")
    if start and end:
        found = follow_rows(find_project(), start, end, table=table, rows=rows)
        if not rows and not as_json:
            for line in summarise_survival(found, start, end):
                say(line)
    else:
        found = list_dropped(find_project(), at, table=table, reason=reason, rows=rows)
    titles = {"was": f"in {start}", "now": f"in {end}"} if start else {}
    put([to_json(found.to_json())] if as_json else describe_listing(found, titles))
