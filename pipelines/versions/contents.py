"""Lists which files of data a revision or the workspace consists of: tables of ours, and whatever else DVC tracks."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from pipelines.versions.cache import fetch_objects, open_cache
from pipelines.versions.git import GitError, GitObject, Repository, open_repository, read_objects, run_git
from pipelines.versions.locks import LockError, Out
from pipelines.versions.parents import SIGNATURES, TABLE_FILE
from pipelines.versions.placing import FILES_OF_DVC, LOCK, PARAMS, PIPELINE, list_files_of_dvc, place_outs
from pipelines.versions.revisions import (
    WORKSPACE,
    DataFile,
    Revision,
    ensure_objects,
    find_history,
    missing_objects,
    parse_blob,
    read_revisions,
)

DATA, PAST = "data", "data/past"


@dataclass(frozen=True)
class Part:
    """One file of data: its path in the project, and where its bytes lie."""

    path: str
    file: Path
    data: DataFile | None = None
    """The object of the cache that it is; None for a file of the workspace."""

    @property
    def identity(self) -> str:
        """Parts of several revisions with the same one have the same bytes."""
        return self.data.md5 if self.data is not None else str(self.file)


@dataclass(frozen=True)
class Contents:
    """What a revision holds; of the workspace, files that lie there go before those that its dvc.lock names."""

    revision: Revision
    on_disk: bool = False

    @property
    def name(self) -> str:
        """The revision as it was asked for, or `workspace`."""
        return self.revision.name

    @cached_property
    def tables(self) -> dict[str, list[Part]]:
        """Files of each table of ours, earlier turns' first; none where the project is not one of ours."""
        root = self.revision.cache.root
        outs = [out for path, out in self.revision.outs.items() if path.startswith(f"{DATA}/")]
        if PAST not in self.revision.outs and not (self.on_disk and (root / PAST).is_dir()):
            return {}
        parts = {part.path: part for part in self._list_parts(outs)}
        if self.on_disk:
            parts |= {part.path: part for part in _walk_disk(root, root / DATA)}
        found: dict[str, list[Part]] = {}
        for path in sorted(parts, key=lambda path: (not path.startswith(f"{PAST}/"), path)):
            match = TABLE_FILE.fullmatch(path)
            name = match and (match["past"] or match["new"])
            if name and name != SIGNATURES:
                found.setdefault(name, []).append(parts[path])
        return found

    def find_parts(self, path: str) -> list[Part]:
        """The file at a path, or all files below it: tracked ones, or some inside a tracked directory."""
        outs = [out for name, out in self.tracked.items() if _is_below(path, name) or _is_below(name, path)]
        return [part for part in self._list_parts(outs) if _is_below(part.path, path)]

    def list_paths(self) -> dict[str, list[Part]]:
        """Files by their path, and all files of each tracked directory by its path."""
        found: dict[str, list[Part]] = {}
        for part in self._list_parts(self.tracked.values()):
            found[part.path] = [part]
            for folder in map(str, PurePosixPath(part.path).parents):
                if folder in self.tracked:
                    found.setdefault(folder, []).append(part)
        return found

    @cached_property
    def tracked(self) -> dict[str, Out]:
        """Outputs of every dvc.lock and .dvc file, by path; those that git keeps itself left out, as metrics are."""
        listed = self.list_git()
        outs = place_outs(self.read_dvc_files(listed, unread=(PIPELINE, PARAMS)))
        in_git = frozenset() if self.on_disk else frozenset(listed)
        inside = (out for out in outs if "://" not in out.path and not out.path.startswith(("../", "/")))
        return {out.path: out for out in inside if out.path not in in_git}

    def list_git(self) -> list[str]:
        """Paths that git has, or in the workspace would have, and dvc.lock in any case."""
        if self.on_disk:
            return _list_disk(self.revision.cache.root)
        arguments = ("ls-tree", "-r", "-z", "--name-only", self.revision.commit)
        return run_git(self.revision.repository.root, *arguments).split("\0")

    def read_dvc_files(self, listed: Iterable[str], *, unread: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
        """Every .dvc and dvc.lock file of some paths and what goes with a dvc.lock, parsed, by path.

        Args:
            unread: names of files that are taken for empty where they cannot be parsed.

        Raises:
            LockError: one cannot be parsed.
        """
        paths = list_files_of_dvc(listed)
        root, repository = self.revision.cache.root, self.revision.repository
        if self.on_disk:
            blobs: list[GitObject | None] = [_as_blob((root / path).read_bytes()) for path in paths]
        else:
            names = [f"{self.revision.commit}:{repository.prefix}{path}" for path in paths]
            blobs = read_objects(repository, names)
        found = {}
        for path, blob in zip(paths, blobs, strict=True):
            try:
                found[path] = parse_blob(root, blob, path) if blob is not None else {}
            except LockError:
                if path.rpartition("/")[2] not in unread:
                    raise
        return found

    def _list_parts(self, outs: Iterable[Out]) -> list[Part]:
        root, listed = self.revision.cache.root, []
        missing = []
        for out in outs:
            if self.on_disk and (root / out.path).exists():
                listed += _walk_disk(root, root / out.path)
            else:
                missing.append(out)
        locate = self.revision.cache.locate
        files = self.revision.list_files(missing).values()
        return listed + [Part(file.path, locate(file.md5, legacy=file.legacy), file) for file in files]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _walk_disk(root: Path, path: Path) -> list[Part]:
    """A file, or all below a directory; those that are still being written left out."""
    found = [path] if path.is_file() else sorted(path.rglob("*"))
    return [
        Part(file.relative_to(root).as_posix(), file)
        for file in found
        if not file.name.endswith(".part") and file.is_file()
    ]


def _list_disk(root: Path) -> list[str]:
    """Paths of all files but those that git ignores: the data itself is among these."""
    try:
        listed = run_git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except GitError:  # DVC without git
        listed = [path.relative_to(root).as_posix() for name in FILES_OF_DVC for path in root.rglob(name)]
    return sorted({path for path in [*listed, LOCK, PIPELINE, PARAMS] if (root / path).is_file()})


def _as_blob(content: bytes) -> GitObject:
    """A file as git would store it."""
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return GitObject(oid, "blob", content)


def read_contents(root: Path, names: Sequence[str], repository: Repository | None = None) -> list[Contents]:
    """What several revisions hold; see `read_revisions`.

    Raises:
        RevisionError: as for `read_revisions`; a revision without a dvc.lock is taken for .dvc files.
    """
    return [Contents(revision) for revision in read_revisions(root, names, lock_needed=False, repository=repository)]


def read_workspace(root: Path) -> Contents:
    """What the workspace holds, committed or not."""
    try:
        content = (root / "dvc.lock").read_bytes()
    except FileNotFoundError:
        content = b""
    lock = parse_blob(root, _as_blob(content), "dvc.lock") if content else {}
    repository = Repository(root, "", root / ".git", False)
    return Contents(Revision(WORKSPACE, WORKSPACE, lock, repository, open_cache(root)), on_disk=True)


def fetch_listings(several: Sequence[Contents]) -> None:
    """Have the listings of all directories of tables here, for several revisions at once; lacks are told when read."""
    caches = {contents.revision.cache.directory: contents.revision.cache for contents in several}
    listings = {
        (out.md5, out.legacy)
        for contents in several
        for path, out in contents.revision.outs.items()
        if out.is_directory and path.startswith(f"{DATA}/")
    }
    for cache in caches.values():
        missing = {(md5, legacy) for md5, legacy in listings if not cache.locate(md5, legacy=legacy).exists()}
        if missing and cache.remote is not None:
            fetch_objects(cache, missing)


def fetch_parts(wanted: Mapping[str, Contents], parts: Mapping[str, Iterable[Part]]) -> None:
    """Have every part's bytes on this machine; those of all revisions come from the remote at once.

    Args:
        wanted: the contents by name. parts: which of their parts are needed, by the same names.

    Raises:
        RevisionError: an object is nowhere to be had; names it and the command that gets it.
    """
    files = {name: list({part.data for part in some if part.data is not None}) for name, some in parts.items()}
    missing = {
        (file.md5, file.legacy)
        for name, some in files.items()
        for file in missing_objects(wanted[name].revision.cache, some)
    }
    if not missing:
        return
    cache = next(iter(wanted.values())).revision.cache
    if cache.remote is not None and len(files) > 1:
        fetch_objects(cache, missing)  # a fault is told below, with the revision that it hits
    for name, some in files.items():
        ensure_objects(wanted[name].revision, some)


def open_history(root: Path) -> Repository:
    """The repository with the project's history."""
    return open_repository(find_history(root))
