"""What tests of training say to a model, and what they read of the files that it wrote."""

import hashlib
import json
from pathlib import Path
from typing import Any


def ask(content: str) -> list[dict[str, Any]]:
    """A prompt."""
    return [{"role": "user", "content": content}]


def answer(content: str, **rest: Any) -> list[dict[str, Any]]:
    """A completion."""
    return [{"role": "assistant", "content": content, **rest}]


def digests(directory: Path) -> dict[str, str]:
    """The md5 of each file below a directory."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}


def read_lineage(directory: Path) -> dict[str, Any]:
    """What write_lineage wrote."""
    return json.loads((directory / "lineage.json").read_text())
