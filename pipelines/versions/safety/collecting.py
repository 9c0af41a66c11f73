"""Plans which objects nothing needs any more, to be read first, and removes them when told to."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.cache import Cache, open_cache
from pipelines.versions.contents import Contents
from pipelines.versions.locks import list_outs, parse_yaml
from pipelines.versions.safety.needs import Needs, Oid, list_needs
from pipelines.versions.safety.revisions import list_all_revisions, name_past_objects
from pipelines.versions.safety.stores import LocalStore, Store, open_remote, read_listings
from pipelines.versions.turns import shorten
from schemas.errors import UserError

SHOWN = 20
WHY = "no tag, branch, experiment, stash, work tree, HEAD or workspace needs it"


class CollectError(UserError):
    """Nothing may be removed; the message says why and the mend."""


@dataclass(frozen=True)
class Unused:
    """An object that nothing needs."""

    where: str
    """`cache`, or a remote's name."""
    md5: str
    n_bytes: int
    was: str
    """What it was last: a path at a commit, or an output that the run cache remembers; empty where unknown."""
    legacy: bool = False


@dataclass(frozen=True)
class Plan:
    """What would be removed, and what is kept for whom."""

    revisions: tuple[str, ...]
    n_kept: int
    unused: tuple[Unused, ...]
    run_files: tuple[str, ...]
    """Entries of the run cache that would go."""
    places: tuple[str, ...]
    removed: bool = False

    @property
    def n_bytes(self) -> int:
        """Bytes of all that is unused."""
        return sum(each.n_bytes for each in self.unused)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self) | {"n_bytes": self.n_bytes, "why": WHY}


def collect_unused(
    root: Path, remote_name: str | None = None, *, others: Sequence[Path] = (), run_cache: bool = False,
    remove: bool = False,
) -> Plan:  # fmt: skip
    """Plan what to remove, and with `remove` do it.

    Args:
        remote_name: also look at this remote.
        others: folders of other projects that use the same cache or remote, whose objects stay as well.
        run_cache: also remove what the run cache remembers of the stages of turns; the turns themselves stay.

    Raises:
        CollectError: what a revision needs cannot be known, DVC is at work, or others may use the cache.
        StoreError: there is no such remote, or it cannot be reached.
    """
    cache = open_cache(root)
    here = LocalStore(cache)
    with ExitStack() as stack:
        if remove:
            _check_sharing(root, cache, others)
            stack.enter_context(_hold_dvc(root))  # nothing is added between plan and removal
        remote = stack.enter_context(open_remote(root, remote_name)) if remote_name else None
        revisions = [each for project in (root, *others) for each in list_all_revisions(project)]
        needs = list_needs(revisions, read_listings(here, remote))
        _check_known(needs)
        stores: list[Store] = [here, *([remote] if remote else [])]
        listed = {store.name: store.list_objects() for store in stores}  # after the needs: what came since is not here
        plan = _make_plan(root, revisions, needs, cache, listed, run_cache=run_cache)
        if remove:
            _remove_all(plan, stores, cache, needs)
        return Plan(plan.revisions, plan.n_kept, plan.unused, plan.run_files, plan.places, removed=remove)


def _check_sharing(root: Path, cache: Cache, others: Sequence[Path]) -> None:
    """A cache that lies outside the project may hold what other projects need."""
    if not cache.directory.is_relative_to(root.resolve()) and not others:
        raise CollectError(
            f"the cache {cache.directory} lies outside this project, so others may use it: name each of these with"
            " --also DIR, or this project itself (--also .) where there is no other"
        )


@contextmanager
def _hold_dvc(root: Path) -> Iterator[None]:
    """Keep DVC from adding objects meanwhile.

    Raises:
        CollectError: it is at work now.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        try:
            with repo.lock:
                folder = Path(str(repo.tmp_dir))
                held = [folder / "rwlock", *folder.glob("exps/*/.dvc/tmp/rwlock")]
                running = [each for path in held for each in _list_running(path)]
                if running:
                    raise CollectError(f"DVC is at work ({shorten(running)}): wait for it to end")
                yield
        except LockError:
            raise CollectError("DVC is at work here: wait for it to end") from None


def _list_running(path: Path) -> list[str]:
    """Commands that hold paths in DVC's rwlock and still run."""
    import json

    import psutil

    try:
        held = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    infos = [*held.get("write", {}).values(), *(info for some in held.get("read", {}).values() for info in some)]
    return sorted({f"process {info['pid']}: {info['cmd']}" for info in infos if psutil.pid_exists(int(info["pid"]))})


def _check_known(needs: Needs) -> None:
    if not needs.unlisted:
        return
    oid, uses = next(iter(sorted(needs.unlisted.items())))
    names = shorten(list(dict.fromkeys(use.revision for use in uses)))
    more = f" and {len(needs.unlisted) - 1} more" if len(needs.unlisted) > 1 else ""
    raise CollectError(
        f"{names}: {uses[0].path} (object {oid.md5}){more} is a directory whose listing is missing or corrupt, so what"
        " it needs is not known and nothing can be removed: `flywheel verify --fetch`, or name its remote with --remote"
    )


def _make_plan(
    root: Path, revisions: Iterable[Contents], needs: Needs, cache: Cache, listed: dict[str, dict[Oid, int]], *,
    run_cache: bool,
) -> Plan:  # fmt: skip
    runs = list_runs(cache)
    gone = {place: {oid for oid in found if oid not in needs.uses} for place, found in listed.items()}
    here = gone[LocalStore(cache).name]
    stale = [path for path, outs in runs.items() if run_cache or here.intersection(outs)]
    known = {oid: f"{path} of a run that was not kept" for outs in runs.values() for oid, path in outs.items()}
    known |= name_past_objects(root, set().union(*gone.values()), read_listings(LocalStore(cache)))
    unused = tuple(
        Unused(place, oid.md5, listed[place][oid], known.get(oid, ""), oid.legacy)
        for place, oids in gone.items()
        for oid in sorted(oids)
    )
    names = tuple(dict.fromkeys(contents.name for contents in revisions))
    return Plan(names, len(needs.uses), unused, tuple(sorted(map(str, stale))), tuple(listed))


def list_runs(cache: Cache) -> dict[Path, dict[Oid, str]]:
    """Entries of the run cache, each with the outputs that it would restore and their paths."""
    found: dict[Path, dict[Oid, str]] = {}
    for path in (cache.directory / "runs").glob("*/*/*"):
        try:
            entry = parse_yaml(path.read_bytes(), path.name)
        except (OSError, UserError):
            continue
        outs = list_outs({"stages": {"run": entry}}).values()
        found[path] = {Oid(out.md5, out.legacy): out.path for out in outs}
    return found


def _remove_all(plan: Plan, stores: Iterable[Store], cache: Cache, needs: Needs) -> None:
    by_name = {store.name: store for store in stores}
    for path in plan.run_files:
        Path(path).unlink(missing_ok=True)
    for directory in (True, False):  # a listing goes before its files: half done, nothing looks whole that is not
        for each in plan.unused:
            oid = Oid(each.md5, each.legacy)
            if oid.is_directory == directory and oid not in needs.uses:
                by_name[each.where].remove(oid)


def describe_plan(plan: Plan) -> list[str]:
    """The plan, or what was done, as lines to read."""
    kept = f"{plan.n_kept:,} objects are needed by {shorten(list(plan.revisions), 8)}; they stay"
    if not plan.unused and not plan.run_files:
        return [kept, f"nothing is unused in {' or '.join(plan.places)}"]
    verb = "removed" if plan.removed else "would be removed"
    lines = [kept]
    for place in plan.places:
        some = sorted((each for each in plan.unused if each.where == place), key=lambda each: -each.n_bytes)
        n_bytes = sum(each.n_bytes for each in some)
        lines.append(f"{place}: {len(some):,} objects, {n_bytes:,} bytes {verb}: {WHY if some else 'none is unused'}")
        for each in some[:SHOWN]:
            lines.append(f"  {each.md5:<36}  {each.n_bytes:>15,}  {each.was}".rstrip())
        if len(some) > SHOWN:
            lines.append(f"  and {len(some) - SHOWN:,} smaller ones; --json lists all")
    if plan.run_files:
        lines.append(f"run cache: {len(plan.run_files):,} entries {verb}: their outputs go")
    if len(plan.places) > 1:
        lines.append("on the remote all that this project does not need counts as unused: --also DIR names another")
    return lines if plan.removed else [*lines, "nothing was removed: `flywheel gc --yes` does it"]
