"""Lists which objects of the cache each revision of a project needs, down to the files inside directories."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from pipelines.versions.contents import Contents
from pipelines.versions.git import GitError, GitObject, read_objects, run_git
from pipelines.versions.locks import Out, committed_outs, list_outs, parse_yaml
from pipelines.versions.revisions import parse_blob

PIPELINE_FILES = ("dvc.lock", "dvc.yaml")


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
    listed = _list_paths(contents)
    tracking = [path for path in listed if path.endswith(".dvc") or PurePosixPath(path).name in PIPELINE_FILES]
    parsed = {path: found for path, found in _read_files(contents, tracking) if isinstance(found, dict)}
    for path, found in parsed.items():
        folder, name = PurePosixPath(path).parent, PurePosixPath(path).name
        if name == "dvc.yaml":
            continue
        if name == "dvc.lock":
            in_git = set(committed_outs(parsed.get(str(folder / "dvc.yaml")) or {}))
            outs = list(_list_lock(found))
        else:
            in_git = {out.get("path") for out in found.get("outs") or [] if out.get("cache") is False}
            outs = list(list_outs({"stages": {path: found}}).values())
            folder /= found.get("wdir") or ""
        for out in outs:
            if out.path not in in_git:
                yield Out(os.path.normpath(folder / out.path), out.md5, out.size, out.stage, out.legacy)


def _list_lock(lock: Mapping[str, Any]) -> Iterator[Out]:
    """Outs of a dvc.lock, of DVC 1 too, whose stages have no heading."""
    stages = lock.get("stages") if "schema" in lock or "stages" in lock else lock
    yield from list_outs({"stages": stages}).values()


def _list_paths(contents: Contents) -> list[str]:
    """Paths that git has at a revision; of the workspace all but what git ignores, and dvc.lock in any case."""
    root = contents.revision.cache.root
    if not contents.on_disk:
        return run_git(contents.revision.repository.root, "ls-tree", "-r", "-z", "--name-only",
                       contents.revision.commit).split("\0")  # fmt: skip
    try:
        listed = run_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except GitError:  # DVC without git
        listed = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix in (".dvc", ".lock")]
    return sorted({path for path in [*listed, "dvc.lock", "dvc.yaml"] if (root / path).is_file()})


def _read_files(contents: Contents, paths: Sequence[str]) -> Iterator[tuple[str, Any]]:
    root, repository = contents.revision.cache.root, contents.revision.repository
    if contents.on_disk:
        yield from ((path, parse_yaml((root / path).read_bytes(), path)) for path in paths)
        return
    blobs: list[GitObject | None] = read_objects(
        repository, [f"{contents.revision.commit}:{repository.prefix}{path}" for path in paths]
    )
    for path, blob in zip(paths, blobs, strict=True):
        if blob is not None:
            yield path, parse_blob(root, blob, path)
