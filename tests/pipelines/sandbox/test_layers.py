"""Who may see gold, and that the world is the same in every process."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines.sandbox

FOLDER = Path(pipelines.sandbox.__file__).parent
JUDGES = {"gold", "checks", "readings"}

SCRIPT = """
import hashlib, json, sys
from schemas.params import Sandbox
from pipelines.sandbox.documents import write_documents
from pipelines.sandbox.labelers import make_labelers, rank_candidates
from pipelines.sandbox.prompts import write_prompts
from pipelines.sandbox.teacher import write_demonstrations
params = Sandbox.model_validate_json(sys.argv[1])
prompts = write_prompts("train", 150, params=params, turn_seed=1, exclude=set())
rows = [vars(row) for row in write_demonstrations(prompts, params=params, seed=1)]
labelers = make_labelers(params)
ranked = [vars(rank_candidates(l, prompts[0], [("a", "x y"), ("b", "z"), ("c", "An owl.")], seed=1)) for l in labelers]
world = [prompts, rows, write_documents(params), [vars(l) for l in labelers], ranked]
print(hashlib.sha256(json.dumps(world).encode()).hexdigest())
assert "torch" not in sys.modules
"""


def imported(module: str, seen: set[str] | None = None) -> set[str]:
    """Modules of the sandbox that a module imports, straight or through others."""
    seen = set() if seen is None else seen
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module == "pipelines.sandbox":
            names += [f"pipelines.sandbox.{alias.name}" for alias in node.names]
        for name in names:
            last = name.rpartition(".")[2]
            if name.startswith("pipelines.sandbox.") and last not in seen:
                seen.add(last)
                imported(last, seen)
    return seen


@pytest.mark.parametrize("module", ["teacher", "prompts", "documents", "answers", "tasks", "world"])
def test_who_writes_cannot_see_gold(module: str) -> None:
    assert not imported(module) & JUDGES


def test_only_labelers_see_gold_within_the_world() -> None:
    seers = {path.stem for path in FOLDER.glob("*.py") if "gold" in imported(path.stem)}
    assert seers == {"labelers"}


def test_nothing_of_the_world_imports_torch() -> None:
    assert not any("torch" in path.read_text().split() for path in FOLDER.glob("*.py") if path.stem != "__init__")


def test_the_world_is_the_same_in_every_process(params) -> None:  # type: ignore[no-untyped-def]
    small = params.model_copy(update={"n_documents": 300}).model_dump_json()
    digests = set()
    for seed in ("0", "1", "77"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(FOLDER.parent.parent)}
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT, small], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout)
    assert len(digests) == 1
