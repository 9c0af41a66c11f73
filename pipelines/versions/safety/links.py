"""Checks that each turn goes on from the turn that it names: its commit, its models, its rows."""

import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.versions.cache import CacheError, read_listing
from pipelines.versions.contents import Contents, read_contents
from pipelines.versions.git import SHORT, UNSHALLOW
from pipelines.versions.locks import LockError
from pipelines.versions.parents import MODELS, TURNS, WEIGHTS, name_past_files
from pipelines.versions.project import TurnParams, read_locked_turn
from pipelines.versions.revisions import DataFile, RevisionError
from pipelines.versions.turn_tables import TAG

EMPTY = re.compile(r"data/past/\w+/turn=000\.parquet")


@dataclass(frozen=True)
class Fault:
    """What is wrong at a revision."""

    revision: str
    stage: str
    path: str
    what: str
    mend: str
    md5: str = ""


def list_files(contents: Contents, *folders: str) -> dict[str, DataFile]:
    """Files below some folders by path, from the cache alone; directories whose listing is not there left out."""
    revision, found = contents.revision, {}
    for path, out in revision.outs.items():
        if not any(path == folder or path.startswith(f"{folder}/") for folder in folders):
            continue
        if not out.is_directory:
            found[path] = DataFile(path, out.md5, out.size, out.legacy)
            continue
        try:
            listing = read_listing(revision.cache, out.md5, legacy=out.legacy)
        except (OSError, ValueError, CacheError):
            continue  # told as an object that is missing or corrupt
        for name, md5 in listing.items():
            found[f"{path}/{name}"] = DataFile(f"{path}/{name}", md5, None, out.legacy)
    return found


def is_whole(contents: Contents, broken: Container[str], *folders: str) -> bool:
    """Whether the listing of every directory at or below some folders can be read."""
    outs = contents.revision.outs.items()
    inside = [out for path, out in outs if any(f"{path}/".startswith(f"{folder}/") for folder in folders)]
    return not any(out.is_directory and out.md5 in broken for out in inside)


def check_links(root: Path, revisions: Sequence[Contents], broken: Container[str] = ()) -> Iterator[Fault]:
    """What is wrong with the links of some turns to those they go on from.

    Args:
        broken: md5s of objects that are known to be missing or corrupt, so nothing is said of what is in them.
    """
    tagged = {contents.revision.commit for contents in revisions if TAG.fullmatch(contents.name)}
    for contents in revisions:
        turn = read_locked_turn(contents.revision.lock)
        if turn is None:
            if TAG.fullmatch(contents.name):
                yield _fault(contents, "dvc.lock", "is of no turn, though the tag says so", "dvc repro")
            continue
        yield from _check_turn(contents, turn)
        files = list_files(contents, "data/past", "models/start")
        if turn.parent is None:
            yield from _check_start(contents, files, broken)
            continue
        named = str(turn.parent)
        try:
            [parent] = read_contents(root, [named])
            known = read_locked_turn(parent.revision.lock)
        except RevisionError:
            shallow = contents.revision.repository.shallow
            mend = "git fetch --unshallow --tags" if shallow else "git fetch --all --tags"
            why = UNSHALLOW.partition(",")[0] if shallow else "no such commit is in this repository"
            yield _fault(contents, "turn.parent", f"is {named[:SHORT]}: {why}", mend)
            continue
        commit = parent.revision.commit
        if commit not in tagged:
            number = known.number if known else turn.number - 1
            yield _fault(contents, "turn.parent", f"is {commit[:SHORT]}, which no turn's tag names",
                         f"git tag turn-{number} {commit[:SHORT]}")  # fmt: skip
        if known is None or known.number >= turn.number:
            is_turn = "no turn" if known is None else f"turn {known.number}"
            yield _fault(contents, "turn.parent", f"is {commit[:SHORT]}, which is {is_turn}", _again(contents))
            continue
        yield from _check_models(contents, files, parent, broken)
        yield from _check_past(contents, files, parent, known.number, broken)


def _check_turn(contents: Contents, turn: TurnParams) -> Iterator[Fault]:
    """Tag, params.yaml and dvc.lock of one commit say the same turn."""
    match = TAG.fullmatch(contents.name)
    if match is None:
        return  # at HEAD params.yaml may be ahead of what was run
    if int(match[1]) != turn.number:
        yield _fault(contents, "dvc.lock", f"is of turn {turn.number}", f"git tag -d {contents.name}")
    try:
        section = contents.revision.params.get("turn") or {}
    except (RevisionError, LockError) as error:
        yield _fault(contents, "params.yaml", str(error), _again(contents))
        return
    if (section.get("number"), section.get("parent")) != (turn.number, turn.parent):
        yield _fault(contents, "params.yaml", "says another turn or parent than dvc.lock", _again(contents))


def _check_start(contents: Contents, files: Mapping[str, DataFile], broken: Container[str]) -> Iterator[Fault]:
    if _read_turns(contents, files, broken):
        yield _fault(contents, TURNS, "has earlier turns, though the turn is a cold start", _again(contents), "start")


def _check_models(
    contents: Contents, files: Mapping[str, DataFile], parent: Contents, broken: Container[str]
) -> Iterator[Fault]:
    """What the turn starts with are the models that its parent ended with."""
    ends = [f"models/{model}" for model in MODELS]
    if not is_whole(contents, broken, "models/start", "data/past") or not is_whole(parent, broken, *ends, "data/past"):
        return
    before = list_files(parent, *ends)
    for model in MODELS:
        ended, starts = before.get(f"models/{model}/{WEIGHTS}"), files.get(f"models/start/{model}/{WEIGHTS}")
        if (starts and starts.md5) != (ended and ended.md5):
            what = f"has {starts and starts.md5}, its parent {parent.name[:SHORT]} ended with {ended and ended.md5}"
            yield _fault(contents, f"models/start/{model}", what, _again(contents), "start", ended.md5 if ended else "")
    turns = _read_turns(contents, files, broken)
    earlier = _read_turns(parent, list_files(parent, "data/past"), broken)
    if turns is None or earlier is None:
        return
    number = read_locked_turn(parent.revision.lock)
    assert number is not None
    models = {model: before[path].md5 for model in MODELS if (path := f"models/{model}/{WEIGHTS}") in before}
    if turns != [*earlier, {"turn": number.number, **models}]:
        yield _fault(contents, TURNS, "does not go on from its parent's with the parent's policy and reward model",
                     _again(contents), "start")  # fmt: skip


def _check_past(
    contents: Contents, files: Mapping[str, DataFile], parent: Contents, number: int, broken: Container[str]
) -> Iterator[Fault]:
    """The rows of earlier turns are the files that the parent has."""
    if not is_whole(contents, broken, "data/past") or not is_whole(parent, broken, "data"):
        return
    past = {path: file for path, file in files.items() if path.endswith(".parquet") and not EMPTY.fullmatch(path)}
    known = list_files(parent, "data")
    expected = {f"data/past/{name}": file for name, file in name_past_files(known, number).items()}
    tables = {path.split("/")[2] for path in files if path.count("/") > 2}
    for path, file in sorted(expected.items()):
        if path.split("/")[2] in tables and (path not in past or past[path].md5 != file.md5):
            what = "is not there" if path not in past else f"has {past[path].md5}"
            yield _fault(contents, path, f"{what}, its parent has {file.md5}", _again(contents), "start", file.md5)
    for path in sorted(set(past) - set(expected)):
        if path.startswith("data/past/"):
            yield _fault(contents, path, "is not among its parent's rows", _again(contents), "start", past[path].md5)


def _read_turns(contents: Contents, files: Mapping[str, DataFile], broken: Container[str]) -> list[object] | None:
    """What turns.json says; None where it is not at hand."""
    file = files.get(TURNS)
    if file is None or file.md5 in broken:
        return None
    try:
        found = json.loads(contents.revision.cache.locate(file.md5, legacy=file.legacy).read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, list) else None


def _fault(contents: Contents, path: str, what: str, mend: str, stage: str = "", md5: str = "") -> Fault:
    return Fault(contents.name, stage, path, what, mend, md5)


def _again(contents: Contents) -> str:
    return f"git switch --detach {contents.name} && dvc repro, then commit it and move the tag"
