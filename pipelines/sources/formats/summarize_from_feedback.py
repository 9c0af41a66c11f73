"""Turns OpenAI's summarize-from-feedback comparisons (two summaries, a worker's choice) into rankings."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields, lists_objects
from pipelines.sources.importing import Format, Imported, answer, ask, note_sides
from pipelines.sources.tiers import rank, tier_pair
from schemas.ids import pair_id
from schemas.records import Candidate, Labeler, Prompt, Record, Sample

NAME = "summarize-from-feedback"


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt with what is to be summed up, two summaries with a sample each, and the worker's ranking."""
    fields = Fields(value)
    post = Fields(fields.object("info"))
    summaries = fields.objects("summaries")
    if len(summaries) != 2:
        raise RowFaultError("not_two_sides", f"'summaries' holds {len(summaries)}", "give two summaries")
    choice = fields.number("choice")
    if choice not in (0, 1):
        raise RowFaultError("unknown_verdict", "'choice' is neither 0 nor 1", "write the place of the better summary")
    prompt = _ask_summary(post)
    first, second = (answer(prompt, Fields(summary).text("text")) for summary in summaries)
    worker, batch = fields.key("worker"), fields.optional_text("batch")
    labeler = Labeler(labeler_id=f"{NAME}/{worker}", kind="person")
    extra = Fields(fields.object("extra") if fields.has("extra") else {})
    ranking = rank(
        [first, second], labeler, tier_pair(first, second, 1 + int(choice)),
        strength=extra.optional_number("confidence"),
        batch="/".join(filter(None, (batch, fields.optional_text("split")))) or None,
    )  # fmt: skip
    pair = pair_id(prompt.prompt_id, first.candidate_id, second.candidate_id)
    key = "/".join((post.key("id"), worker, batch, pair[:12]))
    records: list[tuple[str, Record]] = [("", prompt), ("", labeler), ("", ranking)]
    sides = {"summary0": first, "summary1": second}
    for (part, candidate), summary in zip(sides.items(), summaries, strict=True):
        records += [(part, candidate), *_read_sample(fields, Fields(summary), candidate)]
    return Imported(tuple(records), (*fields.notes, *note_sides(sides)), key)


def _ask_summary(post: Fields) -> Prompt:
    """The text that the released policies were given: a Reddit post or a news article, and "TL;DR:"."""
    if post.has("post"):
        head = [f"SUBREDDIT: r/{post.text('subreddit')}"] if post.has("subreddit") else []
        head += [f"TITLE: {post.text('title')}"] if post.has("title") else []
        return ask("\n\n".join([*head, f"POST: {post.text('post')}", "TL;DR:"]))
    if post.has("article"):
        return ask(f"{post.text('article')}\n\nTL;DR:")
    raise RowFaultError("missing_column", "'info' has neither 'post' nor 'article'", "add the text to be summed up")


def _read_sample(fields: Fields, summary: Fields, candidate: Candidate) -> list[tuple[str, Record]]:
    policy = summary.optional_text("policy")
    if not policy:
        fields.notes.append(Note("unknown_policies", "a summary names no policy"))
        return []
    return [("", Sample(candidate_id=candidate.candidate_id, policy=f"{NAME}/{policy}"))]


FORMAT = Format(
    name=NAME,
    columns=frozenset({"info", "summaries", "choice", "worker", "batch", "split", "extra"}),
    required=frozenset({"info", "summaries", "choice", "worker"}),
    losses=(
        "workers' notes on each summary, written before they saw the post",
        "what the steps of confidence (1 to 9) stand for: it is kept as strength as it is",
        "the order in which the two summaries were shown",
        "where a news article was published (site) and its title",
    ),
    convert=convert_row,
    repeats_prompts=True,
    recognise=lambda value: isinstance(value.get("info"), dict) and lists_objects(value, "summaries", "text"),
)
