"""Turns the rows of any file with a column of text into findings: noise rules, exact and near-duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curation.buckets import Progress
from curation.known_rows import Extended, Known, drop_beside_known, take_texts
from curation.near_duplicates import (
    drop_exact_duplicates,
    drop_near_duplicates,
    match_exact_references,
    match_references,
    normalise_text,
)
from schemas.curation_params import DemonstrationRules, NearDuplicates
from schemas.errors import UserError


@dataclass(frozen=True)
class Faults:
    """found: as FINDINGS says, by row and reason. extended: how near-duplicates were found beside known rows."""

    found: pl.DataFrame
    extended: Extended | None


CONTEXT = {"prompt": "text's prompt", "reference": "text's reference"}
"""What noise rules may read beside a text, by the column that has it here: no column of a file is likely called so."""
DUPLICATES = ("exact_duplicate", "near_duplicate")
FINDINGS = {
    "row": pl.UInt32, "reason": pl.String, "value": pl.Float64, "threshold": pl.Float64, "matched_row": pl.UInt32,
    "rule_version": pl.Int64,
}  # fmt: skip


def list_rules() -> list[str]:
    """Names of the rules that judge a text without knowing its turn: the reasons that a row can be dropped for."""
    from curation.noise import RULES

    return [name for name in DemonstrationRules.model_fields if name in RULES or name in DUPLICATES]


def choose_rules(rules: DemonstrationRules, only: Sequence[str]) -> list[str]:
    """The rules to apply: those named, else those that are on.

    Raises:
        UserError: there is no such rule.
    """
    if tuple(only) == ("near_duplicate",):  # spares loading the others
        return list(only)
    known = list_rules()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise UserError(f"--only {unknown[0]}: there is no such rule; there are {', '.join(known)}")
    return list(only) or [name for name in known if getattr(rules, name).enabled]


def find_faults(
    rows: pl.DataFrame,
    chosen: Sequence[str],
    rules: DemonstrationRules,
    near: NearDuplicates,
    *,
    keep: Sequence[str] = (),
    known: Sequence[Known] | None = None,
    others: pl.DataFrame | None = None,
    progress: Progress | None = None,
) -> Faults:
    """Every row that breaks a chosen rule.

    Of duplicates a row survives that breaks no noise rule, then by the policy `keep`, then the lesser row. Known rows
    survive before all others. A row like one of `others` is dropped for that one, and no other row for it.

    Args:
        rows: row (UInt32, from 0, ascending), text, what `keep` reads, and with `known` the row's name; of CONTEXT
            what is known.
        known: survivors of earlier runs, for near-duplicates; a row of one's name is that row again.
        others: rows that are held to stay: row (numbers that follow on those of `rows`), text.
    """
    noise = [name for name in chosen if name not in DUPLICATES]
    found = [pl.DataFrame(schema=FINDINGS), *_find_noise(rows, noise, rules)]
    order, extended = list(keep), None
    if noise:
        faulty = pl.concat(f.select("row") for f in found).unique().with_columns(faulty=pl.lit(True))
        rows = rows.join(faulty, on="row", how="left", maintain_order="left").with_columns(
            pl.col("faulty").fill_null(False)
        )
        order = ["not faulty", *keep]
    rows = rows.rename({"row": "row_id"})
    held = None if others is None else others.select("text", row_id="row")
    rest = _leave_out_known(rows, known) if known else rows
    if "near_duplicate" in chosen:
        matches, extended = _match_near(rows, rest, held, known, near, order, progress)
        found.append(_name_matches(matches, "near_duplicate", near.threshold))
    if "exact_duplicate" in chosen:
        beside = [] if held is None else [match_exact_references(rows, held)]
        beside += [] if extended is None else [_match_exact_known(rest, extended)]
        for matches in beside:
            rest = _leave_out(rest, matches)
        matches = pl.concat([*beside, drop_exact_duplicates(rest, keep=order)])
        found.append(_name_matches(matches, "exact_duplicate", 1.0))
    return Faults(pl.concat(found).sort("row", "reason"), extended)


def _match_exact_known(rows: pl.DataFrame, extended: Extended) -> pl.DataFrame:
    """Rows whose normalised text a known row has; that one has their shingles, so they were found to be alike."""
    alike = extended.matches.filter(pl.col("matched_id") >= extended.first_known, pl.col("similarity") == 1)
    texts = extended.texts.gather(alike["matched_id"] - extended.first_known)
    both = alike.with_columns(known=texts).join(rows.select("row_id", "text"), on="row_id", maintain_order="left")
    return both.filter(normalise_text(pl.col("text")) == normalise_text(pl.col("known"))).select(alike.columns)


def _match_near(
    rows: pl.DataFrame,
    rest: pl.DataFrame,
    others: pl.DataFrame | None,
    known: Sequence[Known] | None,
    near: NearDuplicates,
    keep: Sequence[str],
    progress: Progress | None,
) -> tuple[pl.DataFrame, Extended | None]:
    """Near-duplicates of other rows, then those of known ones and of each other among the rest.

    rest: the rows that are not known by their names.
    """
    found, extended, first_known = [], None, rows.height
    if others is not None:
        found.append(match_references(rows, others, near, progress=progress))
        rest, first_known = _leave_out(rest, found[0]), rows.height + others.height
    if known is None:
        found.append(drop_near_duplicates(rest, near, keep=keep, progress=progress))
    else:
        extended = drop_beside_known(rest, known, near, first_known=first_known, keep=keep, progress=progress)
        found.append(extended.matches)
    return pl.concat(found), extended


def _leave_out(rows: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    return rows.join(matches, on="row_id", how="anti", maintain_order="left")


def _leave_out_known(rows: pl.DataFrame, known: Sequence[Known]) -> pl.DataFrame:
    """Rows that are new: none is known by its name.

    Raises:
        UserError: a known row has another text now.
    """
    names = pl.concat([part.names for part in known])
    place = names.is_in(rows["name"].implode()).arg_true()
    again = rows.select("row_id", "name", "text").join(
        pl.DataFrame({"name": names.gather(place), "place": place}), on="name", maintain_order="left"
    )
    first = 0
    for part in known:
        here = again.filter(pl.col("place").is_between(first, first + len(part.names), closed="left"))
        changed = here.filter(pl.col("text") != take_texts(part, here["place"].to_numpy() - first))
        if changed.height:
            name = changed["name"][0]
            raise UserError(f"row {name!r} has another text than when its signature was made; give a new folder")
        first += len(part.names)
    return _leave_out(rows, again)


def _find_noise(rows: pl.DataFrame, names: Sequence[str], rules: Any) -> list[pl.DataFrame]:
    if not names:
        return []
    from curation.noise import RULES, find_noise

    on = {
        name: getattr(rules, name).model_copy(update={"enabled": name in names})
        for name in RULES
        if hasattr(rules, name)
    }
    beside = [pl.col(column).alias(name) for name, column in CONTEXT.items() if column in rows.columns]
    texts = rows.select(pl.col("row").cast(pl.String).alias("row_id"), "text", *beside)
    found = find_noise(texts, rules.model_copy(update=on))
    return [
        found.select(
            pl.col("row_id").cast(pl.UInt32).alias("row"), "reason", "value", "threshold",
            pl.lit(None, pl.UInt32).alias("matched_row"), "rule_version",
        )
    ]  # fmt: skip


def _name_matches(matches: pl.DataFrame, reason: str, threshold: float) -> pl.DataFrame:
    return matches.select(
        pl.col("row_id").alias("row"), pl.lit(reason).alias("reason"), pl.col("similarity").alias("value"),
        pl.lit(threshold).alias("threshold"), pl.col("matched_id").alias("matched_row"),
        pl.lit(1, pl.Int64).alias("rule_version"),
    )  # fmt: skip
