"""Imports point one way: pipelines -> {curation, training} -> schemas."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "schemas": {"schemas"},
    "curation": {"schemas", "curation"},
    "training": {"schemas", "training"},
    "pipelines": {"schemas", "curation", "training", "pipelines"},
}
SEE_GOLD = {"pipelines.rankings", "pipelines.evaluate"}


def imports_of(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        ours = {name.split(".")[0] for name in imports_of(file)} & set(MAY_IMPORT)
        assert ours <= MAY_IMPORT[package], f"{file.relative_to(ROOT)} imports {ours - MAY_IMPORT[package]}"


@pytest.mark.parametrize("package", ["curation", "training", "schemas"])
def test_only_pipelines_reads_yaml_and_clocks(package: str) -> None:
    for file in (ROOT / package).rglob("*.py"):
        assert not imports_of(file) & {"yaml", "time", "typer"}, file
        read = {node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)}
        assert not read & {"now", "utcnow", "today"}, f"{file}: time comes in as an argument"


def test_curation_loads_no_torch() -> None:
    modules = [f"curation.{path.stem}" for path in (ROOT / "curation").glob("*.py")]
    code = f"import sys, importlib\nfor m in {modules!r}: importlib.import_module(m)\nassert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_gold_reaches_labelers_and_evaluate_only() -> None:
    """No other stage's import closure holds the grader, and nothing reads the gold scores that evaluate writes."""
    from pipelines.stage import STAGES, read_yaml
    from pipelines.versions.code import list_closure

    gold = ROOT / "pipelines" / "sandbox" / "gold.py"
    readers = {f"pipelines.{stage}" for stage in STAGES if gold in list_closure(ROOT, f"pipelines.{stage}")}
    assert readers == SEE_GOLD
    stages = read_yaml(ROOT / "dvc.yaml")["stages"]
    for name, entry in stages.items():
        if name != "report":  # shows what evaluate measured, feeds nothing
            assert not {"data/scores", "data/scores/evaluate.parquet"} & set(entry.get("deps", [])), name
