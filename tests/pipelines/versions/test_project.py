"""The turn in params.yaml is found and rewritten whatever its layout."""

from pathlib import Path

import pytest
import yaml

from pipelines.versions.project import ProjectError, find_root, read_turn, rewrite_turn, write_turn

PARENT = "0123456789" * 4


@pytest.mark.parametrize(
    "text",
    [
        "turn: {number: 1, parent: null}\nx: 1\n",
        "x: 1\nturn:\n  number: 1 # n\n  parent:  # nothing yet\ny: ünïcode\n",
        "turn:\r\n  parent: null\r\n  number: 1\r\n",
        "turn: {parent: , number: 1}\n",
        'turn:\n  parent: "abc"\n  number: 41\n',
        "turn:\n  number: 1\n  parent:",
    ],
)
def test_only_the_two_values_change(text: str) -> None:
    once = rewrite_turn(text, 2, PARENT)
    before, after = yaml.safe_load(text), yaml.safe_load(once)
    assert after == {**before, "turn": {"number": 2, "parent": PARENT}}
    assert once.count("\r\n") == text.count("\r\n") and once.count("#") == text.count("#")
    assert rewrite_turn(once, 2, PARENT) == once
    assert yaml.safe_load(rewrite_turn(once, 1, None))["turn"] == {"number": 1, "parent": None}


@pytest.mark.parametrize("text", ["x: 1\n", "turn: 1\n", "turn: {number: 1}\n", "", "{", "- turn\n"])
def test_params_without_a_turn_are_refused(text: str) -> None:
    with pytest.raises(ProjectError):
        rewrite_turn(text, 2, None)


def test_write_keeps_mode_and_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(b"turn: {number: 1, parent: null}\r\n")
    path.chmod(0o600)
    write_turn(tmp_path, 2, PARENT)
    assert path.read_bytes() == f'turn: {{number: 2, parent: "{PARENT}"}}\r\n'.encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_turn(tmp_path).parent == PARENT


def test_root_is_found_from_below(project: Path, tmp_path: Path) -> None:
    assert find_root(project / "models/policy") == project
    with pytest.raises(ProjectError, match="flywheel init"):
        find_root(tmp_path)
