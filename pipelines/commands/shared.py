"""What every command needs: where it runs, and how it says things: data to stdout, words to stderr."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def say(line: str) -> None:
    """Words for a person, to stderr."""
    print(line, file=sys.stderr)  # noqa: T201


def put(lines: Iterable[str]) -> None:
    """Data, to stdout."""
    for line in lines:
        print(line)  # noqa: T201
    sys.stdout.flush()  # a reader that has gone, as in `| head -1`, shows here, where typer is quiet about it


def find_project(*, any_project: bool = False) -> Path:
    """The project's folder; with `any_project` one of DVC's will do that is no flywheel."""
    from pipelines.versions.project import find_dvc_root, find_root

    return find_dvc_root(Path.cwd()) if any_project else find_root(Path.cwd())


def to_json(values: Any) -> str:
    """Plain values as text."""
    return json.dumps(values, indent=2, ensure_ascii=False)
