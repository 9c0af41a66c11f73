"""What a stage sees of the project: the params and inputs that dvc.yaml declares for it, and where its outputs go.

Resume state lies outside the outs (DVC deletes outs before a stage) under a digest of the stage's inputs; outputs move
into place only when all are written. `python -m pipelines.stage NAME` is what dvc.yaml runs: pipelines.runner.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.progress import Show, show_progress
from schemas.errors import UserError, describe_yaml_fault

if TYPE_CHECKING:
    import polars as pl

    from schemas.params import Params

STAGES = (
    "start", "prompts", "demonstrations", "curate_demonstrations", "sft", "candidates", "rankings",
    "curate_preferences", "reward_model", "policy", "evaluate", "report",
)  # fmt: skip
STATE = Path(".flywheel")


class StageError(UserError):
    """A stage cannot run; the message says why and the mend."""


def read_yaml(path: Path) -> Any:
    """Parse a YAML file."""
    import yaml

    if not path.exists():
        raise StageError(f"{path} is missing here; run in a project's top folder (`flywheel init DIR` makes one)")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = path.read_text(encoding="utf-8")
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise StageError(describe_yaml_fault(str(path), text, error)) from None


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

    def progress(self, what: str) -> AbstractContextManager[Show]:
        """A callback (done, total) that draws a bar on a terminal and is silent elsewhere."""
        return show_progress(f"{self.name}: {what}")

    def publish(self) -> None:
        """Move every declared output to its place; an output not written is an error of the stage."""
        from pipelines.store import replace_path

        missing = [path for path in self.outs if not (self.work / "out" / path).exists()]
        if missing:
            raise StageError(f"stage {self.name} did not write {', '.join(missing)}")
        for path in self.outs:
            replace_path(self.work / "out" / path, self.root / path)


if __name__ == "__main__":
    from pipelines.ending import run_and_end
    from pipelines.runner import main

    run_and_end(main)
