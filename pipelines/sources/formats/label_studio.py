"""Turns tasks exported from Label Studio's Ranker (items in a list or in buckets) into rankings."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any

from pipelines.sources.buckets import order_buckets
from pipelines.sources.conversations import read_side, refuse_media
from pipelines.sources.dialogues import find_asked, read_prompt
from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Format, Imported, note_sides
from pipelines.sources.tiers import Tiers, rank, show_order, tier_scores
from schemas.records import Candidate, Labeler, Prompt, Rating, Record

NAME = "label-studio"
GOLD = f"{NAME}/gold"
"""The labeler of all annotations that are marked as ground truth."""
UNKNOWN = "unknown"
"""The labeler of annotations that do not say by whom they are; the second such of one task is `unknown-2`, and so on:
Label Studio asks a user once, so they are by several people, and as rounds of one they would share a single vote."""
LEFT = "_"
"""The bucket of items that nobody moved."""
INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
BODIES = ("body", "text", "html", "title")
Items = dict[str, Candidate]


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt, a candidate for each item, and a ranking for each annotation; cancelled ones are skips."""
    fields = Fields(value)
    data = fields.object("data")
    column, items = _read_items(data)
    refuse_media(data)
    asked = Fields(data)
    prompt = _read_prompt(asked, data, column)
    candidates = {name: _read_candidate(prompt, item) for name, item in items.items()}
    records: list[tuple[str, Record]] = [("", prompt)]
    records += [(f"item-{name}", candidate) for name, candidate in candidates.items()]
    notes = [*asked.notes, *note_sides(candidates)]
    strangers = count(1)
    for number, annotation in enumerate(fields.objects("annotations"), start=1):
        given = Fields(annotation)
        part = f"annotation-{given.key('id') if given.has('id') else number}"
        records += [(part, record) for record in _judge(given, candidates, strangers)]
        notes += given.notes
    return Imported(tuple(records), tuple(notes), fields.key("id") if fields.has("id") else None)


def _read_items(data: Mapping[str, Any]) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """The column that holds the list of items, and the items by id, in the order in which they are shown."""
    for column in sorted(data, key=lambda column: column != "items"):
        value = data[column]
        if isinstance(value, list) and value and all(isinstance(item, dict) and "id" in item for item in value):
            items = {Fields(item).key("id"): item for item in value}
            if len(items) < len(value):
                raise RowFaultError("repeated_key", f"two items of {column!r} have one id", "give each its own")
            return column, {name: items[name] for name in _sort_shown(items)}
    raise RowFaultError("no_items", "'data' has no list of objects with ids", 'write it as [{"id", "body"}]')


def _sort_shown(names: Iterable[str]) -> list[str]:
    """The order in which Label Studio shows items: it keeps them in a JavaScript object, which sorts numbers first."""
    given = list(names)
    numbers = {name for name in given if INDEX.fullmatch(name) and int(name) < 2**32 - 1}
    return [*sorted(numbers, key=int), *(name for name in given if name not in numbers)]


def _read_prompt(fields: Fields, data: Mapping[str, Any], items: str) -> Prompt:
    columns = [column for column, value in data.items() if column != items and isinstance(value, str | list)]
    asked = find_asked(columns)
    if asked is None:
        detail = f"'data' has no prompt among {', '.join(map(repr, columns)) or 'its columns'}"
        raise RowFaultError("no_prompt", detail, "name the column 'prompt'")
    return read_prompt(fields, asked)


def _read_candidate(prompt: Prompt, item: Mapping[str, Any]) -> Candidate:
    column = next((column for column in BODIES if item.get(column) is not None), None)
    if column is None:
        raise RowFaultError("missing_column", "an item has no 'body'", "add the answer's text as 'body'")
    return Candidate(prompt_id=prompt.prompt_id, completion=read_side(Fields(item), column, "assistant"))


def _judge(given: Fields, items: Items, strangers: Iterator[int]) -> list[Record]:
    """The labeler and what the annotation says, or that it was skipped."""
    name = GOLD if given.flag("ground_truth") else f"{NAME}/{_name_labeler(given, strangers)}"
    labeler = Labeler(labeler_id=name, kind="person")
    facts: dict[str, Any] = {
        "shown_order": show_order(items.values()), "created_at": given.optional_instant("created_at"),
        "seconds": given.optional_number("lead_time"),
    }  # fmt: skip
    if given.flag("was_cancelled"):
        return [labeler, rank(list(items.values()), labeler, (), skip_reason="was_cancelled", **facts)]
    results = given.objects("result")
    rankers = [result for result in results if result.get("type") == "ranker"]
    if len(rankers) != 1:
        given.notes.append(Note("no_ranking", f"an annotation holds {len(rankers)} rankings, not one; it is left out"))
        return []
    groups = _read_groups(rankers[0], items)
    is_list = list(groups) == [rankers[0].get("from_name")]
    tiers = _tier_list(given, *groups.values(), items=items) if is_list else _tier_buckets(given, groups, items)
    if tiers is None:
        return [labeler, *_rate_buckets(labeler, groups, items)]
    return [labeler, rank(list(items.values()), labeler, tiers, rationale=_read_rationale(results), **facts)]


def _name_labeler(given: Fields, strangers: Iterator[int]) -> str:
    """Number of the user, who is named by it or stands there as an object."""
    if not given.has("completed_by"):
        given.notes.append(Note("unknown_labeler", "an annotation does not say by whom it is"))
        place = next(strangers)
        return UNKNOWN if place == 1 else f"{UNKNOWN}-{place}"
    if isinstance(given.get("completed_by"), dict):
        user = Fields(given.object("completed_by"))
        return user.key("id" if user.has("id") else "email")
    return given.key("completed_by")


def _read_rationale(results: Iterable[Mapping[str, Any]]) -> str | None:
    """What was written into the text areas beside the ranking."""
    texts: list[str] = []
    for result in results:
        if result.get("type") == "textarea":
            said = Fields(result).object("value")
            texts += Fields(said).texts("text") if isinstance(said.get("text"), list) else [Fields(said).text("text")]
    return "\n".join(texts) or None


def _read_groups(result: Mapping[str, Any], items: Items) -> dict[str, list[str]]:
    """Ids of items by list or bucket."""
    ranker = Fields(Fields(result).object("value")).object("ranker")
    groups = {}
    for bucket, ids in ranker.items():
        if not isinstance(ids, list):
            raise RowFaultError("wrong_type", f"the ranking's {bucket!r} is no list", "write it as a list of ids")
        groups[bucket] = [str(name) for name in ids]
        unknown = [name for name in groups[bucket] if name not in items]
        if unknown:
            detail = f"{bucket!r} ranks {unknown[0]!r}, which is no item"
            raise RowFaultError("unknown_candidate", detail, "rank only items of 'data'")
    return groups


def _tier_list(given: Fields, ranked: list[str], *, items: Items) -> Tiers:
    if ranked == list(items):
        detail = "the ranking is the order in which the items were shown: perhaps nobody touched it"
        given.notes.append(Note("untouched_list", detail))
    tiers, notes = tier_scores([(items[name], place) for place, name in enumerate(ranked)], best="lowest")
    given.notes += notes
    return tiers


def _tier_buckets(given: Fields, groups: Mapping[str, list[str]], items: Items) -> Tiers | None:
    """Tiers by bucket; None where the buckets' names say no order."""
    order = order_buckets([name for name in groups if name != LEFT])
    if order is None:
        given.notes.append(Note("buckets_without_order", "buckets whose names say no order are read as ratings"))
        return None
    if sum(bool(group) for group in groups.values()) == 1:
        given.notes.append(Note("untouched_list", "all items lie in one bucket, as they do when nobody moves them"))
    placed = [
        (items[name], place) for place, bucket in enumerate(order.best_first) for name in groups[bucket]
    ]  # fmt: skip
    tiers, notes = tier_scores(placed, best="lowest", tied=order.are_places)
    given.notes += notes
    return tiers


def _rate_buckets(labeler: Labeler, groups: Mapping[str, list[str]], items: Items) -> list[Rating]:
    """For each item that was moved, of each bucket whether it lies in it: 1 or 0."""
    moved = sorted({name for bucket, group in groups.items() if bucket != LEFT for name in group})
    return [
        Rating(
            candidate_id=items[name].candidate_id, labeler_id=labeler.labeler_id, aspect=bucket,
            value=float(name in groups[bucket]), min=0.0, max=1.0,
        )
        for name in moved for bucket in groups if bucket != LEFT
    ]  # fmt: skip


FORMAT = Format(
    name=NAME,
    columns=frozenset({"id", "data", "annotations"}),
    required=frozenset({"data", "annotations"}),
    losses=(
        "whether a list that stands as it was shown was ranked so or never touched: Label Studio exports both alike",
        "the order of items inside a bucket",
        f"who wrote a ground truth (they are all by {GOLD})",
        "of which server a user is: users are named by their number",
        f"who is who among annotations without `completed_by` (labelers {NAME}/{UNKNOWN}, {UNKNOWN}-2, ... of a task)",
        "predictions, drafts and results of other tags than Ranker and TextArea",
        "which policy wrote each item (no samples)",
    ),
    convert=convert_row,
    repeats_prompts=True,
    recognise=lambda value: isinstance(value.get("data"), dict) and isinstance(value.get("annotations"), list),
)
