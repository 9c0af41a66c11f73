"""Turns any file with a column of text into a ledger of the rows to drop, and the rows to keep, outside any project."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from pipelines.loose_rows import fit_names, parse_against, read_against, read_rows
from pipelines.progress import show_progress
from pipelines.store import write_parquet
from schemas.errors import UserError

if TYPE_CHECKING:
    from curation.known_rows import Known
    from curation.loose_rows import Faults
    from schemas.curation_params import DemonstrationRules, NearDuplicates
    from schemas.params import Params


@dataclass(frozen=True)
class Curated:
    """What became of a file's rows; rows = kept + dropped. against: rows dropped for those of other files."""

    file: Path
    rows: int
    kept: int
    dropped: int
    reasons: dict[str, int]
    against: dict[str, int] = field(default_factory=dict)

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
    against: Sequence[str] = (),
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
        against: other files, as `parse_against` reads them. What is a duplicate of a row of theirs is dropped, whatever
            `keep` says; the ledger then has a column matched_file.

    Raises:
        UserError: the file, a column, a rule or an expression is not what it should be.
    """
    others = parse_against(against, file, text, key)
    _check_outputs([file, *(other.path for other in others)], dropped, kept)
    if signatures and not key:
        raise UserError("--signatures needs --key: row numbers of several files are not one row's name")
    loading = _load_loops()
    settings = _read_params(params)
    near = _set_threshold(settings.near_duplicates, threshold)
    from curation.keeping import name_values
    from curation.loose_rows import find_faults

    rules = settings.curate_demonstrations.rules
    chosen = _choose_rules(rules, only, reference, against, signatures)
    rows, names = read_rows(file, text, key, keep, {"prompt": prompt, "reference": reference})
    held = read_against(others, rows.height, names["name"]) if others else None
    loading.join()
    known = _read_known(signatures, near, names["name"]) if signatures else None
    with show_progress(file.name) as progress:
        faults = find_faults(
            rows.with_columns(names["name"]), chosen, rules, near, keep=name_values(keep), known=known,
            others=held, progress=progress,
        )  # fmt: skip
    found = faults.found
    ledger = _write_outputs(file, faults, names, held, dropped, kept)
    if signatures and faults.extended:
        _add_known(signatures, near, faults, rows, names["name"])
    gone = found["row"].n_unique()
    reasons = dict(found.group_by("reason").len().sort("reason").iter_rows())
    beside = {str(other.path): _count_beside(ledger, str(other.path)) for other in others}
    return Curated(file, rows.height, rows.height - gone, gone, reasons, beside)


def _set_threshold(near: "NearDuplicates", threshold: float | None) -> "NearDuplicates":
    """The settings of near-duplicates with the threshold of the command line, if it has one."""
    if threshold is None:
        return near
    if not 0 < threshold <= 1:
        raise UserError(f"--threshold {threshold}: give a similarity above 0, at most 1")
    from curation.buckets import fit_bands

    return fit_bands(near, threshold)


def _choose_rules(
    rules: "DemonstrationRules",
    only: Sequence[str],
    reference: str | None,
    against: Sequence[str],
    signatures: Path | None,
) -> list[str]:
    """Names of the rules to apply; a column of right answers calls for the rule that reads it."""
    from curation.loose_rows import DUPLICATES, choose_rules

    chosen = choose_rules(rules, only)
    if reference and "wrong_answer" not in chosen:
        if only:
            raise UserError("--reference: only the rule wrong_answer reads it; add that to --only")
        chosen.append("wrong_answer")
    if against and not set(chosen) & set(DUPLICATES):
        raise UserError(f"--against: only the rules {' and '.join(DUPLICATES)} read it; add one to --only")
    if signatures and "near_duplicate" not in chosen:
        raise UserError("--signatures: only the rule near_duplicate reads it; add that to --only")
    return chosen


def describe_curated(curated: Curated) -> list[str]:
    """The counts for people, a line each."""
    lines = [f"{curated.file}: rows {curated.rows:,} = kept {curated.kept:,} + dropped {curated.dropped:,}"]
    lines += [f"  {reason} {count:,}" for reason, count in curated.reasons.items()]
    return lines + [f"  {count:,} for rows of {path}" for path, count in curated.against.items()]


def _check_outputs(read: Sequence[Path], dropped: Path, kept: Path | None) -> None:
    named = {"--dropped": dropped, "--kept": kept}
    for option, path in named.items():
        if path is not None and (path.is_dir() or path.resolve() in [each.resolve() for each in read]):
            raise UserError(f"{option} {path}: is a file to read or a folder; name another file")
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


def _read_known(folder: Path, near: "NearDuplicates", names: pl.Series) -> "list[Known]":
    """Rows that earlier runs kept, their names of the type that those of the new rows have."""
    from pipelines.signatures import read_known

    known = read_known(folder, near)
    told = "--signatures {}: keys of earlier rows are {}"
    return [replace(part, names=fit_names(part.names, names, told.format(folder, part.names.dtype))) for part in known]


def _add_known(folder: Path, near: "NearDuplicates", faults: "Faults", rows: pl.DataFrame, names: pl.Series) -> None:
    """Keep the new rows that nothing was found against."""
    from pipelines.signatures import slice_known, write_known

    new = faults.extended.rows  # type: ignore[union-attr]
    stay = ~new.is_in(faults.found["row"].unique().implode())
    places, ids = stay.arg_true().to_numpy(), new.filter(stay)
    if len(ids):
        bands = faults.extended.bands  # type: ignore[union-attr]
        write_known(folder, near, slice_known(names, rows["text"], ids, bands, places))


def _write_outputs(
    file: Path, faults: "Faults", names: pl.DataFrame, held: pl.DataFrame | None, dropped: Path, kept: Path | None
) -> pl.DataFrame:
    """Write the ledger, which is returned, and the rows that stay."""
    from pipelines.sources.columns import read_columns

    found = faults.found
    if kept is not None:
        gone = names["place"].gather(found["row"].unique())
        whole = read_columns(file)
        write_parquet(whole.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(gone.implode())), kept)
    all_names = [names["name"], *([] if held is None else [held["name"]])]
    all_names += [faults.extended.names] if faults.extended and len(faults.extended.names) else []
    ledger = found.select(
        names["name"].gather(found["row"]).alias("row_id"), "reason", "value", "threshold",
        pl.concat(all_names).gather(found["matched_row"]).alias("matched_id"), "rule_version",
    )  # fmt: skip
    if held is not None:
        files = found.join(held, left_on="matched_row", right_on="row", how="left", maintain_order="left")["file"]
        ledger = ledger.with_columns(files.alias("matched_file"))
    write_parquet(ledger, dropped)
    return ledger


def _count_beside(ledger: pl.DataFrame, path: str) -> int:
    return ledger.filter(pl.col("matched_file") == path)["row_id"].n_unique()
