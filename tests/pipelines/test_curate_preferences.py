"""What curate_preferences is called with."""

from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from pipelines import curate_preferences
from pipelines.stage import read_yaml
from schemas.ids import demonstration_id, prompt_id
from schemas.messages import assistant_completion, user_prompt
from schemas.params import parse_params
from schemas.tables import TABLES, conform_frame, empty_frame

ROOT = Path(__file__).parents[2]


def make_table(name: str, rows: list[dict[str, object]]) -> pl.DataFrame:
    full = [dict.fromkeys(TABLES[name].columns) | row for row in rows]
    return conform_frame(name, pl.DataFrame(full, schema=dict(TABLES[name].columns)))


def test_preferences_are_held_against_the_demonstrations_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prompt_id(user_prompt("Name a fruit"))
    told = [assistant_completion(text) for text in ("An apple.", "A dog.")]
    stays, goes = (demonstration_id(asked, completion) for completion in told)
    rows = [
        {"demonstration_id": name, "prompt_id": asked, "completion": said}
        for name, said in zip((stays, goes), told, strict=True)
    ]
    gone = {"table_name": "demonstrations", "row_id": goes, "reason": "low_reward", "stage": "curate_demonstrations"}
    tables = {
        "demonstrations": make_table("demonstrations", rows),
        "dropped": make_table("dropped", [gone | {"rule_version": 1, "turn": 1}]),
    }
    for name in ("token_counter", "read_candidates"):
        monkeypatch.setattr(curate_preferences, name, lambda *_: None)

    def read(name: str) -> pl.DataFrame:
        return tables.get(name, empty_frame(name))

    stage = SimpleNamespace(
        params=parse_params(read_yaml(ROOT / "params.yaml")), turn=1, seed=1, rows=read, new_rows=read
    )
    inputs = curate_preferences.read_inputs(stage)  # type: ignore[arg-type]
    assert inputs["demonstrations"]["demonstration_id"].to_list() == [stays]
