"""dvc.yaml, params.yaml and versions.yaml agree with each other and with the code."""

from pathlib import Path

from pipelines.stage import STAGES, pick_key, read_yaml
from pipelines.versions.code import find_undeclared

ROOT = Path(__file__).parents[1]


def test_stages_are_the_twelve_in_order() -> None:
    assert tuple(read_yaml(ROOT / "dvc.yaml")["stages"]) == STAGES
    assert tuple(read_yaml(ROOT / "versions.yaml")["stages"]) == STAGES


def test_every_params_key_exists_and_every_section_is_tracked() -> None:
    params = read_yaml(ROOT / "params.yaml")
    tracked = set()
    for name, entry in read_yaml(ROOT / "dvc.yaml")["stages"].items():
        assert {"versions.yaml": [f"stages.{name}"]} in entry["params"]
        for key in entry["params"]:
            if isinstance(key, str):
                assert pick_key(params, key) is not None, f"{name} tracks {key}, which params.yaml lacks"
                tracked.add(key)
    for section, values in params.items():
        keys = {f"{section}.{key}" for key in values} if isinstance(values, dict) else {section}
        untracked = set() if section in tracked else keys - tracked
        assert not untracked, f"no stage tracks {untracked}"


def test_metrics_and_plots_are_in_git_and_the_rest_in_the_cache() -> None:
    for entry in read_yaml(ROOT / "dvc.yaml")["stages"].values():
        assert all(isinstance(out, str) for out in entry["outs"])
        for out in [*entry.get("metrics", []), *entry.get("plots", [])]:
            assert [settings["cache"] for settings in out.values()] == [False]


def test_every_change_of_code_is_declared() -> None:
    assert find_undeclared(ROOT) == {}
