"""Where the public files lie; tests that need one skip without it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def public_file() -> Callable[[str], Path]:
    """Path of a public file by its name in FLYWHEEL_PUBLIC_DATA."""
    folder = Path(os.environ.get("FLYWHEEL_PUBLIC_DATA") or ROOT / "../shared/data")

    def find(name: str) -> Path:
        if not (folder / name).exists():
            pytest.skip(f"no {name} in {folder} (FLYWHEEL_PUBLIC_DATA)")
        return folder / name

    return find
