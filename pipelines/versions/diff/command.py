"""Carries out `flywheel diff`: finds out what is to be compared, and writes what differs."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.versions.contents import WORKSPACE
from pipelines.versions.diff.comparing import compare_files
from pipelines.versions.diff.found import Diff
from schemas.errors import UserError

HEAD = "HEAD"
SUFFIXES = (".parquet", ".json", ".jsonl", ".csv", ".tsv", ".gz")
"""A name with one of these means a file, there or not."""


class DiffError(UserError):
    """What was asked to compare cannot be compared; the message says how to ask."""


def find_difference(
    find_root: Callable[[], Path],
    asked: Sequence[str],
    *,
    tables: Sequence[str],
    key: Sequence[str],
    where: str | None,
    limit: int,
    lengths: bool,
) -> Diff:
    """What differs between two files where both names are files, else between two revisions.

    Args:
        asked: none compares HEAD with the workspace, one that revision with the workspace.

    Raises:
        UserError: what was asked for is not there, or cannot be compared.
    """
    files = [Path(name) for name in asked if Path(name).is_file() or Path(name).suffix in SUFFIXES]
    if len(asked) == 2 and len(files) == 2:
        if tables or lengths:
            raise DiffError("--table and --lengths are for revisions; two files are one table")
        return compare_files(files[0], files[1], key=key, where=where, limit=limit)
    if files:
        others = [f"{name} is none" for name in asked if Path(name) not in files]
        raise DiffError(f"{files[0]} is a file{''.join(f', {other}' for other in others)}: two files are compared")
    old, new = (*asked, *[HEAD, WORKSPACE][len(asked) :]) if len(asked) != 1 else (asked[0], WORKSPACE)
    from pipelines.versions.diff.revisions import compare_revisions

    return compare_revisions(find_root(), old, new, tables=tables, key=key, where=where, limit=limit, lengths=lengths)


def write_difference(diff: Diff, form: str, page: Path | None) -> None:
    """Write a diff to stdout as `lines`, `json` or `markdown`, and as a page where one is named."""
    if page is not None:
        from pipelines.versions.diff.page import write_page

        write_page(diff, page)
    if form == "json":
        json.dump(diff.to_json(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    elif form == "markdown":
        from pipelines.versions.diff.markdown import write_markdown

        sys.stdout.write(write_markdown(diff))
    elif page is None:
        from pipelines.versions.diff.lines import describe_diff

        sys.stdout.writelines(f"{line}\n" for line in describe_diff(diff, colours=sys.stdout.isatty()))
    sys.stdout.flush()
