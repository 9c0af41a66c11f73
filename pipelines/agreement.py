"""Turns any file of labels, or a project's, into a table of how far its labelers agree and can be relied on."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.stage import read_yaml
from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from curation.label_quality import LabelQuality

TABLES = ("rankings", "ratings", "candidates")
MEASURES = (
    ("two labelers agree", "agreement", "agreement_error"),
    ("Krippendorff's alpha, nominal", "alpha_nominal", "alpha_nominal_interval"),
    ("Krippendorff's alpha, ordinal", "alpha_ordinal", "alpha_ordinal_interval"),
    ("Krippendorff's alpha, interval", "alpha_interval", "alpha_interval_interval"),
    ("Cohen's kappa, mean of pairs of labelers", "cohen_kappa", None),
    ("Fleiss' kappa", "fleiss_kappa", None),
    ("WMT's kappa", "wmt_kappa", None),
    ("Kendall's tau-b with the others' consensus", "kendall_tau_b", None),
    ("Kendall's W", "kendall_w", None),
    ("agreement with oneself on repeats", "repeat_agreement", None),
    ("right on gold items", "gold_accuracy", None),
)
"""What the table shows: words, key of the measure, key of its error or interval."""
COLUMNS = (
    ("rankings", "n_rankings"), ("votes", "n_votes"), ("ties", "tie_share"), ("agree", "agreement"), ("kappa", "kappa"),
    ("tau-b", "tau_b"), ("reliable", "reliability"), ("at least", "lower"), ("at most", "upper"),
    ("position", "position_bias"), ("length", "length_bias"), ("repeats", "repeat_consistency"),
    ("gold", "gold_accuracy"), ("on", "n_gold"),
)  # fmt: skip
"""Columns of the table of labelers: heading and key; one that is null for all is left out."""
SHOWN_ROWS = 40


class AgreementError(UserError):
    """There are no labels to measure; the message says where and the mend."""


def measure_file(
    file: Path, format_name: str | None = None, *, mapping: Sequence[str] = (), gold_labelers: Collection[str] = ()
) -> "LabelQuality":
    """Measure a file of any format that can be ingested; nothing of it is kept.

    Args:
        gold_labelers: those whose labels are the truth, beside those that params name.

    Raises:
        IngestError: the file cannot be read.
        AgreementError: it holds no rankings and no ratings.
    """
    from pipelines.ingest import ingest_file
    from pipelines.init import find_pipeline_file
    from pipelines.sources.imports import read_imports

    with TemporaryDirectory(prefix="flywheel-") as folder:
        root = Path(folder)
        part = ingest_file(root, file, format_name, mapping=mapping, track=False).part
        frames = {name: read_imports(root, name) for name in TABLES}
    if frames["rankings"].is_empty() and frames["ratings"].is_empty():
        raise AgreementError(f"{file}: {part.format} rows hold no labels, only {', '.join(part.tables)}")
    return _measure_frames(frames, find_pipeline_file("params.yaml"), gold_labelers)


def measure_project(root: Path, *, gold_labelers: Collection[str] = ()) -> "LabelQuality":
    """Measure a project's rankings of all turns, or where no turn has been run those of imports/.

    Raises:
        AgreementError: there are none.
    """
    frames = {name: _read_rows(root, name) for name in TABLES}
    if frames["rankings"].is_empty() and frames["ratings"].is_empty():
        mend = "take some in (`flywheel ingest`), run a turn (`dvc repro`) or name a file"
        raise AgreementError(f"{root}: there are no labels here, neither in data/ nor in imports/; {mend}")
    return _measure_frames(frames, root / "params.yaml", gold_labelers)


def _read_rows(root: Path, name: str) -> "pl.DataFrame":
    import polars as pl

    from pipelines.sources.imports import read_imports
    from pipelines.store import list_files
    from schemas.tables import union_rows

    paths = (root / "data" / "past" / name, root / "data" / f"{name}.parquet", root / "data" / name)
    files = [file for path in paths if path.exists() for file in list_files(path) if file.suffix == ".parquet"]
    if not files:
        return read_imports(root, name)
    return union_rows(name, *(pl.read_parquet(file, hive_partitioning=False) for file in files))


def _measure_frames(
    frames: Mapping[str, "pl.DataFrame"], params_file: Path, gold_labelers: Collection[str]
) -> "LabelQuality":
    import polars as pl

    from curation.label_quality import measure_labels
    from curation.texts import completion_text
    from schemas.params import parse_params

    params = parse_params(read_yaml(params_file), str(params_file))
    lengths = frames["candidates"].select("candidate_id", n_characters=completion_text().str.len_chars())
    unknown = set(gold_labelers) - set(pl.concat([frames[n]["labeler_id"] for n in ("rankings", "ratings")]))
    if unknown:
        raise AgreementError(
            f"--gold {min(unknown)}: no such labeler; they are named as the table without --gold shows"
        )
    section = params.curate_preferences
    return measure_labels(
        frames["rankings"], frames["ratings"], lengths, gold_labelers={*section.gold_labelers, *gold_labelers},
        bootstrap=section.bootstrap, seed=params.seed,
    )  # fmt: skip


def list_quality(quality: "LabelQuality") -> dict[str, Any]:
    """All measures as plain values: overall, by labeler, by two labelers."""
    return {**quality.overall, "labelers": quality.labelers.to_dicts(), "labeler_pairs": quality.pairs.to_dicts()}


def describe_quality(quality: "LabelQuality") -> list[str]:
    """The measures that are known as lines to read: overall, then a table of labelers, then of aspects rated."""
    found = quality.overall
    lines = [
        f"{found['n_rankings']:,} rankings by {found['n_labelers']:,} labelers: {found['n_votes']:,} votes on"
        f" {found['n_items']:,} pairs, {_show(found['tie_share'])} of them ties"
    ]
    width = max(len(words) for words, _, _ in MEASURES)
    for words, key, error in MEASURES:
        if found[key] is not None:
            lines.append(f"  {words:<{width}}  {_show(found[key])}{_show_error(found.get(error)) if error else ''}")
    if found["n_items"]:
        counts = ", ".join(f"{name} {count:,}" for name, count in found["majorities"].items())
        lines.append(f"  {'majority of the votes on a pair':<{width}}  {counts}")
    lines += _describe_labelers(quality.labelers)
    for aspect, rated in found["ratings"].items():
        shown = ", ".join(f"{level} {_show(rated[f'alpha_{level}'])}" for level in ("ordinal", "interval"))
        lines.append(f"ratings of {aspect}: {rated['n_ratings']:,}, Krippendorff's alpha {shown}")
    return lines


def _describe_labelers(labelers: "pl.DataFrame") -> list[str]:
    known = [(heading, key) for heading, key in COLUMNS if labelers[key].null_count() < labelers.height]
    table = [["labeler", *(heading for heading, _ in known)]]
    for row in labelers.head(SHOWN_ROWS).iter_rows(named=True):
        table.append([row["labeler_id"], *(_show(row[key]) for _, key in known)])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if not i else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in table
    ]
    hidden = labelers.height - SHOWN_ROWS
    return ["", *lines, *([f"and {hidden:,} more; --json has all"] if hidden > 0 else [])] if labelers.height else []


def _show(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _show_error(error: Any) -> str:
    if error is None:
        return ""
    return f" ({error[0]:.3f} to {error[1]:.3f})" if isinstance(error, list) else f" +- {error:.3f}"
