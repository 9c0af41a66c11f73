"""Walks every tagged turn and HEAD: objects here and on the remote, links between turns, lineage of the models."""

import shlex
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.cache import open_cache
from pipelines.versions.safety.lineage import check_models
from pipelines.versions.safety.links import Fault, check_links
from pipelines.versions.safety.needs import Need, Needs, Oid, list_needs
from pipelines.versions.safety.progress import show_bytes
from pipelines.versions.safety.revisions import list_turn_revisions
from pipelines.versions.safety.stores import ADD_REMOTE, LocalStore, RemoteStore, Store, open_remote, read_listings
from schemas.errors import UserError

MISSING, CORRUPT, LINK, LINEAGE = "missing", "corrupt", "link", "lineage"
HERE = "cache"
NAMED = 3
"""Paths of objects that share a line are named up to so many."""
STAGES = "STAGE..."


@dataclass(frozen=True)
class Problem:
    """One thing that is not as history says."""

    kind: str
    """missing or corrupt (an object), link (between turns), lineage (of a model)."""
    where: str
    """`cache`, a remote's name, or git."""
    revisions: tuple[str, ...]
    """Every turn that it hits."""
    stage: str
    path: str
    md5: str
    what: str
    mend: str


@dataclass(frozen=True)
class Verified:
    """What was looked at, and what is wrong with it."""

    revisions: tuple[str, ...]
    n_objects: int
    n_bytes: int
    remote: str | None
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def verify_history(root: Path, remote_name: str | None = None, *, fetch: bool = False) -> Verified:
    """Check all that the tagged turns and HEAD need.

    Args:
        remote_name: a remote; the default one where there is one, if not given.
        fetch: first bring from the remote what is missing or corrupt here.

    Raises:
        StoreError: there is no such remote, or it cannot be reached.
        RevisionError: git cannot read a turn.
    """
    revisions = list_turn_revisions(root)
    here = LocalStore(open_cache(root))
    with ExitStack() as stack:
        remote = None
        if remote_name or here.cache.remote:
            remote = stack.enter_context(open_remote(root, remote_name))
        needs = list_needs(revisions, read_listings(here, remote))
        if fetch:
            if remote is None:
                raise UserError("--fetch needs a remote: `dvc remote add --local -d NAME URL`")
            _fetch_objects(here, remote, needs)
        sizes, problems = _check_store(here, needs, remote)
        n_bytes = sum(sizes.get(oid, 0) for oid in needs.uses)
        if remote is not None:
            problems += _check_store(remote, needs, here)[1]
    broken = {problem.md5 for problem in problems if problem.where == HERE}
    problems += [_make_problem(LINK, fault) for fault in check_links(root, revisions, broken)]
    problems += [_make_problem(LINEAGE, fault) for fault in check_models(revisions, broken)]
    names = tuple(contents.name for contents in revisions)
    return Verified(names, len(needs.uses), n_bytes, remote.name if remote else None, tuple(problems))


def _check_store(store: Store, needs: Needs, other: Store | None) -> tuple[dict[Oid, int], list[Problem]]:
    """Problems of a store's objects; with the sizes of all that it has."""
    sizes = store.list_objects()
    present = [oid for oid in needs.uses if oid in sizes]
    with show_bytes(f"reading {store.name}", sum(sizes[oid] for oid in present)) as tick:
        found = store.hash_objects(present, tick)
    faulty = {oid: MISSING for oid in needs.uses if oid not in sizes}
    faulty |= {oid: CORRUPT for oid in present if found[oid] != oid.md5.removesuffix(".dir")}
    copies = _find_copies(other, faulty)
    return sizes, [
        _describe_object(store, oid, kind, found.get(oid), needs, has_copy=oid in copies)
        for oid, kind in sorted(faulty.items())
    ]


def _find_copies(store: Store | None, oids: Iterable[Oid]) -> set[Oid]:
    """Those that another store has in good order."""
    oids = set(oids)
    if store is None or not oids:
        return set()
    listed = store.list_objects()
    hashed = store.hash_objects(oids & set(listed), lambda _: None)
    return {oid for oid, found in hashed.items() if found == oid.md5.removesuffix(".dir")}


def _describe_object(store: Store, oid: Oid, kind: str, found: str | None, needs: Needs, *, has_copy: bool) -> Problem:
    uses = needs.uses[oid]
    first = uses[0]
    what = "is not there" if kind == MISSING else f"has the md5 {found}" if found else "cannot be read"
    if oid in needs.unlisted:
        what += ", and which files the directory has is not known"
    names = tuple(dict.fromkeys(use.revision for use in uses))
    mend = _choose_mend(store, oid, kind, first, has_copy=has_copy)
    return Problem(kind, store.name, names, first.stage, first.path, oid.md5, what, mend)


def _choose_mend(store: Store, oid: Oid, kind: str, use: Need, *, has_copy: bool) -> str:
    """The command that brings an object back."""
    if isinstance(store, RemoteStore):
        push = f"flywheel push --remote {store.name}" + (" --deep" if kind == CORRUPT else "")
        return push if has_copy else f"{_remake(use)}, then {push}"
    if has_copy:
        return "flywheel verify --fetch"
    assert isinstance(store, LocalStore)
    clear = f"rm -f {shlex.quote(str(store.locate(oid)))} && " if kind == CORRUPT else ""
    return clear + _remake(use)


def _remake(use: Need) -> str:
    """Stages give equal bytes for equal inputs: running one again at its turn makes the object again."""
    if use.stage.endswith(".dvc"):
        return f"put {use.path} back as it was, then dvc commit --force {shlex.quote(use.stage)}"
    return f"git switch --detach {use.revision} && dvc repro --force {shlex.quote(use.stage)}"


def _fetch_objects(here: LocalStore, remote: RemoteStore, needs: Needs) -> None:
    """Bring what is missing here, and what is corrupt here and good on the remote."""
    sizes = here.list_objects()
    present = [oid for oid in needs.uses if oid in sizes]
    with show_bytes("reading cache", sum(sizes[oid] for oid in present)) as tick:
        found = here.hash_objects(present, tick)
    wanted = {oid for oid in needs.uses if found.get(oid) != oid.md5.removesuffix(".dir")}
    copies = _find_copies(remote, wanted)
    for oid in copies & set(present):
        here.remove(oid)
    remote.bring(here, copies)


def _make_problem(kind: str, fault: Fault) -> Problem:
    return Problem(kind, "git" if kind == LINK else HERE, (fault.revision,), fault.stage, fault.path, fault.md5,
                   fault.what, fault.mend)  # fmt: skip


def describe_verified(verified: Verified) -> list[str]:
    """The outcome as lines to read: objects that one command mends in the same turns share a line."""
    remote = f" and remote {verified.remote}" if verified.remote else ", no remote is set"
    revisions = f"{len(verified.revisions)} revision{'s' if len(verified.revisions) != 1 else ''}"
    lines = [
        f"{revisions} ({', '.join(verified.revisions)}): {verified.n_objects:,} objects,"
        f" {verified.n_bytes:,} bytes; cache{remote}"
    ]
    groups: dict[tuple[Any, ...], list[Problem]] = {}
    for problem in verified.problems:
        alone = (problem.path, problem.what) if problem.kind in (LINK, LINEAGE) else ()
        cause = (problem.kind, problem.where, problem.revisions, *alone, _share_mend(problem))
        groups.setdefault(cause, []).append(problem)
    lines += [_describe_group(group, mend) for (*_, mend), group in groups.items()]
    if verified.remote is None and any((each.kind, each.where) == (MISSING, HERE) for each in verified.problems):
        lines.append(f"a remote may have what is missing: {ADD_REMOTE}, then `flywheel verify --fetch`")
    counted = len(verified.problems)
    each = ", --json has each" if len(groups) < counted else ""
    return [*lines, f"{counted:,} problem{'s' if counted != 1 else ''}{each}" if counted else "all is there, and whole"]


def _share_mend(problem: Problem) -> str:
    """The command that mends a problem, with a blank for what it may have in common with others."""
    if not problem.stage:
        return problem.mend
    mend = problem.mend.replace(f"put {problem.path} back as it was", "put them back as they were")
    return mend.replace(f"--force {shlex.quote(problem.stage)}", f"--force {STAGES}")


def _describe_group(group: Sequence[Problem], mend: str) -> str:
    first = group[0]
    where = "" if first.kind in (LINK, LINEAGE) else f" in {first.where}"
    head = f"{first.kind}{where}: {', '.join(first.revisions)}:"
    if len(group) == 1:
        named = f" ({first.md5})" if first.md5 else ""
        stage = f" {first.stage}:" if first.stage else ""
        return f"{head}{stage} {first.path}{named} {first.what}; mend: {first.mend}"
    stages = sorted({shlex.quote(problem.stage) for problem in group})
    paths = ", ".join(problem.path for problem in group[:NAMED])
    more = f" and {len(group) - NAMED:,} more" if len(group) > NAMED else ""
    what = "are not there" if first.kind == MISSING else "are damaged"
    return f"{head} {len(group):,} objects ({paths}{more}) {what}; mend: {mend.replace(STAGES, ' '.join(stages))}"
