"""Works out what would change if some labelers had never judged: the stage itself, run with and without their votes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.versions.contents import WORKSPACE, Contents, read_contents, read_workspace
from pipelines.versions.lineage.past_stage import PastStage
from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from curation.preferences import CuratedPreferences

CHANGES = ("flipped", "vanished", "appeared", "reweighted")
JUDGED = ("rankings", "ratings")
SAME_WEIGHT = 1e-9
"""Weights nearer than this are one: the last bits hang on the order of sums."""
TEXTS = ("messages", "tools", "completion")
"""Columns that no weight hangs on."""


@dataclass(frozen=True)
class Change:
    """A preference that is another, weighs otherwise, or is not there, without some labelers' votes."""

    pair_id: str
    change: str
    """flipped, vanished, appeared, or reweighted: the same side is chosen with another weight."""
    chosen_id: str
    """With all votes; without them where the preference only then appears."""
    rejected_id: str
    votes: str
    """For, against and tied, with all votes."""
    votes_without: str
    weight: float | None
    """In training, 0 to 1, with all votes."""
    weight_without: float | None
    reason: str | None
    """Why it is none any more."""


@dataclass(frozen=True)
class Without:
    """What leaving some labelers out changes."""

    labelers: tuple[str, ...]
    revision: str
    n_rankings: int
    """Left out."""
    n_before: int
    n_after: int
    labelers_returned: tuple[str, ...]
    """Labelers that a rule drops now and would not without these."""
    labelers_dropped: tuple[str, ...]
    """Others that a rule drops only without these."""
    changes: tuple[Change, ...]
    """By kind and pair; those that only weigh otherwise last, the greatest move first."""

    def count(self, change: str) -> int:
        """How many preferences changed so."""
        return sum(each.change == change for each in self.changes)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        counts = {change: self.count(change) for change in CHANGES}
        unchanged = self.n_before - sum(counts.values()) + counts["appeared"]
        return {**{name: value for name, value in asdict(self).items() if name != "changes"}, **counts,
                "unchanged": unchanged, "changes": [asdict(each) for each in self.changes]}  # fmt: skip


def leave_out(root: Path, labelers: list[str], revision: str | None = None) -> Without:
    """Preferences that flip, vanish, appear or weigh otherwise when some labelers' rankings and ratings are left out.

    Both sides are worked out now, by the code that is installed: what differs is due to the votes alone.

    Raises:
        RevisionError: an unknown revision, one without rankings, or data of it that is nowhere to be had.
        UserError: a labeler who ranked nothing there.
    """
    from curation.preferences import curate_preferences
    from pipelines.curate_preferences import read_inputs

    contents = read_workspace(root) if revision in (None, WORKSPACE) else read_contents(root, [revision])[0]
    with _open_folder() as work:
        inputs = read_inputs(PastStage(contents, work)) | {"measured": False}
        left = inputs | {name: _leave_out(inputs[name], labelers) for name in JUDGED}
        _check_labelers(contents, labelers, inputs["rankings"])
        whole, part = (curate_preferences(**each) for each in (inputs, left))
    before, after = (set(each.metrics["dropped_labelers"]) for each in (whole, part))
    return Without(
        tuple(labelers), revision or WORKSPACE, inputs["rankings"].height - left["rankings"].height,
        whole.preferences.height, part.preferences.height,
        tuple(sorted(before - after - set(labelers))), tuple(sorted(after - before)),
        tuple(_compare(_weigh(inputs, whole), _weigh(left, part), part.dropped)),
    )  # fmt: skip


def _leave_out(judged: "pl.DataFrame", labelers: Collection[str]) -> "pl.DataFrame":
    import polars as pl

    return judged.filter(~pl.col("labeler_id").is_in(list(labelers)))


def _check_labelers(contents: Contents, labelers: Iterable[str], rankings: "pl.DataFrame") -> None:
    known = sorted(rankings["labeler_id"].unique().to_list())
    unknown = sorted(set(labelers) - set(known))
    if unknown:
        shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
        raise UserError(
            f"{contents.name}: {', '.join(unknown)} ranked nothing there; those who did: {shown or 'nobody'}"
        )


def _weigh(inputs: Mapping[str, Any], curated: "CuratedPreferences") -> "dict[str, dict[str, Any]]":
    """Preferences by pair, with the weight that trainers give them."""
    import polars as pl

    from curation.views import read_view

    frames = {name: inputs[name] for name in ("prompts", "candidates", "assignments")}
    for name in ("prompts", "candidates"):
        columns = frames[name].columns
        blank = [pl.lit(None, frames[name].schema[c]).alias(c) for c in TEXTS if c in columns]
        frames[name] = frames[name].with_columns(blank)
    frames |= {"preferences": curated.preferences, "pair_findings": curated.findings, "pair_votes": curated.votes}
    weights = read_view("preference_pairs", frames).select("pair_id", "weight")
    columns = ("pair_id", "chosen_id", "rejected_id", "votes_for", "votes_against", "votes_tie")
    rows = curated.preferences.select(columns).join(weights, on="pair_id", how="left")
    return {row["pair_id"]: row for row in rows.iter_rows(named=True)}


@contextmanager
def _open_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="flywheel-") as folder:
        yield Path(folder)


def _compare(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], dropped: "pl.DataFrame"
) -> list[Change]:
    """Changes by kind, those of weight alone last and the greatest first."""
    import polars as pl

    reasons: dict[str, list[str]] = {}
    drops = dropped.filter(pl.col("table_name") == "preferences").select("row_id", "reason").sort("row_id", "reason")
    for pair, reason in drops.iter_rows():
        reasons.setdefault(pair, []).append(reason)
    changes = []
    for pair in sorted({*before, *after}):
        first, second = before.get(pair), after.get(pair)
        change = _name_change(first, second)
        if change is None:
            continue
        row = first or second
        assert row is not None
        changes.append(Change(
            pair, change, row["chosen_id"], row["rejected_id"], _tell_votes(first), _tell_votes(second),
            first["weight"] if first else None, second["weight"] if second else None,
            None if second else " ".join(reasons.get(pair, ["no_votes_left"])),
        ))  # fmt: skip
    return sorted(changes, key=lambda each: (CHANGES.index(each.change), -_measure_move(each)))


def _name_change(first: Mapping[str, Any] | None, second: Mapping[str, Any] | None) -> str | None:
    """Which change it is, None for a preference that stays as it is."""
    if first is None or second is None:
        return "appeared" if first is None else "vanished"
    if first["chosen_id"] != second["chosen_id"]:
        return "flipped"
    return "reweighted" if abs(first["weight"] - second["weight"]) > SAME_WEIGHT else None


def _measure_move(change: Change) -> float:
    """How far the weight of a preference that stays moves."""
    if change.change != "reweighted" or change.weight is None or change.weight_without is None:
        return 0.0
    return abs(change.weight - change.weight_without)


def _tell_votes(row: Mapping[str, Any] | None) -> str:
    return f"{row['votes_for']}:{row['votes_against']}:{row['votes_tie']}" if row else ""


def describe_without(without: Without, shown: int = 20) -> list[str]:
    """What changes, in lines to read."""
    counts = {change: without.count(change) for change in CHANGES}
    same = without.n_before - sum(counts.values()) + counts["appeared"]
    lines = [
        f"{without.revision} without {', '.join(without.labelers)} ({without.n_rankings:,} rankings):"
        f" {without.n_before:,} preferences become {without.n_after:,}",
        f"  {counts['flipped']:,} flipped, {counts['vanished']:,} vanished, {counts['appeared']:,} appeared,"
        f" {counts['reweighted']:,} weigh otherwise{_tell_moves(without.changes)}, {same:,} stay as they are",
    ]
    for names, what in (
        (without.labelers_returned, "dropped now, would count again"),
        (without.labelers_dropped, "counts now, would be dropped"),
    ):
        lines += [f"  {', '.join(names)}: {what}"] if names else []
    for each in without.changes[:shown]:
        lines.append(f"  {each.change:<10}  {each.pair_id}  {_tell_change(each)}")
    more = len(without.changes) - shown
    return [*lines, f"  and {more:,} more, --json has all"] if more > 0 else lines


def _tell_moves(changes: Sequence[Change]) -> str:
    moves = [_measure_move(each) for each in changes if each.change == "reweighted"]
    return f" (by {sum(moves) / len(moves):.3f} on average, at most {max(moves):.3f})" if moves else ""


def _tell_change(change: Change) -> str:
    votes = " -> ".join(text or "none" for text in (change.votes, change.votes_without))
    weights = " -> ".join("none" if w is None else f"{w:.3f}" for w in (change.weight, change.weight_without))
    return f"votes {votes}, weight {weights}" + (f" ({change.reason})" if change.reason else "")
