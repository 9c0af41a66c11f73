"""Commands that keep history safe: verify, push, gc."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.shared import AsJson, find_project, put, say, to_json

RemoteName = Annotated[str | None, typer.Option(metavar="NAME", help="A remote of DVC; else the default one.")]


def verify(
    remote: RemoteName = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="First bring from the remote what is missing or corrupt here.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check that every turn is there and whole: objects here and on the remote, links of turns, lineage of models."""
    from pipelines.versions.safety.verifying import describe_verified, verify_history

    verified = verify_history(find_project(any_project=True), remote, fetch=fetch)
    put([to_json(verified.to_json())] if as_json else describe_verified(verified))
    if verified.problems:
        raise typer.Exit(1)


def push(
    remote: RemoteName = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read what is there already, and send again what is damaged.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send what every tagged turn needs to the remote, and check that it is there."""
    from pipelines.versions.safety.pushing import describe_pushed, push_history

    pushed = push_history(find_project(any_project=True), remote, deep=deep)
    if as_json:
        put([to_json(pushed.to_json())])
    else:
        for line in describe_pushed(pushed):
            say(line)
    if pushed.lacking:
        raise typer.Exit(1)


def gc(
    plan: Annotated[bool, typer.Option("--plan", help="Only show; so it is without --yes.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it.")] = False,
    remote: Annotated[
        str | None, typer.Option(metavar="NAME", help="Look at this remote too; else only at the cache here.")
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(metavar="DIR", help="Another project with this cache or remote; repeatable.")
    ] = None,
    run_cache: Annotated[
        bool, typer.Option("--run-cache", help="Also forget what the run cache remembers of stages; turns stay whole.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove objects that no tag, branch, experiment or workspace needs; shows what without --yes."""
    from pipelines.versions.safety.collecting import collect_unused, describe_plan

    if plan and yes:
        raise typer.BadParameter("--plan and --yes exclude each other")
    found = collect_unused(
        find_project(any_project=True), remote, others=also or [], run_cache=run_cache, remove=yes
    )  # fmt: skip
    put([to_json(found.to_json())] if as_json else describe_plan(found))
