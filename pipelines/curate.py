"""Turns any file with a column of text into a ledger of the rows to drop, and the rows to keep, outside any project."""

import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.progress import show_progress
from pipelines.store import write_parquet
from schemas.errors import UserError

if TYPE_CHECKING:
    from curation.loose_rows import Faults
    from schemas.curation_params import DemonstrationRules, NearDuplicates
    from schemas.params import Params


@dataclass(frozen=True)
class Curated:
    """What became of a file's rows; rows = kept + dropped."""

    file: Path
    rows: int
    kept: int
    dropped: int
    reasons: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "file": str(self.file)}


def curate_file(
    file: Path,
    text: str,
    *,
    dropped: Path,
    key: str | None = None,
    kept: Path | None = None,
    only: Sequence[str] = (),
    threshold: float | None = None,
    keep: Sequence[str] = (),
    params: Path | None = None,
    signatures: Path | None = None,
    prompt: str | None = None,
    reference: str | None = None,
) -> Curated:
    """Judge every row of a file by the rules for demonstrations and write the ledger, one row per row and reason.

    Args:
        text, key: columns of the file; without a key, rows are named by their number, from 1.
        dropped, kept: where to write the ledger, and the file's rows that no rule drops with all their columns.
        only: rules to apply, of those that `--only` lists; else those that params switch on.
        threshold: of near-duplicates, in place of that of params.
        keep: which of several duplicates survives, as `curation.keeping` says.
        params: a params.yaml in place of the installed one.
        signatures: folder of the rows that earlier files kept, which survive before all of this one; those that
            this one keeps are added.
        prompt, reference: columns of what each text answers, and of the answer known to be right, which the rule
            `wrong_answer` holds the text against; null is unknown.

    Raises:
        UserError: the file, a column, a rule or an expression is not what it should be.
    """
    _check_outputs(file, dropped, kept)
    if signatures and not key:
        raise UserError("--signatures needs --key: row numbers of several files are not one row's name")
    loading = _load_loops()
    settings = _read_params(params)
    near = _set_threshold(settings.near_duplicates, threshold)
    from curation.loose_rows import find_faults
    from pipelines.signatures import read_known

    rules = settings.curate_demonstrations.rules
    chosen = _choose_rules(rules, only, reference)
    rows, names = _read_rows(file, text, key, keep, {"prompt": prompt, "reference": reference})
    loading.join()
    known = read_known(signatures, near) if signatures else None
    with show_progress(file.name) as progress:
        faults = find_faults(
            rows.with_columns(names["name"]), chosen, rules, near, keep=keep, known=known, progress=progress
        )
    found = faults.found
    _write_outputs(file, faults, names, dropped, kept)
    if signatures and faults.extended:
        _add_known(signatures, near, faults, rows, names["name"])
    gone = found["row"].n_unique()
    reasons = dict(found.group_by("reason").len().sort("reason").iter_rows())
    return Curated(file, rows.height, rows.height - gone, gone, reasons)


def _set_threshold(near: "NearDuplicates", threshold: float | None) -> "NearDuplicates":
    """The settings of near-duplicates with the threshold of the command line, if it has one."""
    if threshold is None:
        return near
    if not 0 < threshold <= 1:
        raise UserError(f"--threshold {threshold}: give a similarity above 0, at most 1")
    return near.model_copy(update={"threshold": threshold})


def _choose_rules(rules: "DemonstrationRules", only: Sequence[str], reference: str | None) -> list[str]:
    """Names of the rules to apply; a column of right answers calls for the rule that reads it."""
    from curation.loose_rows import choose_rules

    chosen = choose_rules(rules, only)
    if reference and "wrong_answer" not in chosen:
        if only:
            raise UserError("--reference: only the rule wrong_answer reads it; add that to --only")
        chosen.append("wrong_answer")
    return chosen


def describe_curated(curated: Curated) -> list[str]:
    """The counts for people, a line each."""
    lines = [f"{curated.file}: rows {curated.rows:,} = kept {curated.kept:,} + dropped {curated.dropped:,}"]
    return lines + [f"  {reason} {count:,}" for reason, count in curated.reasons.items()]


def _check_outputs(file: Path, dropped: Path, kept: Path | None) -> None:
    named = {"--dropped": dropped, "--kept": kept}
    for option, path in named.items():
        if path is not None and (path.resolve() == file.resolve() or path.is_dir()):
            raise UserError(f"{option} {path}: is the file itself or a folder; name another file")
    if kept is not None and kept.resolve() == dropped.resolve():
        raise UserError(f"--kept {kept}: is the same as --dropped; name another file")


def _load_loops() -> threading.Thread:
    """Start loading the compiled loops, by running them on two rows, while the file is read."""

    def load() -> None:
        from curation.near_duplicates import drop_near_duplicates
        from schemas.curation_params import NearDuplicates

        near = NearDuplicates(
            threshold=1, column_threshold=0, shingle_words=1, shingle_characters=1, bands=1, rows_per_band=1, seed=1
        )
        # numba looks for BLAS and C declarations that no loop here uses; finding none, it starts 0.2 s sooner
        unused = [name for name in ("scipy", "cffi") if name not in sys.modules]
        sys.modules.update(dict.fromkeys(unused))  # type: ignore[arg-type]
        try:
            drop_near_duplicates(pl.DataFrame({"row_id": [1, 2], "text": ["é", "é"]}), near)
        finally:
            for name in unused:
                del sys.modules[name]

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    return thread


def _read_params(path: Path | None) -> "Params":
    from pipelines.init import find_pipeline_file
    from pipelines.stage import read_yaml
    from schemas.params import parse_params

    source = path or find_pipeline_file("params.yaml")
    return parse_params(read_yaml(source), str(source))


def _read_rows(
    file: Path, text: str, key: str | None, keep: Sequence[str], context: Mapping[str, str | None]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows to judge (row, text, what `keep` reads), and their names (place in the file, name), in the order of row.

    context: columns of what noise rules read beside the text, by its name in CONTEXT.

    Rows are numbered in the order of their keys, so that nothing depends on the file's order.
    """
    from curation.keeping import list_columns
    from curation.loose_rows import CONTEXT
    from pipelines.sources.columns import read_columns

    beside = {CONTEXT[name]: column for name, column in context.items() if column}
    wanted = dict.fromkeys([text, *([key] if key else []), *list_columns(keep), *beside.values()])
    frame = read_columns(file, [name for name in wanted])
    if frame.height == 0:
        raise UserError(f"{file}: the file has no rows; check how it was made or fetched")
    _check_texts(file, text, frame[text])
    for column in beside.values():
        _check_context(file, column, frame[column])
    place = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    names = place.cast(pl.Int64) + 1
    if key:
        _check_keys(file, key, frame[key])
        place = frame[key].arg_sort()
        names, frame = frame[key].gather(place), frame[place]
    numbers = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
    known = [pl.col(column).cast(pl.String).alias(name) for name, column in beside.items()]
    rows = frame.with_columns(pl.col(text).alias("text"), *known).with_columns(numbers.alias("row"))
    return rows, pl.DataFrame({"place": place, "name": names})


def _check_texts(file: Path, column: str, texts: pl.Series) -> None:
    if texts.dtype != pl.String:
        raise UserError(f"{file}: column {column} holds {texts.dtype}, not text; name a column of texts")
    if texts.null_count():
        first = texts.is_null().arg_true()[0] + 1
        count = f"{texts.null_count():,} of {len(texts):,} rows"
        raise UserError(f"{file}, row {first}: column {column} is null ({count}); fill in or take out such rows")


def _check_context(file: Path, column: str, values: pl.Series) -> None:
    if values.dtype != pl.String and not values.dtype.is_numeric() and values.dtype != pl.Null:
        raise UserError(f"{file}: column {column} holds {values.dtype}; prompts are texts, references texts or numbers")


def _check_keys(file: Path, column: str, keys: pl.Series) -> None:
    if keys.dtype != pl.String and not keys.dtype.is_integer():
        raise UserError(f"{file}: column {column} holds {keys.dtype}; a key is text or a whole number")
    if keys.null_count():
        raise UserError(f"{file}, row {keys.is_null().arg_true()[0] + 1}: the key {column} is null; give each row one")
    if keys.n_unique() < len(keys):
        place = keys.is_duplicated().arg_true()[0]
        raise UserError(
            f"{file}, row {place + 1}: the key {keys[place]!r} of column {column} stands twice; keys name one row"
        )


def _add_known(folder: Path, near: "NearDuplicates", faults: "Faults", rows: pl.DataFrame, names: pl.Series) -> None:
    """Keep the new rows that nothing was found against."""
    from curation.buckets import Bands
    from pipelines.signatures import write_known

    new = faults.extended.rows  # type: ignore[union-attr]
    bands = faults.extended.bands  # type: ignore[union-attr]
    stay = ~new.is_in(faults.found["row"].unique().implode())
    places, ids = stay.arg_true().to_numpy(), new.filter(stay)
    if len(ids):
        whole = Bands(bands.keys[:, places], bands.counts[:, places])
        write_known(folder, near, names.gather(ids), rows["text"].gather(ids), whole)


def _write_outputs(file: Path, faults: "Faults", names: pl.DataFrame, dropped: Path, kept: Path | None) -> None:
    from pipelines.sources.columns import read_columns

    found = faults.found
    all_names = names["name"] if faults.extended is None else names["name"].extend(faults.extended.names)
    if kept is not None:
        gone = names["place"].gather(found["row"].unique())
        whole = read_columns(file)
        write_parquet(whole.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(gone.implode())), kept)
    ledger = found.select(
        names["name"].gather(found["row"]).alias("row_id"), "reason", "value", "threshold",
        all_names.gather(found["matched_row"]).alias("matched_id"), "rule_version",
    )  # fmt: skip
    write_parquet(ledger, dropped)
