"""Reads any revision of a project (its data, params and metrics) from git and the cache, without a checkout."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.versions.cache import Cache, CacheError, copy_object, fetch_objects, open_cache, read_listing
from pipelines.versions.git import (
    SHORT,
    GitError,
    GitObject,
    Repository,
    open_repository,
    read_file,
    read_objects,
    resolve_commits,
)
from pipelines.versions.locks import Out, list_outs, parse_yaml
from schemas.errors import UserError

WORKSPACE = "workspace"
"""Name of what lies in the project's folder, which no commit has."""


class RevisionError(UserError):
    """A revision that cannot be read; the message names revision, path and object, and the mend."""


@dataclass(frozen=True)
class DataFile:
    """One file of data at a revision."""

    path: str
    md5: str
    size: int | None
    """Bytes; None inside a directory, whose listing has no sizes."""
    legacy: bool = False

    @property
    def is_directory(self) -> bool:
        """True for the listing of a directory."""
        return self.md5.endswith(".dir")


@dataclass(frozen=True)
class Revision:
    """A project at one commit: what its dvc.lock says, and where the bytes are."""

    name: str
    commit: str
    lock: Mapping[str, Any]
    repository: Repository
    cache: Cache

    def __str__(self) -> str:
        short = self.commit[:SHORT]
        return short if self.commit.startswith(self.name) else f"{self.name} ({short})"

    @cached_property
    def outs(self) -> dict[str, Out]:
        """Outputs of the stages by path."""
        return list_outs(self.lock)

    @cached_property
    def params(self) -> dict[str, Any]:
        """params.yaml as committed.

        Raises:
            RevisionError: there is none.
        """
        return parse_yaml(self.read_text("params.yaml"), f"params.yaml at {self}")

    @property
    def turn(self) -> int:
        """Number of the revision's turn.

        Raises:
            RevisionError: its params.yaml has none.
        """
        number = (self.params.get("turn") or {}).get("number")
        if not isinstance(number, int):
            raise RevisionError(f"revision {self}: params.yaml has no turn.number, so it is no turn of a flywheel")
        return number

    def read_text(self, path: str) -> str:
        """A file that is committed to git, such as params.yaml or a metrics file.

        Raises:
            RevisionError: it is not in the revision.
        """
        content = read_file(self.repository, self.commit, path)
        if content is None:
            raise RevisionError(f"revision {self} has no {path} in git")
        return content.decode()

    @cached_property
    def files(self) -> dict[str, DataFile]:
        """Every file of data by path, those inside directory outputs too; listings are fetched where missing.

        Raises:
            RevisionError: a directory's listing is nowhere to be had, or corrupt.
        """
        return self.list_files(self.outs.values())

    def files_below(self, path: str) -> list[DataFile]:
        """The file at a path, or all files of the directory there; only their listings are read.

        Raises:
            RevisionError: the revision's dvc.lock has no such path, or as for `files`.
        """
        files = self.list_files(out for out in self.outs.values() if _overlap(out.path, path))
        below = [file for name, file in sorted(files.items()) if name == path or name.startswith(f"{path}/")]
        if not below:
            raise RevisionError(f"revision {self} has no {path} in its dvc.lock: that turn was not run to the end")
        return below

    def list_files(self, outs: Iterable[Out]) -> dict[str, DataFile]:
        """Files of some outputs by path, those inside directories too; see `files`."""
        files = [DataFile(out.path, out.md5, out.size, out.legacy) for out in outs]
        ensure_objects(self, [file for file in files if file.is_directory])
        inside = [self._list_directory(file) if file.is_directory else [file] for file in files]
        return {file.path: file for found in inside for file in found}

    def _list_directory(self, directory: DataFile) -> list[DataFile]:
        try:
            listing = read_listing(self.cache, directory.md5, legacy=directory.legacy)
        except CacheError as error:
            raise RevisionError(f"revision {self}, {directory.path}: {error}") from None
        return [DataFile(f"{directory.path}/{name}", md5, None, directory.legacy) for name, md5 in listing.items()]

    def locate(self, path: str) -> Path:
        """Where the bytes of a file lie in the cache; fetched from the remote where missing. For reading only.

        Raises:
            RevisionError: no such path, or the object is nowhere to be had.
        """
        [file, *others] = self.files_below(path)
        if others or file.path != path:
            raise RevisionError(f"revision {self}: {path} is a directory of {len(others) + 1} files")
        ensure_objects(self, [file])
        return self.cache.locate(file.md5, legacy=file.legacy)


def _overlap(first: str, second: str) -> bool:
    return first == second or first.startswith(f"{second}/") or second.startswith(f"{first}/")


def find_history(root: Path) -> Path:
    """The folder whose repository has the project's history: in a temporary experiment of DVC, the one around it."""
    parts = root.absolute().parts
    for end in range(len(parts) - 3, 0, -1):
        if parts[end : end + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:end])
    return root


def read_revision(root: Path, name: str) -> Revision:
    """The project at `root` as of a commit, tag, branch, `HEAD~1` or experiment; see `read_revisions`."""
    return read_revisions(root, [name])[0]


def read_revisions(
    root: Path, names: Sequence[str], *, lock_needed: bool = True, repository: Repository | None = None
) -> list[Revision]:  # fmt: skip
    """Several revisions, in two git processes.

    Args:
        lock_needed: False takes a revision without a dvc.lock, for data that .dvc files alone track.
        repository: the one with the project's history, where it was opened before.

    Raises:
        RevisionError: not a git repository, an unknown revision, one beyond a shallow clone, or without a dvc.lock.
    """
    try:
        repository = repository or open_repository(find_history(root))
        commits = resolve_commits(repository, names)
        blobs = read_objects(repository, [f"{commit}:{repository.prefix}dvc.lock" for commit in commits])
    except GitError as error:
        raise RevisionError(str(error)) from None
    cache = open_cache(root)
    revisions: list[Revision] = []
    for name, commit, blob in zip(names, commits, blobs, strict=True):
        if blob is None and lock_needed:
            raise RevisionError(
                f"revision {name} ({commit[:SHORT]}) has no dvc.lock: no turn was run and committed there"
            )
        lock = parse_blob(root, blob, "dvc.lock") if blob else {}
        revisions.append(Revision(name, commit, lock, repository, cache))
    return revisions


def parse_blob(root: Path, blob: GitObject, name: str) -> dict[str, Any]:
    """Parse a YAML file of DVC's, kept as JSON under its blob id: parsing YAML costs more than git does."""
    kept = own_folder(root) / "locks" / f"{blob.oid}.json"
    try:
        return json.loads(kept.read_bytes())
    except (OSError, ValueError):
        pass
    parsed = parse_yaml(blob.content, name)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        staged = kept.with_suffix(f".{os.getpid()}.part")
        staged.write_text(json.dumps(parsed, default=str), encoding="utf-8")
        staged.replace(kept)
    except OSError:
        pass  # a read-only project is read all the same
    return parsed


def own_folder(root: Path) -> Path:
    """What we keep for ourselves: in .flywheel, or in a project of DVC that is not ours where its git does not look."""
    return root / ".flywheel" if (root / "versions.yaml").exists() else root / ".dvc" / "tmp" / "flywheel"


def missing_objects(cache: Cache, files: Iterable[DataFile]) -> list[DataFile]:
    """Files whose object is not in the cache."""
    return [file for file in files if not cache.locate(file.md5, legacy=file.legacy).exists()]


def ensure_objects(revision: Revision, files: Iterable[DataFile]) -> None:
    """Have the objects of all files in the cache, fetching those that are not there from the remote at once.

    Raises:
        RevisionError: one is nowhere to be had; names object, path, revision and the command that gets it.
    """
    missing = missing_objects(revision.cache, files)
    if not missing:
        return
    fault = None
    if revision.cache.remote is not None:
        fault = fetch_objects(revision.cache, {(file.md5, file.legacy) for file in missing})
    still = missing_objects(revision.cache, missing)
    if still:
        raise RevisionError(_describe_missing(revision, still, fault))


def _describe_missing(revision: Revision, missing: Sequence[DataFile], fault: str | None) -> str:
    """What is missing and the commands that get it.

    The remote belongs into .dvc/config.local: for other revisions dvc reads .dvc/config as it was then, and one
    without a remote is left out with a mere warning and exit status 0.
    """
    first, remote = missing[0], revision.cache.remote
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    what = f"revision {revision}: {first.path} (object {first.md5}){others} not in the cache {revision.cache.directory}"
    add = "`dvc remote add --local -d NAME URL`"
    if remote is None and revision.name == WORKSPACE:
        return f"{what}: `dvc repro` makes it, or {add} and `dvc fetch` bring it"
    if remote is None:
        return f"{what}, and no remote is set: {add}, then `dvc fetch --all-commits`"
    if fault:
        return f"{what}, and fetching from remote {remote} failed ({fault}): mend it, then `dvc fetch --all-commits`"
    return f"{what}, nor on remote {remote}: where it is, {add}, then `dvc push --all-commits`"


def materialise(revision: Revision, path: str, destination: Path) -> dict[str, str]:
    """Copy a file or a directory of a revision to `destination`; what it consists of is fetched where missing.

    Returns:
        The md5 of each file by its path below `destination` (a single file: by its name).

    Raises:
        RevisionError: no such path, an object nowhere to be had, or one that is corrupt.
    """
    files = revision.files_below(path)
    ensure_objects(revision, files)
    if [file.path for file in files] == [path]:
        copy_file(revision, files[0], destination)
        return {destination.name: files[0].md5}
    for file in files:
        copy_file(revision, file, destination / file.path.removeprefix(f"{path}/"))
    return {file.path.removeprefix(f"{path}/"): file.md5 for file in files}


def copy_file(revision: Revision, file: DataFile, destination: Path) -> None:
    """Copy one file out of the cache, checked against its md5.

    Raises:
        RevisionError: its object is missing, corrupt, or cannot be written.
    """
    source = revision.cache.locate(file.md5, legacy=file.legacy)
    try:  # DVC 2 hashed text with its line ends normalised: that name does not check the bytes
        copy_object(source, None if file.legacy else file.md5, destination)
    except (CacheError, OSError) as error:
        raise RevisionError(f"revision {revision}, {file.path}: {error}") from None
