"""The docs name what there is."""

import re
from pathlib import Path

from typer.main import get_command

from pipelines.cli import app
from pipelines.sources.exporting.exporters import NAMES
from pipelines.sources.formats import FORMATS

ROOT = Path(__file__).parents[1]


def test_readme_names_every_command() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    named = {name for line in readme if line.startswith("    ") for name in re.findall(r"flywheel ([a-z]+)", line)}
    assert named == commands


def test_formats_are_listed() -> None:
    page = (ROOT / "docs/formats.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"`([a-z0-9-]+)`", page))
    assert set(FORMATS) - listed == set()
    assert set(NAMES) - listed == set()


def test_links_lead_to_files() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_scripts_that_docs_quote_exist() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for script in re.findall(r"benchmarks/[a-z_]+\.py", page.read_text(encoding="utf-8")):
            assert (ROOT / script).exists(), f"{page.name}: {script}"
