"""Finds objects in DVC's cache by their md5, fetches missing ones from the remote, copies them out checked."""

import errno
import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.versions.locks import read_config
from schemas.errors import UserError

FICLONE = 0x40049409
BLOCK_BYTES = 1 << 20
SECONDS_BETWEEN_LOOKS = 0.2


class CacheError(UserError):
    """An object that is not there or not what its name says; the message names it and the mend."""


@dataclass(frozen=True)
class Cache:
    """DVC's cache on this machine, and the name of its default remote."""

    root: Path
    directory: Path
    remote: str | None

    def locate(self, md5: str, *, legacy: bool = False) -> Path:
        """Where the object of this md5 lies, if it is there."""
        folder = self.directory if legacy else self.directory / "files" / "md5"
        return folder / md5[:2] / md5[2:]


def open_cache(root: Path) -> Cache:
    """The cache of the project at `root`, from DVC's config files."""
    config = read_config(root)
    directory = config.get("cache", {}).get("dir") or root / ".dvc" / "cache"
    return Cache(root, Path(directory).resolve(), config.get("core", {}).get("remote"))


def read_listing(cache: Cache, md5: str, *, legacy: bool = False) -> dict[str, str]:
    """Files of a directory object as {relative path: md5}.

    Raises:
        FileNotFoundError: it is not in the cache.
        CacheError: its bytes are not those of its name.
    """
    path = cache.locate(md5, legacy=legacy)
    content = path.read_bytes()
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if f"{found}.dir" != md5:
        raise CacheError(describe_corrupt(path, found))
    return {entry["relpath"]: entry["md5"] for entry in json.loads(content)}


def describe_corrupt(path: Path, found: str) -> str:
    """What to say about an object whose bytes are not those of its name."""
    return f"{path} is corrupt (its md5 is {found}): remove it, then `dvc fetch --all-commits`, or `dvc repro` it anew"


def copy_object(source: Path, md5: str | None, destination: Path) -> None:
    """Copy an object out of the cache, sharing its blocks where the file system can; whole or not at all.

    With an `md5` the bytes are checked against it.

    Never a hard link: whoever appends to one damages the cache.

    Raises:
        FileNotFoundError: it is not in the cache.
        CacheError: its bytes are not those of its name.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    staged = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    try:
        with source.open("rb") as reader, staged.open("wb") as writer:
            found = _copy_hashed(reader, writer)
        if md5 not in (found, None):
            raise CacheError(describe_corrupt(source, found))
        staged.replace(destination)
    finally:
        staged.unlink(missing_ok=True)


def _copy_hashed(reader: IO[bytes], writer: IO[bytes]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    cloned = _clone_blocks(reader, writer)
    while block := reader.read(BLOCK_BYTES):
        digest.update(block)
        if not cloned:
            writer.write(block)
    return digest.hexdigest()


def _clone_blocks(reader: IO[bytes], writer: IO[bytes]) -> bool:
    """Share the file's blocks copy-on-write (btrfs, xfs); False where that cannot be."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM):
            return False
        raise
    return True


def fetch_objects(cache: Cache, objects: Iterable[tuple[str, bool]]) -> str | None:
    """Fetch objects (md5, legacy) from the default remote into the cache.

    Returns:
        Why it could not be done, in a few words, or None; whether each is there now is for the caller to see.
    """
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    objects = set(objects)
    wanted = {HashInfo("md5-dos2unix" if legacy else "md5", md5) for md5, legacy in objects}
    logger = logging.getLogger("dvc")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it would list each missing object; the caller says it in one line
    try:
        with Repo(str(cache.root)) as repo, _draw_progress(cache, objects):
            repo.cloud.pull(wanted)
    except Exception as error:  # each kind of remote raises errors of its own library
        return " ".join(str(error).split()) or type(error).__name__
    finally:
        logger.setLevel(level)
    return None


@contextmanager
def _draw_progress(cache: Cache, objects: Collection[tuple[str, bool]]) -> Iterator[None]:
    """A bar of how many objects have come, on a terminal; DVC's own would stay silent with its logger."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    done = threading.Event()
    columns = (TextColumn(f"fetching from {cache.remote}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=len(objects))

        def watch() -> None:
            while not done.wait(SECONDS_BETWEEN_LOOKS):
                bar.update(task, completed=sum(cache.locate(md5, legacy=old).exists() for md5, old in objects))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
