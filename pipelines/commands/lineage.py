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
