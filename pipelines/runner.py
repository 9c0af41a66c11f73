"""Runs one DVC stage by name, and publishes its outputs whole.

What every stage needs is done here once: it dies with its parent (an orphan that goes on writing would be recorded
as good by the next `dvc repro`), holds a lock, pins threads and hash seed, and drops resume state of other inputs.
"""

import ctypes
import fcntl
import importlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

from pipelines.ending import tells_full_disk
from pipelines.stage import STAGES, STATE, Stage, StageError, read_yaml
from schemas.errors import UserError

LOCK_SECONDS = 30
PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies; elsewhere than on Linux, watch for it."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        _watch_parent(parent)
    if os.getppid() != parent:  # it died while we were asking
        os._exit(1)


def _watch_parent(parent: int) -> None:
    import threading

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; a predecessor that is still dying gets LOCK_SECONDS to go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _wait_for_lock(file, path)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _wait_for_lock(file: IO[str], path: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.seek(0)
                raise StageError(
                    f"{path}: another stage still runs here (process {file.read()}); end it first"
                ) from None
            time.sleep(0.1)


def run_stage(root: Path, name: str) -> None:
    """Run a stage in a project: the body of `python -m pipelines.stage NAME`."""
    with hold_lock(root / STATE / "stage.lock"):
        started = time.monotonic()
        stage = Stage(root, name)
        _drop_other_work(stage.work)
        with _keep_signatures(stage):
            importlib.import_module(f"pipelines.{name}").run(stage)
        stage.publish()
        shutil.rmtree(stage.work, ignore_errors=True)
        _note_seconds(root, name, time.monotonic() - started)


def _keep_signatures(stage: Stage) -> AbstractContextManager[None]:
    """MinHash signatures of what a stage compares are stored with the turn, so that later ones sign only new rows."""
    own = f"data/signatures/{stage.name}.parquet"
    if own not in stage.outs:
        return nullcontext()
    from pipelines.signatures import remember_signatures

    past = sorted(stage.dep("data/past/signatures").glob(f"turn=*-{stage.name}.parquet"))
    return remember_signatures(past, stage.out(own), stage.root / STATE / "signatures" / f"{stage.name}.parquet")


def _drop_other_work(work: Path) -> None:
    """Resume state of other inputs is of no use; outputs half written by this one are written again."""
    for other in work.parent.glob("*") if work.parent.exists() else []:
        if other != work:
            shutil.rmtree(other, ignore_errors=True)
    shutil.rmtree(work / "out", ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)


def _note_seconds(root: Path, name: str, seconds: float) -> None:
    """Seconds and peak memory of a stage, in an untracked file: what DVC hashes holds no clock."""
    import resource

    from pipelines.store import read_json, write_json

    path = root / STATE / "seconds.json"
    try:
        noted = read_json(path)
    except (OSError, ValueError):
        noted = {}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)
    noted[name] = {"seconds": round(seconds, 2), "peak_megabytes": round(peak)}
    write_json({stage: noted[stage] for stage in STAGES if stage in noted}, path)


def _pin_environment(root: Path) -> None:
    """Threads and hash seed are read when python and its libraries start: set them, then start again once."""
    threads = str((read_yaml(root / "params.yaml") or {}).get("threads", 1))
    pinned = {
        "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads,
        "NUMBA_NUM_THREADS": threads, "OMP_DYNAMIC": "FALSE", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "4000",
        "TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        # glibc gives each big tensor back to the kernel and asks for it again: keep it
        "MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 31),
    }  # fmt: skip
    if any(os.environ.get(key) != value for key, value in pinned.items()):
        os.environ.update(pinned)
        os.execv(sys.executable, [sys.executable, "-m", "pipelines.stage", *sys.argv[1:]])


def main() -> int:
    """Entry point of `python -m pipelines.stage NAME`: 0 fine, 1 failed, 2 usage."""
    die_with_parent()
    if len(sys.argv) != 2 or sys.argv[1] not in STAGES:
        print(f"usage: python -m pipelines.stage STAGE, one of {' '.join(STAGES)}", file=sys.stderr)  # noqa: T201
        return 2
    name = sys.argv[1]
    try:
        _pin_environment(Path.cwd())
        run_stage(Path.cwd(), name)
    except ModuleNotFoundError as error:
        hint = "put the environment first on PATH: `source .venv/bin/activate`"
        print(f"{name}: {error} in {sys.executable}; {hint}", file=sys.stderr)  # noqa: T201
        return 1
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except Exception as error:
        if not tells_full_disk(error):
            raise
        print(f"{name}: {error}; make room, then `dvc repro` goes on from here", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted; `dvc repro` goes on from here", file=sys.stderr)  # noqa: T201
        return 130
    return 0
