"""Reads the inputs of a stage at any revision, as the stage would have them in the workspace."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.stage import Stage
from pipelines.versions.contents import Contents, Part, fetch_parts
from pipelines.versions.git import read_objects
from pipelines.versions.locks import entry_paths, load_yaml, parse_yaml
from pipelines.versions.revisions import RevisionError, materialise
from schemas.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from schemas.params import Params

STAGE = "curate_preferences"


class PastStage(Stage):
    """The stage curate_preferences of any revision, as far as it reads: from the cache.

    Args:
        contents: what the revision holds.
        work: a folder for the model files that it reads.
    """

    def __init__(self, contents: Contents, work: Path) -> None:
        self.contents, self.work = contents, work
        self.root, self.name = contents.revision.cache.root, STAGE
        entry = (_read_yaml(contents, "dvc.yaml").get("stages") or {}).get(STAGE)
        if entry is None:
            raise RevisionError(f"{contents.name} has no stage {STAGE}")
        self.deps, self.outs, self.params_keys = list(entry_paths(entry.get("deps"))), [], []

    @cached_property
    def params(self) -> "Params":
        """The checked params.yaml of the revision."""
        from schemas.params import parse_params

        try:
            return parse_params(_read_yaml(self.contents, "params.yaml"))
        except UserError as error:
            raise RevisionError(
                f"{self.contents.name}: its params.yaml is of another version of this program ({error}); name a"
                " revision of this one, or install that one"
            ) from None

    def dep(self, path: str) -> Path:
        """Where a file or folder of the revision lies; brought out of the cache when first asked for."""
        if self.contents.on_disk and (self.root / path).exists():
            return self.root / path
        # the whole output that the path is in: part of a folder would pass for all of it later
        outs = self.contents.revision.outs
        whole = next((out for out in outs if f"{path}/".startswith(f"{out}/")), None)
        if whole is not None and not (self.work / whole).exists():
            materialise(self.contents.revision, whole, self.work / whole)
        return self.work / path

    def _table_files(self, name: str, *, past: bool) -> list[Path]:
        parts = [part for part in self.contents.tables.get(name, []) if part.path.startswith("data/past/") == past]
        wanted: list[Part] = [part for part in parts if any(f"{part.path}/".startswith(f"{dep}/") for dep in self.deps)]
        fetch_parts({self.contents.name: self.contents}, {self.contents.name: wanted})
        return [part.file for part in wanted]

    def _read(self, name: str, files: list[Path], what: str) -> "pl.DataFrame":
        import polars as pl

        from schemas.tables import TABLES, empty_frame, union_rows

        frames = [pl.read_parquet(file, hive_partitioning=False) for file in files]
        columns = TABLES[name].columns  # files of before a column lack it
        frames = [
            frame.with_columns(pl.lit(None, dtype).alias(c) for c, dtype in columns.items() if c not in frame.columns)
            for frame in frames
        ]
        return union_rows(name, *(frames or [empty_frame(name)]))


def _read_yaml(contents: Contents, name: str) -> dict[str, Any]:
    revision = contents.revision
    if contents.on_disk:
        return load_yaml(revision.cache.root / name)
    [blob] = read_objects(revision.repository, [f"{revision.commit}:{revision.repository.prefix}{name}"])
    return parse_yaml(blob.content, name) if blob is not None else {}
