"""Works out what would change if some labelers had never judged: the stage itself, run with and without their votes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pipelines.stage import Stage
from pipelines.versions.contents import WORKSPACE, Contents, Part, fetch_parts, read_contents, read_workspace
from pipelines.versions.git import read_objects
from pipelines.versions.locks import entry_paths, load_yaml, parse_yaml
from pipelines.versions.revisions import RevisionError, materialise
from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from schemas.params import Params

STAGE = "curate_preferences"
JUDGED = ("rankings", "ratings")


@dataclass(frozen=True)
class Change:
    """A preference that is another, or not there, without some labelers' votes."""

    pair_id: str
    change: str
    """flipped, vanished or appeared."""
    chosen_id: str
    """With all votes; without them where the preference only then appears."""
    rejected_id: str
    votes: str
    """For, against and tied, with all votes."""
    votes_without: str
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
    changes: tuple[Change, ...]

    def count(self, change: str) -> int:
        """How many preferences changed so."""
        return sum(each.change == change for each in self.changes)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        counts = {change: self.count(change) for change in ("flipped", "vanished", "appeared")}
        return {**{name: value for name, value in asdict(self).items() if name != "changes"}, **counts,
                "unchanged": self.n_before - counts["flipped"] - counts["vanished"],
                "changes": [asdict(each) for each in self.changes]}  # fmt: skip


class PastStage(Stage):
    """The stage curate_preferences of any revision: reads from the cache, keeps what it writes in memory.

    Args:
        contents: what the revision holds.
        without: labelers whose rankings and ratings it does not see.
        work: a folder for the model files that it reads.
    """

    def __init__(self, contents: Contents, without: frozenset[str], work: Path) -> None:
        self.contents, self.without, self.work = contents, without, work
        self.root, self.name = contents.revision.cache.root, STAGE
        entry = (_read_yaml(contents, "dvc.yaml").get("stages") or {}).get(STAGE)
        if entry is None:
            raise RevisionError(f"{contents.name} has no stage {STAGE}")
        self.deps, self.outs, self.params_keys = list(entry_paths(entry.get("deps"))), [], []
        self.written: dict[str, pl.DataFrame] = {}

    @cached_property
    def params(self) -> "Params":
        """The checked params.yaml of the revision."""
        from schemas.params import parse_params

        try:
            return parse_params(_read_yaml(self.contents, "params.yaml"))
        except UserError as error:
            raise RevisionError(
                f"{self.contents.name}: its params.yaml is of another version of this program: {error}"
            ) from None

    def dep(self, path: str) -> Path:
        """Where a file or folder of the revision lies; brought out of the cache when first asked for."""
        if self.contents.on_disk and (self.root / path).exists():
            return self.root / path
        # the whole output that the path is in: part of a folder would pass for all of it later
        outs = self.contents.revision.outs
        whole = next((out for out in outs if f"{path}/".startswith(f"{out}/")), None)
        if whole is not None and not (self.work / whole).exists():
            materialise(self.contents.revision, whole, self.work / whole)
        return self.work / path

    def _table_files(self, name: str, *, past: bool) -> list[Path]:
        parts = [part for part in self.contents.tables.get(name, []) if part.path.startswith("data/past/") == past]
        wanted: list[Part] = [part for part in parts if any(f"{part.path}/".startswith(f"{dep}/") for dep in self.deps)]
        fetch_parts({self.contents.name: self.contents}, {self.contents.name: wanted})
        return [part.file for part in wanted]

    def _read(self, name: str, files: list[Path], what: str) -> "pl.DataFrame":
        import polars as pl

        from schemas.tables import TABLES, empty_frame, union_rows

        frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
        columns = TABLES[name].columns  # files of before a column lack it
        frames = [
            frame.with_columns(pl.lit(None, dtype).alias(c) for c, dtype in columns.items() if c not in frame.columns)
            for frame in frames
        ]
        rows = union_rows(name, *(frames or [empty_frame(name)]))
        return rows.filter(~pl.col("labeler_id").is_in(list(self.without))) if name in JUDGED else rows

    def write_table(self, name: str, frame: "pl.DataFrame", *, part: str | None = None) -> None:
        """Keep a table."""
        self.written[f"{name}/{part}" if part else name] = frame

    def write_metrics(self, name: str, values: Mapping[str, Any]) -> None:
        """Metrics are not wanted."""


def _read_yaml(contents: Contents, name: str) -> dict[str, Any]:
    revision = contents.revision
    if contents.on_disk:
        return load_yaml(revision.cache.root / name)
    [blob] = read_objects(revision.repository, [f"{revision.commit}:{revision.repository.prefix}{name}"])
    return parse_yaml(blob.content, name) if blob is not None else {}


def leave_out(root: Path, labelers: list[str], revision: str | None = None) -> Without:
    """Preferences that flip, vanish or appear when some labelers' rankings and ratings are left out.

    Both sides are worked out now, by the code that is installed: what differs is due to the votes alone.

    Raises:
        RevisionError: an unknown revision, one without rankings, or data of it that is nowhere to be had.
        UserError: a labeler who ranked nothing there.
    """
    from pipelines.curate_preferences import run

    contents = read_contents(root, [revision])[0] if revision else read_workspace(root)
    with _open_folder() as work:
        whole, part = (PastStage(contents, without, work) for without in (frozenset[str](), frozenset(labelers)))
        rankings = whole.rows("rankings")
        known = sorted(rankings["labeler_id"].unique().to_list())
        unknown = sorted(set(labelers) - set(known))
        if unknown:
            shown = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
            raise UserError(
                f"{contents.name}: {', '.join(unknown)} ranked nothing there; those who did: {shown or 'nobody'}"
            )
        run(whole)
        run(part)
        n_left = rankings.height - part.rows("rankings").height
    changes = _compare(whole.written, part.written)
    before, after = (stage.written["preferences"].height for stage in (whole, part))
    return Without(tuple(labelers), revision or WORKSPACE, n_left, before, after, tuple(changes))


@contextmanager
def _open_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="flywheel-") as folder:
        yield Path(folder)


def _compare(whole: Mapping[str, "pl.DataFrame"], part: Mapping[str, "pl.DataFrame"]) -> Iterator[Change]:
    """Changes by pair."""
    import polars as pl

    before, after = (
        {row["pair_id"]: row for row in tables["preferences"].iter_rows(named=True)} for tables in (whole, part)
    )
    drops = part["dropped"].filter(pl.col("table_name") == "preferences")
    reasons: dict[str, str] = {}
    for pair, reason in drops.select("row_id", "reason").sort("row_id", "reason").iter_rows():
        reasons.setdefault(pair, reason)
    for pair in sorted({*before, *after}):
        first, second = before.get(pair), after.get(pair)
        if first and second and first["chosen_id"] == second["chosen_id"]:
            continue
        change = "flipped" if first and second else "vanished" if first else "appeared"
        row = first or second
        assert row is not None
        reason = None if second else reasons.get(pair, "no_votes_left")
        yield Change(pair, change, row["chosen_id"], row["rejected_id"], _tell(first), _tell(second), reason)


def _tell(row: Mapping[str, Any] | None) -> str:
    return f"{row['votes_for']}:{row['votes_against']}:{row['votes_tie']}" if row else ""


def describe_without(without: Without, shown: int = 20) -> list[str]:
    """What changes, in lines to read."""
    counts = [f"{without.count(change):,} {change}" for change in ("flipped", "vanished", "appeared")]
    lines = [
        f"{without.revision} without {', '.join(without.labelers)} ({without.n_rankings:,} rankings):"
        f" {without.n_before:,} preferences become {without.n_after:,}: {', '.join(counts)}"
    ]
    for each in without.changes[:shown]:
        how = f" ({each.reason})" if each.reason else ""
        votes = " -> ".join(text for text in (each.votes, each.votes_without) if text)
        lines.append(f"  {each.change:<8}  {each.pair_id}  chosen {each.chosen_id[:12]}  votes {votes}{how}")
    more = len(without.changes) - shown
    return [*lines, f"  and {more:,} more, --json has all"] if more > 0 else lines
