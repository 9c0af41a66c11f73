"""Turns each stage's code into a digest, so that a change of code which changes results cannot go undeclared.

A stage depends on its version in versions.yaml, not on files: a docstring does not retrain a 7B. The digests of the
code as last declared are kept beside it, in code_digests.json; a test compares them. To declare a change:

    python -m pipelines.versions.code same STAGE...     the results are the same: keep the version
    python -m pipelines.versions.code changed STAGE...  they are not: raise the version, the stage runs again
"""

import ast
import hashlib
import json
import re
import sys
from functools import cache
from pathlib import Path

from pipelines.stage import STAGES, read_yaml
from pipelines.store import read_json, write_bytes

PACKAGES = ("schemas", "curation", "training", "pipelines")
DIGESTS = Path(__file__).with_name("code_digests.json")
NOT_RESULTS = frozenset({"pipelines.runner", "pipelines.stage", "pipelines.store"})
"""The runner: how a stage is run, not what it computes. A change of it that changes bytes is declared by hand."""


def list_closure(root: Path, module: str) -> list[Path]:
    """Files that a module is made of: itself and all of ours that it imports, at any depth, with their data files."""
    seen: dict[str, list[Path]] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = _module_file(root, name)
        if file is None or name in seen or name in NOT_RESULTS:
            continue
        seen[name] = [file, *_data_files(file)]
        waiting += _imports(file)
    return sorted({path for paths in seen.values() for path in paths})


def digest_code(root: Path, stage: str) -> str:
    """Digest of a stage's import closure, as syntax trees without docstrings, comments and layout."""
    digest = hashlib.blake2b(digest_size=16)
    for file in list_closure(root, f"pipelines.{stage}"):
        content = _tree_text(file) if file.suffix == ".py" else file.read_text(encoding="utf-8")
        digest.update(f"{file.relative_to(root).as_posix()}\0{content}\0".encode())
    return digest.hexdigest()


def find_undeclared(root: Path, digests: Path = DIGESTS) -> dict[str, str]:
    """Stages whose code is not what was last declared for their version, with what to do."""
    versions, declared = read_yaml(root / "versions.yaml")["stages"], read_json(digests)
    faults = {}
    for stage in STAGES:
        known = declared.get(stage, {})
        if known.get("digest") != digest_code(root, stage) or known.get("version") != versions[stage]:
            faults[stage] = (
                f"the code of stage {stage} has changed: python -m pipelines.versions.code same {stage}"
                f" (equal results), or changed {stage} (other results)"
            )
    return faults


def declare_code(root: Path, stages: list[str], *, changed: bool, digests: Path = DIGESTS) -> None:
    """Note the digests of stages as they are now; with `changed`, raise their versions first."""
    path = root / "versions.yaml"
    if changed:
        text = path.read_text(encoding="utf-8")
        for stage in stages:
            text = re.sub(rf"^(  {stage}: )(\d+)$", lambda m: f"{m[1]}{int(m[2]) + 1}", text, flags=re.MULTILINE)
        write_bytes(text.encode(), path)
    versions = read_yaml(path)["stages"]
    declared = read_json(digests) if digests.exists() else {}
    declared |= {stage: {"version": versions[stage], "digest": digest_code(root, stage)} for stage in stages}
    ordered = {stage: declared[stage] for stage in STAGES if stage in declared}
    write_bytes((json.dumps(ordered, indent=2) + "\n").encode(), digests)


def _module_file(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    for file in (base.with_suffix(".py"), base / "__init__.py"):
        if file.exists():
            return file
    return None


@cache
def _imports(file: Path) -> list[str]:
    """Our modules that a file imports anywhere in it, function bodies included; type-checking ones left out."""
    names = []
    for node in _walk_run(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in PACKAGES]


def _walk_run(node: ast.AST) -> list[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING`, which never run."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        return []
    return [node, *(inner for child in ast.iter_child_nodes(node) for inner in _walk_run(child))]


def _data_files(file: Path) -> list[Path]:
    """Files beside a module that reads such files: SQL, templates."""
    if "__file__" not in (text := file.read_text(encoding="utf-8")) and "importlib.resources" not in text:
        return []
    kinds = (".sql", ".j2", ".html", ".css", ".js", ".txt")
    return [path for path in file.parent.rglob("*") if path.suffix in kinds]


@cache
def _tree_text(file: Path) -> str:
    return repr(_plain_tree(ast.parse(file.read_text(encoding="utf-8"))))


def _plain_tree(node: object) -> object:
    """A syntax tree as nested tuples: no docstrings, no places, no empty fields (they differ between Pythons)."""
    if isinstance(node, list):
        return [_plain_tree(item) for item in node if not _is_docstring(item)]
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, _plain_tree(value)) for name, value in ast.iter_fields(node) if name not in ("ctx", "kind"))
    return (type(node).__name__, *((name, value) for name, value in fields if value not in (None, [])))


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def main() -> int:
    """`python -m pipelines.versions.code same|changed STAGE...`."""
    command, stages = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if command not in ("same", "changed") or not stages or not set(stages) <= set(STAGES):
        sys.stderr.write(f"usage: python -m pipelines.versions.code same|changed STAGE..., of {' '.join(STAGES)}\n")
        return 2
    declare_code(Path.cwd(), stages, changed=command == "changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
