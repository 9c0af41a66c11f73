"""Sends what every tagged turn needs to a remote, whatever remote its own commit names, and proves that it is there.

`dvc push --all-tags` asks each revision's own config for the remote: turns of before there was one are left out with
exit status 0. Here objects go by their md5 to the one remote that is named now.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipelines.versions.cache import open_cache
from pipelines.versions.safety.needs import Needs, Oid, list_needs
from pipelines.versions.safety.progress import show_bytes
from pipelines.versions.safety.revisions import list_turn_revisions
from pipelines.versions.safety.stores import LocalStore, RemoteStore, open_remote, read_listings

NAMED = 3
"""Paths of objects that share a line are named up to so many."""


@dataclass(frozen=True)
class Lacking:
    """An object that is not on the remote after a push."""

    revisions: tuple[str, ...]
    stage: str
    path: str
    md5: str
    why: str


@dataclass(frozen=True)
class Pushed:
    """What a push did, and what was seen on the remote afterwards."""

    remote: str
    revisions: tuple[str, ...]
    n_needed: int
    n_sent: int
    bytes_sent: int
    n_read_back: int
    """Objects whose bytes were read on the remote and matched."""
    lacking: tuple[Lacking, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def push_history(root: Path, remote_name: str | None = None, *, deep: bool = False) -> Pushed:
    """Send all objects that the tagged turns and HEAD need and that the remote lacks, then look at the remote again.

    What was sent is read back, and the size of all else compared; an interrupted push goes on where it was.

    Args:
        deep: also read what is there already, and send again what is damaged.

    Raises:
        StoreError: there is no such remote, or it cannot be reached.
        RevisionError: git cannot read a turn.
    """
    revisions = list_turn_revisions(root)
    here = LocalStore(open_cache(root))
    with open_remote(root, remote_name) as remote:
        needs = list_needs(revisions, read_listings(here, remote))
        sizes, there = here.list_objects(), remote.list_objects()
        kept = {oid for oid in needs.uses if oid in there and there[oid] == sizes.get(oid, there[oid])}
        read = _read_back(remote, kept, there, "reading what is there") if deep else set()
        kept &= read if deep else kept
        faults, sent = _send_objects(here, remote, set(needs.uses) - kept, sizes, set(there))
        after = remote.list_objects()
        read |= _read_back(remote, sent & set(after), after, "reading back")
        faults |= {oid: "was sent, and its bytes on the remote are others" for oid in sent - read}
        gone = (kept - sent) - set(after)
        faults |= {oid: "was there, and is not any more" for oid in gone}
        faults |= {oid: "its listing is nowhere, so nor is it known what it holds" for oid in needs.unlisted}
        names = tuple(contents.name for contents in revisions)
        n_bytes = sum(sizes[oid] for oid in sent)
        lacking = _describe_faults(needs, faults)
        return Pushed(remote.name, names, len(needs.uses), len(sent), n_bytes, len(read), lacking)


def _send_objects(
    here: LocalStore, remote: RemoteStore, wanted: Collection[Oid], sizes: dict[Oid, int], there: Collection[Oid]
) -> tuple[dict[Oid, str], set[Oid]]:
    """Send what is in good order here.

    Returns:
        Why not, for those that were not sent; and those that were.
    """
    present = {oid for oid in wanted if oid in sizes}
    with show_bytes("checking what to send", sum(sizes[oid] for oid in present)) as tick:
        hashed = here.hash_objects(sorted(present), tick)
    good = {oid for oid, found in hashed.items() if found == oid.md5.removesuffix(".dir")}
    faults = {oid: "is not in the cache, nor on the remote" for oid in set(wanted) - present}
    faults |= {oid: "is corrupt in the cache: `flywheel verify` says more" for oid in present - good}
    for oid in good & set(there):
        remote.remove(oid)  # damaged, or not sent to its end
    with show_bytes(f"sending to {remote.name}", sum(sizes[oid] for oid in good)) as tick:
        failed = remote.send(here, good, tick)
    return faults | failed, good - set(failed)


def _read_back(remote: RemoteStore, oids: Collection[Oid], sizes: dict[Oid, int], what: str) -> set[Oid]:
    """Those whose bytes on the remote are those of their name."""
    with show_bytes(what, sum(sizes[oid] for oid in oids)) as tick:
        found = remote.hash_objects(oids, tick)
    return {oid for oid, md5 in found.items() if md5 == oid.md5.removesuffix(".dir")}


def _describe_faults(needs: Needs, faults: dict[Oid, str]) -> tuple[Lacking, ...]:
    return tuple(
        Lacking(tuple(dict.fromkeys(use.revision for use in needs.uses[oid])), needs.uses[oid][0].stage,
                needs.uses[oid][0].path, oid.md5, why)
        for oid, why in sorted(faults.items())
    )  # fmt: skip


def describe_pushed(pushed: Pushed) -> list[str]:
    """What was done as lines to read."""
    there = pushed.n_needed - pushed.n_sent - len(pushed.lacking)
    sent = f"{pushed.n_sent:,} object{'s' if pushed.n_sent != 1 else ''} sent ({pushed.bytes_sent:,} bytes)"
    lines = [f"remote {pushed.remote}: {sent}, {there:,} were there"]
    groups: dict[tuple[tuple[str, ...], str], list[Lacking]] = {}
    for each in pushed.lacking:
        groups.setdefault((each.revisions, each.why), []).append(each)
    lines += [f"not there: {', '.join(names)}: {_name_lacking(group)} {why}" for (names, why), group in groups.items()]
    if not pushed.lacking:
        proved = f"{pushed.n_read_back:,} of them read back" if pushed.n_read_back else "sizes compared"
        lines.append(f"all {pushed.n_needed:,} objects of {', '.join(pushed.revisions)} are there, {proved}")
    return lines


def _name_lacking(group: Sequence[Lacking]) -> str:
    first = group[0]
    if len(group) == 1:
        return f"{first.stage}: {first.path} ({first.md5})"
    paths = ", ".join(each.path for each in group[:NAMED])
    return f"{len(group):,} objects ({paths}{f' and {len(group) - NAMED:,} more' if len(group) > NAMED else ''}):"
