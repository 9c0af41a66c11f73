"""Lists which objects of the cache each revision of a project needs, down to the files inside directories."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipelines.versions.contents import Contents
from pipelines.versions.locks import Out
from pipelines.versions.placing import PARAMS, place_outs


class Oid(NamedTuple):
    """What names an object in a cache and on a remote."""

    md5: str
    legacy: bool = False
    """True for DVC 2's md5 of text files."""

    @property
    def is_directory(self) -> bool:
        """True for the listing of a directory."""
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class Need:
    """One use of an object."""

    revision: str
    stage: str
    """A stage of a dvc.yaml, or a .dvc file."""
    path: str


Listing = Mapping[str, str]
"""Files of a directory: md5 by path below it."""
ReadListing = Callable[[Oid], Listing | None]


@dataclass(frozen=True)
class Needs:
    """Objects by what needs them, and directories whose listing is nowhere to be read."""

    uses: Mapping[Oid, Sequence[Need]]
    unlisted: Mapping[Oid, Sequence[Need]]


def parse_listing(content: bytes) -> Listing | None:
    """Files of a directory object; None when the bytes are none."""
    try:
        return {entry["relpath"]: entry["md5"] for entry in json.loads(content)}
    except (ValueError, TypeError, KeyError):
        return None


def list_needs(revisions: Iterable[Contents], read_listing: ReadListing) -> Needs:
    """What some revisions need; each listing is read once.

    Args:
        read_listing: the files of a directory object, None where it is nowhere to be had.
    """
    uses: dict[Oid, list[Need]] = {}
    listings: dict[Oid, Listing | None] = {}
    for contents in revisions:
        for out in list_kept(contents):
            oid, need = Oid(out.md5, out.legacy), Need(contents.name, out.stage, out.path)
            uses.setdefault(oid, []).append(need)
            if not oid.is_directory:
                continue
            if oid not in listings:
                listings[oid] = read_listing(oid)
            for name, md5 in (listings[oid] or {}).items():
                inside = Need(need.revision, need.stage, f"{need.path}/{name}")
                uses.setdefault(Oid(md5, oid.legacy), []).append(inside)
    return Needs(uses, {oid: uses[oid] for oid, listing in listings.items() if listing is None})


def list_kept(contents: Contents) -> Iterator[Out]:
    """Every out that DVC keeps for a revision, outside of the project too; what is left to git is left out."""
    return place_outs(contents.read_dvc_files(contents.list_git(), unread=(PARAMS,)))
