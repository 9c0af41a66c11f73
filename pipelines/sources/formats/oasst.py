"""Turns OpenAssistant's message trees, nested or a message a row, into prompts with history and ranked replies."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Convert, Format, Imported
from pipelines.sources.tiers import make_tier, rank, tier_scores
from schemas.records import Candidate, Labeler, Message, Prompt, Ranking, Rating, Record, Sample

ROLES = {"prompter": "user", "assistant": "assistant"}
CONSENSUS = Labeler(labeler_id="oasst/consensus", kind="person")
"""The ranks and labels of a file are many people's, put together; only files with events say who gave which."""
READY, ABORTED = "ready_for_export", frozenset({"aborted_low_grade", "halted_by_moderator"})
MAX_DEPTH = 200
"""Messages of one thread; real ones have fewer than 20."""


@dataclass
class _Tree:
    """What one row's messages become."""

    records: list[tuple[str, Record]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def add(self, part: str, *records: Record) -> None:
        self.records += [(part, record) for record in records]


def convert_row(value: Mapping[str, Any]) -> Imported:
    """A tree, or its root message with replies inside."""
    fields = Fields(value)
    root = Fields(fields.object("prompt")) if fields.has("prompt") else fields
    key = fields.key("message_tree_id") if fields.has("message_tree_id") else root.key("message_id")
    tree = _Tree(notes=_check_state(fields))
    if root.optional_text("parent_id"):
        raise RowFaultError("missing_parent", "the row begins in mid-conversation", "take in the whole tree")
    if _is_taken(root, tree.notes):
        _walk(root, (), tree)
    if not tree.records:
        raise RowFaultError("nothing_left", "its first message was deleted or failed review", "leave the tree out")
    return Imported(tuple(tree.records), tuple(tree.notes), key)


def _check_state(fields: Fields) -> list[Note]:
    state = fields.optional_text("tree_state")
    if state in ABORTED:
        raise RowFaultError("tree_aborted", f"the tree's state is {state}", "leave it out: its project gave it up")
    return [Note("tree_not_ready", "the tree was still growing or in review")] if state not in ("", READY) else []


def _find_fault(message: Fields) -> Note | None:
    """Why a message is left out with all that follows it; None where it is taken in."""
    named = message.key("message_id")
    if message.flag("deleted"):
        return Note("deleted_message", f"message {named} and its replies are left out")
    if message.has("review_result") and not message.flag("review_result"):
        return Note("failed_review", f"message {named} and its replies are left out")
    return None


def _is_taken(message: Fields, notes: list[Note]) -> bool:
    """False for a message that is left out; that, and that nobody reviewed it, is noted."""
    fault = _find_fault(message)
    if fault is not None:
        notes.append(fault)
    elif not message.has("review_result"):
        notes.append(Note("unreviewed_message", f"message {message.key('message_id')} was not reviewed; it is kept"))
    return fault is None


def _walk(message: Fields, thread: tuple[Message, ...], tree: _Tree) -> None:
    """Take in a message after its thread, then all that follows it."""
    if len(thread) >= MAX_DEPTH:
        raise RowFaultError("nested_too_deeply", f"a thread has more than {MAX_DEPTH} messages", "split the tree")
    thread = (*thread, _read_message(message))
    given = message.objects("replies") if message.has("replies") else []
    replies = [reply for reply in map(Fields, given) if _is_taken(reply, tree.notes)]
    if thread[-1].role == "user":
        add_prompt(message, thread, replies, tree.add, tree.notes)
    for reply in replies:
        _walk(reply, thread, tree)


def _read_message(message: Fields) -> Message:
    role = message.text("role")
    if role not in ROLES:
        raise RowFaultError("unknown_role", f"a message is by {role[:40]!r}", "write prompter or assistant")
    return Message(role=ROLES[role], content=message.text("text"))  # type: ignore[arg-type]


def add_prompt(
    message: Fields, thread: tuple[Message, ...], replies: Sequence[Fields], add: Any, notes: list[Note]
) -> None:
    """A prompter's message as a prompt, its assistant's replies as candidates, and the rankings of these."""
    prompt, named = Prompt(messages=thread), message.key("message_id")
    add(named, prompt)
    candidates = {}
    for reply in replies:
        said = _read_message(reply)
        if said.role == "assistant":
            candidate = Candidate(prompt_id=prompt.prompt_id, completion=(said,))
            candidates[reply.key("message_id")] = (candidate, reply)
            add(reply.key("message_id"), candidate, *_read_facts(reply, candidate))
    _add_consensus(candidates, named, add, notes)
    for event in _list_rankings(message):
        _add_event(event, candidates, named, add, notes)


def _read_facts(reply: Fields, candidate: Candidate) -> Iterator[Record]:
    """Which model wrote a synthetic reply, and the labels people gave it, from 0 to 1."""
    if reply.flag("synthetic") and reply.optional_text("model_name"):
        yield Sample(candidate_id=candidate.candidate_id, policy=reply.text("model_name"))
    labels = _read_labels(reply)
    if labels:
        yield CONSENSUS
    for aspect, value in labels.items():
        yield Rating(
            candidate_id=candidate.candidate_id, labeler_id=CONSENSUS.labeler_id, aspect=aspect, value=value,
            min=0.0, max=1.0,
        )  # fmt: skip


def _read_labels(message: Fields) -> dict[str, float]:
    """Labels as {name: {value, count}}, or as columns {name: [...], value: [...]} in Parquet files."""
    if not message.has("labels"):
        return {}
    labels = Fields(message.object("labels"))
    if isinstance(labels.get("name"), list):
        names, values = labels.texts("name"), labels.get("value") or []
        pairs = {name: Fields({"value": value}) for name, value in zip(names, values, strict=False)}
    else:
        given = message.object("labels")
        pairs = {name: Fields(labels.object(name)) for name, value in given.items() if value is not None}
    return {name: number for name, pair in pairs.items() if (number := pair.optional_number("value")) is not None}


def _add_consensus(candidates: Mapping[str, tuple[Candidate, Fields]], named: str, add: Any, notes: list[Note]) -> None:
    """The ranking of two or more replies by their ranks, 0 the best; one without a rank is put up but unjudged."""
    ranked = [
        (candidate, place)
        for candidate, reply in candidates.values()
        if (place := reply.optional_number("rank")) is not None
    ]
    if not ranked or len({candidate.candidate_id for candidate, _ in candidates.values()}) < 2:
        return
    tiers, found = tier_scores(ranked, best="lowest")
    if len(ranked) < len(candidates):
        notes.append(Note("unranked_reply", f"{len(candidates) - len(ranked)} replies to message {named} have no rank"))
    notes += found
    if tiers:
        put_up = [candidate for candidate, _ in candidates.values()]
        add(named, CONSENSUS, rank(put_up, CONSENSUS, tiers))


def _list_rankings(message: Fields) -> Iterator[Fields]:
    """The rankings among a message's events, where the file has any: who ranked its replies, and how."""
    if not message.has("events"):
        return
    events = Fields(message.object("events"))
    for kind, given in message.object("events").items():
        if given is not None:
            listed = map(Fields, events.objects(kind))
            yield from (event for event in listed if event.has("ranked_message_ids"))


def _add_event(
    event: Fields, candidates: Mapping[str, tuple[Candidate, Fields]], named: str, add: Any, notes: list[Note]
) -> None:
    """One person's ranking, best first; replies that were left out stand in no tier."""
    order = event.texts("ranked_message_ids")
    there = [candidates[reply][0] for reply in order if reply in candidates]
    if len(there) < len(order):
        notes.append(Note("ranked_reply_left_out", f"a ranking of message {named} has replies that are left out"))
    tiers = [make_tier([one], tied=False) for one in dict.fromkeys(there)]
    if len({one.candidate_id for one in there}) < max(2, len(there)):
        return
    labeler = Labeler(labeler_id=f"oasst/{event.optional_text('user_id') or 'unknown'}", kind="person")
    skipped = "not_rankable" if event.flag("not_rankable") else None
    put_up = [candidate for candidate, _ in candidates.values()]
    ranking: Ranking = rank(put_up, labeler, () if skipped else tuple(tiers), skip_reason=skipped)
    add(named, labeler, ranking)


def bind_file(_: Path, values: Sequence[Mapping[str, Any]]) -> Convert:
    """Rows of a flat file refer to each other: each message's thread is made of the rows of its ancestors."""
    flat = [value for value in values if is_flat(value)]
    if not flat:
        return convert_row
    by_id = {value["message_id"]: value for value in flat}
    replies: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for value in flat:
        if isinstance(value.get("parent_id"), str):
            replies[value["parent_id"]].append(value)
    return lambda value: _convert_message(value, by_id, replies) if is_flat(value) else convert_row(value)


def _convert_message(
    value: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]], replies: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Imported:
    """One message of a flat file: a prompter's brings its prompt and its replies' ranking, a reply its candidate."""
    fields, tree = Fields(value), _Tree()
    tree.notes += _check_state(fields)
    ancestors = _list_ancestors(value, by_id)
    for message in (value, *ancestors):
        fault = _find_fault(Fields(message))
        if fault is not None:
            what = "it" if message is value else "a message before it"
            raise RowFaultError(fault.note, f"{what} was deleted or failed review", "leave the row out")
    _is_taken(fields, tree.notes)
    thread = tuple(_read_message(Fields(message)) for message in (*ancestors, value))
    key = fields.key("message_id")
    if thread[-1].role == "user":
        follow = [reply for reply in map(Fields, replies.get(key, ())) if _find_fault(reply) is None]
        add_prompt(fields, thread, follow, tree.add, tree.notes)
    elif not ancestors or thread[-2].role != "user":
        raise RowFaultError("no_prompt", "a reply follows no prompter's message", "mend parent_id or role")
    else:
        candidate = Candidate(prompt_id=Prompt(messages=thread[:-1]).prompt_id, completion=thread[-1:])
        tree.add(key, candidate, *_read_facts(fields, candidate))
    records = tuple(("" if part == key else part, record) for part, record in tree.records)
    return Imported(records, tuple(tree.notes), key)


def _list_ancestors(value: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The messages before this one, first the root."""
    ancestors: list[Mapping[str, Any]] = []
    while parent := Fields(value).optional_text("parent_id"):
        if parent not in by_id:
            raise RowFaultError("missing_parent", "a message before it is not in the file", "take in whole trees")
        if len(ancestors) >= MAX_DEPTH:
            raise RowFaultError(
                "nested_too_deeply", f"more than {MAX_DEPTH} messages stand before it", "mend parent_id"
            )
        value = by_id[parent]
        ancestors.append(value)
    return ancestors[::-1]


def is_flat(value: Mapping[str, Any]) -> bool:
    """True for a message with no replies inside: one row of a flat file."""
    return isinstance(value.get("message_id"), str) and value.get("prompt") is None and value.get("replies") is None


def recognise_row(value: Mapping[str, Any]) -> bool:
    """A tree with its first message, or a message by a prompter or assistant."""
    prompt = value.get("prompt")
    message = prompt if isinstance(prompt, Mapping) else value
    return message.get("message_id") is not None and message.get("role") in tuple(ROLES)


FORMAT = Format(
    name="oasst",
    columns=frozenset(
        {
            "message_tree_id", "tree_state", "prompt", "message_id", "parent_id", "text", "role", "review_result",
            "deleted", "rank", "synthetic", "model_name", "labels", "replies", "events", "review_count",
        }
    ),
    required=frozenset(),
    losses=(
        "who wrote a message, when and in which language; how many reviewed it; emojis",
        "labels and ranks of prompters' messages",
        "who gave which rank, unless the file has events (the ranks are by oasst/consensus)",
        "the order in which replies were shown",
        "replies come as candidates, not as demonstrations",
    ),
    convert=convert_row,
    recognise=recognise_row,
    bind=bind_file,
    repeats_prompts=True,
)  # fmt: skip
