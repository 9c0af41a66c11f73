"""Names the revisions that history is made of: the tagged turns, and everything that anyone can go back to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.versions.contents import Contents, open_history, read_contents, read_workspace
from pipelines.versions.git import SHORT, GitError, run_git
from pipelines.versions.locks import load_yaml
from pipelines.versions.project import read_locked_turn
from pipelines.versions.revisions import RevisionError
from pipelines.versions.safety.needs import Oid, ReadListing, list_needs
from pipelines.versions.turn_tables import TAG

HEAD = "HEAD"
PAST_COMMITS = 100
_SHORTENED = ("refs/tags/", "refs/heads/", "refs/remotes/")


def list_turn_revisions(root: Path) -> list[Contents]:
    """Every tagged turn, and HEAD where it is none of these.

    Raises:
        RevisionError: git cannot read one, or nothing is committed.
    """
    repository = open_history(root)
    tags = [tag for tag in run_git(repository.root, "tag", "--list", "--sort=v:refname").split() if TAG.fullmatch(tag)]
    found = read_contents(root, [*tags, HEAD])
    commits = {contents.revision.commit for contents in found[:-1]}
    return found if found[-1].revision.commit not in commits else found[:-1]


def list_all_revisions(root: Path) -> list[Contents]:
    """Everything that anyone can go back to: all tags, branches, experiments (queued ones too) and stashes, HEAD of
    each work tree, the workspace, those of running experiments, and the turns that any of these goes on from.

    Raises:
        RevisionError: git cannot read one.
    """
    repository = open_history(root)
    names = {HEAD: HEAD}
    listed = run_git(repository.root, "for-each-ref", "--format=%(refname)%09%(objecttype)%09%(*objecttype)")
    for name, kind, target in (line.split("\t") for line in listed.splitlines()):
        if "commit" in (kind, target):
            names[name] = _shorten_name(name)
    for stash in [name for name in names if name.endswith("stash")]:  # older entries live in its log only
        names |= {commit: f"{stash} {commit[:10]}" for commit in _list_log(repository.root, stash)}
    trees = run_git(repository.root, "worktree", "list", "--porcelain").splitlines()
    heads = [line.removeprefix("HEAD ") for line in trees if line.startswith("HEAD ")]
    names |= {commit: f"work tree at {commit[:10]}" for commit in heads if commit.strip("0")}
    found = [_rename(each, names[each.name]) for each in read_contents(root, list(names))]
    found += [read_workspace(root), *_list_running(root)]
    return [*found, *_list_parents(root, found)]


def _shorten_name(name: str) -> str:
    for prefix in _SHORTENED:
        name = name.removeprefix(prefix)
    return f"experiment {name.rpartition('/')[2]}" if name.startswith("refs/exps/") else name


def _rename(contents: Contents, name: str) -> Contents:
    return replace(contents, revision=replace(contents.revision, name=name))


def _list_log(root: Path, name: str) -> list[str]:
    try:
        return run_git(root, "reflog", "show", "--format=%H", name).split()
    except GitError:
        return []


def _list_running(root: Path) -> list[Contents]:
    """Work trees of experiments that run beside this one."""
    folders = sorted((root / ".dvc" / "tmp" / "exps").glob("*/.dvc"))
    return [_rename(read_workspace(folder.parent), f"running {folder.parent.name}") for folder in folders]


def _list_parents(root: Path, found: Sequence[Contents]) -> list[Contents]:
    """Turns that some revisions go on from and that no name stands for, back to the first."""
    known = {contents.revision.commit for contents in found}
    parents: list[Contents] = []
    waiting = list(found)
    while waiting:
        parent = find_parent(waiting.pop())
        if parent is None or parent in known:
            continue
        known.add(parent)
        try:
            [contents] = read_contents(root, [parent])
        except RevisionError:
            continue  # not in this repository, so nobody can go back to it
        parents.append(_rename(contents, f"parent {parent[:10]}"))
        waiting.append(contents)
    return parents


def find_parent(contents: Contents) -> str | None:
    """The turn.parent of a revision: what params.yaml says in the workspace, else what its dvc.lock was run with."""
    if contents.on_disk:
        section = load_yaml(contents.revision.cache.root / "params.yaml").get("turn")
        parent = section.get("parent") if isinstance(section, Mapping) else None
        return None if parent is None else str(parent)
    turn = read_locked_turn(contents.revision.lock)
    return turn.parent if turn is not None else None


def name_past_objects(root: Path, oids: Collection[Oid], read_listing: ReadListing) -> dict[Oid, str]:
    """What objects were in the commits between tags and heads: their path at the newest commit that had them."""
    repository = open_history(root)
    listed = run_git(repository.root, "rev-list", "--all", "--reflog", f"--max-count={PAST_COMMITS}").split()
    found: dict[Oid, str] = {}
    for contents in read_contents(root, listed) if oids and listed else []:
        needs = list_needs([contents], read_listing)
        for oid in oids:
            if oid in needs.uses:
                found.setdefault(oid, f"{needs.uses[oid][0].path} at {contents.name[:SHORT]}")
    return found
