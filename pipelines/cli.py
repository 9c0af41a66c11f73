"""Turns the command `flywheel` into calls: data to stdout, words to stderr, exit status 0 fine, 1 failed, 2 usage."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands import diff, history, lineage, sql
from pipelines.commands.shared import AsJson, find_project, put, say, to_json
from pipelines.ending import run_and_end, tells_full_disk
from schemas.errors import UserError

app = typer.Typer(
    help="Turns of data, labels and models for LLM alignment: every row versioned, curated with a reason, queryable.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version

        try:
            put([f"flywheel {version('flywheel-data')}"])
        except PackageNotFoundError:
            put(["flywheel, not installed (run from a checkout)"])
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command("init")
def init(directory: Annotated[Path, typer.Argument(help="An empty folder, or one yet to be made.")]) -> None:
    """Make a project of your own in DIRECTORY."""
    from pipelines.init import describe_init, init_project

    for line in describe_init(init_project(directory)):
        say(line)


@app.command("ingest")
def ingest(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines, Parquet, CSV or TSV, plain or gzipped.")],
    format_name: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="Its format; guessed from its content if not given.")
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="FIELD=COLUMN",
            help="Read any table: --map prompt=question --map completion=answer. Fields: prompt, input, system,"
            " messages, completion, chosen, rejected, candidate, rank, score, best, strength, labeler, policy, kind,"
            " id.",
        ),
    ] = None,
    source: Annotated[str | None, typer.Option(help="What to call the source; else its format and file name.")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence it came under.")] = None,
    consent: Annotated[str | None, typer.Option(help="What the people in it agreed to.")] = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it was fetched; else today.")
    ] = None,
    beside: Annotated[
        bool, typer.Option("--beside", help="One more file of its source, not a new version of another.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take a file of demonstrations, preferences or prompts into imports/; the next turn uses its rows."""
    from pipelines.ingest import format_report, ingest_file

    day = (date or datetime.now(UTC)).date()
    report = ingest_file(
        find_project(), file, format_name, licence=licence, consent=consent, source=source, mapping=mapping or (),
        date=day, beside=beside,
    )  # fmt: skip
    put([to_json(report.to_json()) if as_json else format_report(report)])


@app.command("export")
def export(
    format_name: Annotated[
        str, typer.Argument(metavar="FORMAT", help="trl, openai, sharegpt, label-studio, argilla or parquet.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write; for parquet a folder.")],
    table: Annotated[
        str | None, typer.Option(help="demonstrations, preferences or rankings; else the format's first.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train (what a file gets if not given), validation, benchmark or all.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Also what curation dropped.")] = False,
    imports: Annotated[bool, typer.Option("--imports", help="What was ingested, not what the turn holds.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the curated rows in a format of the field, with a report of what it cannot carry."""
    from pipelines.export import export_rows, format_report

    report = export_rows(find_project(), format_name, out, table=table, split=split, raw=raw, imports=imports)
    if as_json:
        put([to_json(report.to_json())])
    else:
        say(format_report(report))


@app.command("curate")
def curate(
    file: Annotated[Path, typer.Argument(help="JSON, JSON Lines, Parquet, CSV or TSV, plain or gzipped.")],
    text: Annotated[str, typer.Option(metavar="COLUMN", help="The column of texts to judge.")],
    dropped: Annotated[Path, typer.Option(help="Parquet to write: a line for each row and reason to drop it.")],
    key: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What names a row; its number, from 1, if not given.")
    ] = None,
    kept: Annotated[Path | None, typer.Option(help="Parquet to write: the rows that no rule drops.")] = None,
    only: Annotated[
        str, typer.Option(metavar="RULE,...", help="Rules to apply; else those that params switch on.")
    ] = "",
    threshold: Annotated[float | None, typer.Option(help="Similarity from which two texts are duplicates.")] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EXPRESSION", help="Of duplicates, keep the greatest by this SQL expression; again for ties."
        ),
    ] = None,
    params: Annotated[Path | None, typer.Option(help="A params.yaml; else the one that was installed.")] = None,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column of prompts that the texts answer, for rules that hold both together."
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column of right answers: wrong ones are dropped (wrong_answer)."),
    ] = None,
    signatures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Remembers kept rows: a later file is held against them.")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE[:COLUMN[:KEY]]",
            help="Also drop duplicates of this file's rows, which is only read; again for another.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the noise and the duplicates in any file, and name a direct survivor for each duplicate."""
    from pipelines.curate import curate_file, describe_curated

    curated = curate_file(
        file, text, key=key, dropped=dropped, kept=kept, only=[name for name in only.split(",") if name],
        threshold=threshold, keep=keep or [], params=params, signatures=signatures, prompt=prompt,
        reference=reference, against=against or [],
    )  # fmt: skip
    if as_json:
        put([to_json(curated.to_json())])
    else:
        for line in describe_curated(curated):
            say(line)


@app.command("agreement")
def agreement(
    file: Annotated[
        Path | None, typer.Argument(help="Labels in any format that can be ingested; the project's own if not given.")
    ] = None,
    format_name: Annotated[
        str | None, typer.Option("--as", metavar="FORMAT", help="Its format; guessed from its content if not given.")
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=COLUMN", help="Read any table, as `ingest` does.")
    ] = None,
    gold: Annotated[
        list[str] | None, typer.Option(metavar="LABELER", help="Whose labels are the truth; again for another.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how far labelers agree, with each other, with themselves and with gold, and how reliable each is."""
    from pipelines.agreement import describe_quality, list_quality, measure_file, measure_project

    if file is None and (format_name or mapping):
        raise typer.BadParameter("--as and --map say how to read a FILE; name it")
    measured = (
        measure_project(find_project(), gold_labelers=gold or ())
        if file is None
        else measure_file(file, format_name, mapping=mapping or (), gold_labelers=gold or ())
    )
    put([to_json(list_quality(measured))] if as_json else describe_quality(measured))


@app.command("next")
def close() -> None:
    """Close the turn that was run (commit, tag) and open the next."""
    from pipelines.versions.turns import close_turn, describe_closed

    closed = close_turn(find_project())
    say(describe_closed(closed))
    put([closed.tag])


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """Say which turn this is, what is out of date and why, and what is missing."""
    from pipelines.versions.status import describe_status, list_status, read_status

    found = read_status(find_project())
    put([to_json(list_status(found))] if as_json else describe_status(found))


@app.command("summary")
def summary(as_json: AsJson = False) -> None:
    """Show the results of the turn that was run last: its metrics, seconds by stage, and the report."""
    from pipelines.versions.summary import describe_summary, read_summary

    found = read_summary(find_project())
    put([to_json(found)] if as_json else describe_summary(found))


app.command("trace")(lineage.trace)
app.command("dropped")(lineage.dropped)
app.command("verify")(history.verify)
app.command("push")(history.push)
app.command("gc")(history.gc)
app.command("sql")(sql.sql)
app.command("diff")(diff.diff)


def main() -> None:
    """Entry point of `flywheel`."""
    run_and_end(run)


def run() -> None:
    """Run a command: what the user can mend ends it with one line and exit status 1."""
    try:
        app()
    except Exception as error:
        known = isinstance(error, UserError | OSError) or tells_full_disk(error)
        if not known or os.environ.get("FLYWHEEL_TRACEBACK"):
            raise
        say(f"flywheel: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
