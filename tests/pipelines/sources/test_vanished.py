"""A row is gone when only superseded files have it; a stage drops it where params say so."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from curation.demonstrations import curate_demonstrations
from curation.ledger import keep_rows
from curation.prompts import curate_prompts
from pipelines.ingest import ingest_file
from pipelines.sources.imports import read_imports, read_ledger
from pipelines.sources.vanished import list_vanished
from pipelines.stage import read_yaml
from schemas.params import parse_params
from schemas.tables import empty_frame

ROOT = Path(__file__).parents[3]
NO_SPLITS = pl.DataFrame(schema={"prompt_id": pl.String, "split": pl.String})


def take_in(root: Path, name: str, words: str, source: str = "s") -> None:
    rows = [
        {"instruction": f"Say {word} in a friendly way, please.", "output": f"Here is {word}."}
        for word in words.split()
    ]
    (root / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest_file(root, root / name, source=source)


def list_gone(root: Path, others: pl.DataFrame | None = None) -> set[str]:
    """Words of the demonstrations that vanished."""
    origins = empty_frame("origins") if others is None else others
    gone = list_vanished(root, read_ledger(root), origins).filter(pl.col("table_name") == "demonstrations")
    rows = read_imports(root, "demonstrations").join(gone, left_on="demonstration_id", right_on="row_id", how="semi")
    return {row[0]["content"].split()[-1].strip(".") for row in rows["completion"].to_list()}


def test_nothing_is_gone_without_a_new_version(tmp_path: Path) -> None:
    take_in(tmp_path, "1", "one two")
    take_in(tmp_path, "2", "five six")
    assert list_gone(tmp_path) == set()


def test_gone_is_what_no_current_file_has(tmp_path: Path) -> None:
    """`two` left with the second version; `one` left with it too, but the third has it again, and `four` left."""
    take_in(tmp_path, "1", "one two three")
    take_in(tmp_path, "2", "three four")
    assert list_gone(tmp_path) == {"one", "two"}
    take_in(tmp_path, "3", "three one")
    assert list_gone(tmp_path) == {"two", "four"}
    take_in(tmp_path, "4", "two five", source="another")
    assert list_gone(tmp_path) == {"four"}


def test_a_row_that_came_from_elsewhere_too_stays(tmp_path: Path) -> None:
    take_in(tmp_path, "1", "one two three")
    rows = read_imports(tmp_path, "origins").filter(pl.col("table_name") == "demonstrations")
    take_in(tmp_path, "2", "three")
    made = rows.with_columns(source=pl.lit("sandbox"))
    assert list_gone(tmp_path) == {"one", "two"}
    assert list_gone(tmp_path, rows) == {"one", "two"}  # the same source's own origins, of an earlier turn
    assert list_gone(tmp_path, made) == set()


def switch(value: bool) -> Any:
    values = read_yaml(ROOT / "params.yaml")
    values["prompts"]["rules"]["vanished_at_source"]["enabled"] = value
    values["prompts"]["splits"] = {"validation": 0.0, "benchmark": 0.0}
    return parse_params(values)


def curate(root: Path, *, enabled: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The ledgers of the prompts and demonstrations stages."""
    params, gone = switch(enabled), list_vanished(root, read_ledger(root), empty_frame("origins"))
    prompts = read_imports(root, "prompts")
    judged = curate_prompts(
        prompts, empty_frame("assignments"), NO_SPLITS, past_ids=[], params=params.prompts,
        near=params.near_duplicates, turn=1, seed=1, vanished=gone,
    )  # fmt: skip
    dropped = curate_demonstrations(
        read_imports(root, "demonstrations"), prompts, judged.assignments, judged.dropped,
        read_imports(root, "origins"), empty_frame("scores"), params=params.curate_demonstrations,
        near=params.near_duplicates, turn=1,
    )  # fmt: skip
    return judged.dropped, dropped


def test_stages_honour_it_where_params_say_so(tmp_path: Path) -> None:
    """`ABC` took the place of `abc`: of the two, which are duplicates but for case, the new one stays."""
    take_in(tmp_path, "1", "one two three abc")
    take_in(tmp_path, "2", "one two ABC")
    off, _ = curate(tmp_path, enabled=False)
    assert "vanished_at_source" not in set(off["reason"])
    prompts, demonstrations = curate(tmp_path, enabled=True)
    tables = prompts.filter(pl.col("reason") == "vanished_at_source")["table_name"]
    assert dict(tables.value_counts().iter_rows()) == {"prompts": 2, "demonstrations": 2}
    mine = demonstrations.filter(pl.col("reason") == "vanished_at_source")
    assert mine["row_id"].n_unique() == mine.height == 2
    kept = keep_rows("demonstrations", read_imports(tmp_path, "demonstrations"), demonstrations)
    assert {row[0]["content"] for row in kept["completion"].to_list()} == {
        "Here is one.",
        "Here is two.",
        "Here is ABC.",
    }


def test_params_leave_it_off() -> None:
    rules = parse_params(read_yaml(ROOT / "params.yaml")).prompts.rules
    assert not rules.vanished_at_source.enabled
