"""Makes a project of one's own in a folder: the pipeline, its numbers, DVC's and git's files, and a first commit."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipelines.reporting.plots_page import make_plots_files
from pipelines.store import write_bytes
from pipelines.versions.git import GitError, has_identity, open_repository, run_git
from pipelines.versions.project import rewrite_turn
from pipelines.versions.turns import IDENTITY_MEND, shorten
from schemas.errors import UserError

PIPELINE_FILES = ("dvc.yaml", "params.yaml", "versions.yaml")
DVC_CONFIG = """\
[core]
    analytics = false
    autostage = true
[cache]
    type = "reflink,copy"
[plots]
    html_template = plots.html
"""
WRITTEN = {
    ".dvc/config": DVC_CONFIG,
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "/.flywheel/\n/.venv/\n",
    "imports/imports.json": '{\n  "parts": []\n}\n',
}
IGNORED = "/.flywheel/\n/.venv/\n/data/\n/models/\n/report/\n/dvc_plots/\n"
README = """\
# {name}

A flywheel project. `dvc repro` runs a turn, `flywheel next` closes it and opens the next, `flywheel status` says what
is out of date; numbers are in `params.yaml`, results in `metrics/` and `report/index.html`.
"""


class InitError(UserError):
    """A project cannot be made there; the message says why and the mend, in one line."""


@dataclass(frozen=True)
class NewProject:
    """A project that was made."""

    root: Path
    committed: bool
    """False when git does not know who commits."""


def init_project(directory: Path) -> NewProject:
    """Make a project in an empty folder, or in a git repository that has none of its files.

    Raises:
        InitError: the folder holds other things, lies in another repository, or the package lacks its files.
        GitError: git is missing or refuses.
    """
    root = directory.absolute()
    sources = {name: find_pipeline_file(name) for name in PIPELINE_FILES}
    _check_folder(root)
    root.mkdir(parents=True, exist_ok=True)
    if not (root / ".git").exists():
        run_git(root, "init", "--quiet", "--initial-branch=main")
    for name, source in sources.items():
        text = source.read_text(encoding="utf-8")
        write_bytes((rewrite_turn(text, 1, None) if name == "params.yaml" else text).encode(), root / name)
    texts = WRITTEN | make_plots_files()
    for name, text in texts.items():
        write_bytes(text.encode(), root / name)
    written = [*PIPELINE_FILES, *texts, *_write_shared_files(root)]
    run_git(root, "add", "--force", "--", *written)
    committed = has_identity(root)
    if committed:
        run_git(root, "commit", "--quiet", "--message", "Start a flywheel project", "--", *written)
    return NewProject(root, committed)


def find_pipeline_file(name: str) -> Path:
    """A top-level file of the pipeline: in the installed package, or in the checkout it is run from.

    Raises:
        InitError: it is in neither.
    """
    package = Path(__file__).parent
    checkout = package.parent
    places = [package / "project" / name]
    places += [checkout / name] if (checkout / "pyproject.toml").exists() else []
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InitError(f"this installation has no {name}: install the package again")
    return found


def _check_folder(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InitError(f"{root} is a file: give a folder")
    present = sorted(path.name for path in root.iterdir()) if root.exists() else []
    if ".git" in present:
        ours = [name for name in (".dvc", *PIPELINE_FILES, *WRITTEN) if (root / name).exists()]
        if ours:
            raise InitError(f"{root} has {shorten(ours)} already: give an empty folder")
    elif present:
        raise InitError(f"{root} is not empty ({shorten(present)}): give an empty folder, or `git init` it first")
    else:
        _check_outside(root)


def _check_outside(root: Path) -> None:
    """A project's turns are tags of its own repository, not of one around it."""
    existing = next(folder for folder in (root, *root.parents) if folder.is_dir())
    try:
        open_repository(existing)
    except GitError as error:
        if "not in a git repository" in str(error):
            return
        raise
    raise InitError(f"{root} lies inside another git repository: give a folder outside, or `git init {root}` first")


def _write_shared_files(root: Path) -> Iterable[str]:
    """.gitignore, adding to what is there, and a README where there is none; returns those written."""
    ignore = root / ".gitignore"
    before = ignore.read_text(encoding="utf-8") if ignore.exists() else ""
    lines = [line for line in IGNORED.splitlines() if line not in before.splitlines()]
    joined = before + ("\n" if before and not before.endswith("\n") else "") + "".join(f"{line}\n" for line in lines)
    write_bytes(joined.encode(), ignore)
    if (root / "README.md").exists():
        return [".gitignore"]
    write_bytes(README.format(name=root.name).encode(), root / "README.md")
    return [".gitignore", "README.md"]


def describe_init(project: NewProject) -> list[str]:
    """What was made and what to do next, a line each."""
    lines = [f"made a project in {project.root}"]
    if not project.committed:
        lines.append(f"not committed, git does not know who you are: {IDENTITY_MEND}, then `git commit -m start`")
    return [*lines, f"next: `cd {project.root} && dvc repro`"]
