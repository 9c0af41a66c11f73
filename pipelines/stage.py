"""Runs one DVC stage by name: reads what dvc.yaml declares for it, and publishes its outputs whole.

What every stage needs is done here once: it dies with its parent (an orphan that goes on writing would be recorded
as good by the next `dvc repro`), holds a lock, pins threads and hash seed, keeps resume state outside the outs (DVC
deletes outs before a stage) under a digest of its inputs, and moves outputs into place only when all are written.
"""

import ctypes
import fcntl
import gc
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from schemas.params import Params

STAGES = (
    "start", "prompts", "demonstrations", "curate_demonstrations", "sft", "candidates", "rankings",
    "curate_preferences", "reward_model", "policy", "evaluate", "report",
)  # fmt: skip
STATE = Path(".flywheel")
LOCK_SECONDS = 30
PR_SET_PDEATHSIG = 1
GC_THRESHOLD = (100_000, 50, 100)
"""Importing torch and transformers makes millions of objects that stay: the usual 700 searches them over and over, a
fifth of the start of a stage."""


class StageError(UserError):
    """A stage cannot run; the message says why and the mend."""


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


def read_yaml(path: Path) -> Any:
    """Parse a YAML file."""
    import yaml

    if not path.exists():
        raise StageError(f"{path} is missing here; run in a project's top folder (`flywheel init DIR` makes one)")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except yaml.YAMLError as error:
        raise StageError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


def _paths(entries: list[Any] | None) -> list[str]:
    """Paths of a deps, outs, metrics or plots list, whose entries are a path or {path: options}."""
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries or []]


def pick_key(values: Any, dotted: str) -> Any:
    """The value at a dotted key, or None."""
    for part in dotted.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


class Stage:
    """One stage of dvc.yaml at work: its params, what it may read, where it writes.

    Reading a path that dvc.yaml does not list under `deps`, or writing one not listed under `outs`, is an error:
    what a stage depends on is then always what DVC thinks it depends on.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        declared = read_yaml(root / "dvc.yaml")["stages"]
        if name not in declared:
            raise StageError(f"dvc.yaml has no stage {name}; it has {', '.join(declared)}")
        entry = declared[name]
        self.deps = _paths(entry.get("deps"))
        self.outs = [path for part in ("outs", "metrics", "plots") for path in _paths(entry.get(part))]
        self.params_keys: list[Any] = entry.get("params") or []
        self.work = root / STATE / "work" / name / self.digest

    @cached_property
    def params(self) -> "Params":
        """The checked params.yaml."""
        from schemas.params import parse_params

        return parse_params(read_yaml(self.root / "params.yaml"))

    @property
    def turn(self) -> int:
        """Number of this turn, from 1."""
        return self.params.turn.number

    @property
    def seed(self) -> int:
        """Seed of this stage in this turn: 31 bits of a hash of the project's seed, the stage and the turn."""
        text = f"{self.params.seed}/{self.name}/{self.turn}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest()) >> 1

    @cached_property
    def digest(self) -> str:
        """Names this stage's inputs: its params, its version and the bytes it depends on."""
        from pipelines.store import digest_path

        values: list[Any] = [self.name]
        for entry in self.params_keys:
            file, keys = ("params.yaml", [entry]) if isinstance(entry, str) else next(iter(entry.items()))
            content = read_yaml(self.root / file)
            values += [[file, key, pick_key(content, key)] for key in keys]
        for path in self.deps:
            if not (self.root / path).exists():
                raise StageError(f"{path} is missing; run `dvc repro` from the start, or `dvc checkout`")
            values.append([path, digest_path(self.root / path)])
        text = json.dumps(values, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=16).hexdigest()

    def dep(self, path: str) -> Path:
        """Where a declared dependency, or a file inside one, lies."""
        if not any(path == dep or path.startswith(f"{dep}/") for dep in self.deps):
            raise StageError(f"stage {self.name} reads {path}, which its deps in dvc.yaml do not list")
        return self.root / path

    def out(self, path: str) -> Path:
        """Where to write a declared output; it moves to its place when the whole stage is done."""
        if path not in self.outs:
            raise StageError(f"stage {self.name} writes {path}, which its outs in dvc.yaml do not list")
        staged = self.work / "out" / path
        staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def resume(self, *parts: str) -> Path:
        """A directory for resume state, empty unless this very work was interrupted before."""
        path = self.work.joinpath("resume", *parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _table_files(self, name: str, *, past: bool) -> list[Path]:
        from pipelines.store import list_files

        here = f"data/past/{name}" if past else f"data/{name}"
        paths = [dep for dep in self.deps if dep in (here, f"{here}.parquet") or dep.startswith(f"{here}/")]
        return [file for path in paths for file in list_files(self.root / path)]

    def new_rows(self, name: str) -> "pl.DataFrame":
        """This turn's rows of a table, from the files that dvc.yaml lists as deps."""
        return self._read(name, self._table_files(name, past=False), f"data/{name}")

    def past_rows(self, name: str) -> "pl.DataFrame":
        """Rows of a table from earlier turns."""
        return self._read(name, self._table_files(name, past=True), f"data/past/{name}")

    def rows(self, name: str) -> "pl.DataFrame":
        """All rows of a table, of earlier turns and of this one; a row of an earlier turn stays as it was."""
        return self._read(
            name, self._table_files(name, past=True) + self._table_files(name, past=False), f"data/{name}"
        )

    def _read(self, name: str, files: list[Path], what: str) -> "pl.DataFrame":
        import polars as pl

        from schemas.tables import union_rows

        if not files:
            raise StageError(f"stage {self.name} reads {what}, which its deps in dvc.yaml do not list")
        return union_rows(name, *(pl.read_parquet(file, hive_partitioning=False) for file in files))

    def write_table(self, name: str, frame: "pl.DataFrame", *, part: str | None = None) -> None:
        """Check a frame against its table and write it to the out that dvc.yaml names for it, or for a part of it."""
        from pipelines.store import write_parquet
        from schemas.tables import conform_frame

        own = f"data/{name}/{part or self.name}.parquet"
        write_parquet(conform_frame(name, frame), self.out(own if own in self.outs else f"data/{name}.parquet"))

    def write_metrics(self, name: str, values: Mapping[str, Any]) -> None:
        """Write metrics/<name>.json."""
        from pipelines.store import write_json

        write_json(values, self.out(f"metrics/{name}.json"))

    def write_plot(self, name: str, rows: list[dict[str, Any]], columns: list[str]) -> None:
        """Write plots/<name>.csv."""
        from pipelines.store import write_csv

        write_csv(rows, columns, self.out(f"plots/{name}.csv"))

    def imported(self, table: str, *, of: tuple[str, ...] = ()) -> "pl.DataFrame":
        """Imported rows of a table that no earlier turn took in, with this turn's number filled in.

        Args:
            of: for `origins`, the tables whose rows they are the origins of.
        """
        import polars as pl

        from pipelines.sources.imports import read_imports
        from schemas.tables import TABLES

        self.dep("imports/imports.json")
        frame = read_imports(self.root, table)
        if of:
            frame = frame.filter(pl.col("table_name").is_in(of))
        if "turn" in frame.columns:
            frame = frame.with_columns(pl.lit(self.turn, pl.Int64).alias("turn"))
        return frame.join(self.past_rows(table), on=list(TABLES[table].key), how="anti")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A callback (done, total) that draws a bar on a terminal and is silent elsewhere."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
            task = bar.add_task(f"{self.name}: {what}", total=None)

            def show(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield show

    def publish(self) -> None:
        """Move every declared output to its place; an output not written is an error of the stage."""
        from pipelines.store import replace_path

        missing = [path for path in self.outs if not (self.work / "out" / path).exists()]
        if missing:
            raise StageError(f"stage {self.name} did not write {', '.join(missing)}")
        for path in self.outs:
            replace_path(self.work / "out" / path, self.root / path)


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
    """MinHash signatures of what a stage compares stay beside the turn, so that next time only new rows are signed."""
    if "near_duplicates" not in stage.params_keys:
        return nullcontext()
    from pipelines.signatures import remember_signatures

    return remember_signatures(stage.root / STATE / "signatures" / stage.name)


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
    gc.set_threshold(*GC_THRESHOLD)
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
    except KeyboardInterrupt:
        print(f"{name}: interrupted; `dvc repro` goes on from here", file=sys.stderr)  # noqa: T201
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
