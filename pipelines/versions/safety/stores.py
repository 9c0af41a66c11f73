"""Lists, reads, checks, sends and removes objects: those of the cache on this machine and those of a remote."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pipelines.versions.cache import BLOCK_BYTES, Cache
from pipelines.versions.safety.needs import Listing, Oid, parse_listing
from schemas.errors import UserError

HEX = frozenset("0123456789abcdef")
REMOTE_THREADS = 8
ADD_REMOTE = "`dvc remote add --local -d NAME URL`"
Tick = Callable[[int], None]


class StoreError(UserError):
    """A remote that cannot be used; the message is one line with the mend."""


@dataclass(frozen=True)
class LocalStore:
    """The cache of a project."""

    cache: Cache
    name: str = "cache"

    def locate(self, oid: Oid) -> Path:
        """Where an object lies, if it is there."""
        return self.cache.locate(oid.md5, legacy=oid.legacy)

    def list_objects(self) -> dict[Oid, int]:
        """Size of every object that is there."""
        found: dict[Oid, int] = {}
        for legacy, folder in ((False, self.cache.directory / "files" / "md5"), (True, self.cache.directory)):
            for path in folder.glob("[0-9a-f][0-9a-f]/*"):
                oid = name_object(path.parent.name, path.name, legacy=legacy)
                if oid is not None and path.is_file():
                    found[oid] = path.stat().st_size
        return found

    def read(self, oid: Oid) -> bytes:
        """An object's bytes."""
        return self.locate(oid).read_bytes()

    def hash_objects(self, oids: Iterable[Oid], tick: Tick) -> dict[Oid, str | None]:
        """The md5 that each object's bytes have."""
        return {oid: _hash_one(oid, lambda oid: self.locate(oid).open("rb"), tick) for oid in oids}

    def remove(self, oid: Oid) -> None:
        """Take an object away, and its folder with the last one."""
        path = self.locate(oid)
        path.unlink(missing_ok=True)
        with suppress(OSError):  # others lie there
            path.parent.rmdir()


@dataclass(frozen=True)
class RemoteStore:
    """A remote of DVC, of any kind that it can reach."""

    remote: Any
    name: str

    def _database(self, oid: Oid) -> Any:
        return self.remote.legacy_odb if oid.legacy else self.remote.odb

    def _list_paths(self) -> Iterator[tuple[Oid, Mapping[str, Any]]]:
        for path, info in self._list_infos():
            parts = str(path).replace(os.sep, "/").split("/")
            oid = name_object(parts[-2], parts[-1], legacy=parts[-4:-2] != ["files", "md5"])
            if oid is not None:
                yield oid, info

    def _list_infos(self) -> Iterable[tuple[str, Mapping[str, Any]]]:
        system = self.remote.fs.fs
        if self.remote.fs.protocol == "local":  # DVC's own has no details
            return ((path, {"size": Path(path).stat().st_size}) for path in list(system.find(self.remote.path)))
        system.invalidate_cache()
        try:
            return system.find(self.remote.path, detail=True).items()
        except FileNotFoundError:
            return ()  # nothing was sent yet

    def list_objects(self) -> dict[Oid, int]:
        """Size of every object that is there."""
        with _told(self.name):
            return {oid: int(info.get("size") or 0) for oid, info in self._list_paths()}

    def read(self, oid: Oid) -> bytes:
        """An object's bytes."""
        with _told(self.name), self._open(oid) as file:
            return file.read()

    def _open(self, oid: Oid) -> IO[bytes]:
        database = self._database(oid)
        return database.fs.open(database.oid_to_path(oid.md5), "rb")

    def hash_objects(self, oids: Iterable[Oid], tick: Tick) -> dict[Oid, str | None]:
        """The md5 that each object's bytes have; S3 knows that of what was sent in one piece."""
        wanted = set(oids)
        with _told(self.name):
            infos = {oid: info for oid, info in self._list_paths() if oid in wanted}
        known = {oid for oid, info in infos.items() if str(info.get("ETag") or "").strip('"') == oid.md5}
        for oid in known:
            tick(int(infos[oid].get("size") or 0))
        rest = sorted(wanted - known)
        with ThreadPoolExecutor(REMOTE_THREADS) as pool:
            read = dict(zip(rest, pool.map(lambda oid: _hash_one(oid, self._open, tick), rest), strict=True))
        return {oid: oid.md5 for oid in known} | read

    def remove(self, oid: Oid) -> None:
        """Take an object away."""
        with _told(self.name):
            self._database(oid).delete(oid.md5)

    def bring(self, target: LocalStore, oids: Iterable[Oid]) -> None:
        """Copy objects of the remote into the cache, each whole or not at all.

        Raises:
            StoreError: one cannot be read.
        """
        for oid in sorted(oids):
            path = target.locate(oid)
            path.parent.mkdir(parents=True, exist_ok=True)
            staged = path.with_name(f"{path.name}.{os.getpid()}.part")
            try:
                with _told(self.name), self._open(oid) as reader, staged.open("wb") as writer:
                    shutil.copyfileobj(reader, writer, BLOCK_BYTES)
                staged.chmod(0o444)  # as DVC leaves them
                staged.replace(path)
            finally:
                staged.unlink(missing_ok=True)

    def send(self, source: LocalStore, oids: Iterable[Oid], tick: Tick) -> dict[Oid, str]:
        """Copy objects of the cache to the remote, files before listings of directories.

        Returns:
            Why not, for those that could not be sent.
        """
        from dvc_objects.fs.local import localfs

        faults: dict[Oid, str] = {}

        def send_one(oid: Oid) -> None:
            path = source.locate(oid)
            try:
                size = path.stat().st_size
                self._database(oid).add(str(path), localfs, oid.md5, check_exists=False)
                tick(size)
            except Exception as error:  # each kind of remote raises errors of its own library
                faults[oid] = _shorten(error)

        ordered = sorted(oids)
        for directories in (False, True):
            some = [oid for oid in ordered if oid.is_directory == directories]
            for oid in some[:1]:
                send_one(oid)  # alone: it makes folders that the others share
            with ThreadPoolExecutor(REMOTE_THREADS) as pool:
                list(pool.map(send_one, some[1:]))
        return faults


Store = LocalStore | RemoteStore
"""Where objects lie."""


def name_object(folder: str, name: str, *, legacy: bool) -> Oid | None:
    """The object that lies at a path; None for what is no object, such as one still being written."""
    md5 = folder + name
    digits = md5.removesuffix(".dir")
    return Oid(md5, legacy) if len(digits) == 32 and len(folder) == 2 and HEX.issuperset(digits) else None


def _hash_one(oid: Oid, open_object: Callable[[Oid], IO[bytes]], tick: Tick) -> str | None:
    try:
        with open_object(oid) as file:
            return (_hash_legacy if oid.legacy and not oid.is_directory else _hash_file)(file, tick)
    except Exception:  # each kind of remote raises errors of its own library
        return None


def _hash_file(file: IO[bytes], tick: Tick) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
        tick(len(block))
    return digest.hexdigest()


def _hash_legacy(file: IO[bytes], tick: Tick) -> str:
    """DVC 2's md5: line ends of text are made one kind first."""
    from dvc_data.hashfile.hash import fobj_md5

    found = fobj_md5(file, name="md5-dos2unix")  # type: ignore[arg-type]
    tick(file.tell())
    return found


def read_listings(*stores: Store | None) -> Callable[[Oid], Listing | None]:
    """A reader of directories: from the first store that has the listing with the bytes of its name."""

    def read(oid: Oid) -> Listing | None:
        for store in stores:
            if store is None:
                continue
            try:
                content = store.read(oid)
            except (OSError, StoreError):
                continue
            if f"{hashlib.md5(content, usedforsecurity=False).hexdigest()}.dir" == oid.md5:
                return parse_listing(content)
        return None

    return read


@contextmanager
def open_remote(root: Path, name: str | None) -> Iterator[RemoteStore]:
    """A remote by its name, or the default one.

    Raises:
        StoreError: there is none of that name, or it does not keep objects by their md5.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    with _quiet():
        try:
            with Repo(str(root)) as repo:
                remote = repo.cloud.get_remote(name)
                remote_name = name or str(repo.config["core"].get("remote"))
                if remote.fs.version_aware or remote.worktree:
                    raise StoreError(f"remote {remote_name} keeps versions by path: use `dvc push` for it")
                if remote.fs.protocol == "local" and Path(remote.path).is_file():
                    raise StoreError(f"remote {remote_name}: {remote.path} is a file; name a folder")
                yield RemoteStore(remote, remote_name)
        except DvcException as error:
            raise StoreError(_describe_remote(error, name)) from None


def _describe_remote(error: Exception, name: str | None) -> str:
    if type(error).__name__ == "NoRemoteError":
        return f"no remote is set: {ADD_REMOTE}"
    return f"remote {name or 'by default'}: {_shorten(error)}"


@contextmanager
def _told(name: str) -> Iterator[None]:
    """What a remote's library raises becomes one line."""
    try:
        yield
    except (UserError, FileNotFoundError):
        raise
    except Exception as error:  # each kind of remote raises errors of its own library
        raise StoreError(f"remote {name}: {_shorten(error)}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """DVC says nothing of its own."""
    logger = logging.getLogger("dvc")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _shorten(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the object's own path: many lack for one reason
    return " ".join(str(error).split()) or type(error).__name__
