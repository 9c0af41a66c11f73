"""Turns OpenAI's WebGPT comparisons (two answers with the quotes they rest on, a score for each) into rankings."""

from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields, lists_objects
from pipelines.sources.importing import Format, Imported, ask, note_sides
from pipelines.sources.tiers import rank, tier_pair
from schemas.ids import pair_id
from schemas.records import Candidate, Labeler, Message, Prompt

LABELER = Labeler(labeler_id="webgpt/unknown", kind="person")
"""All rankings are by one labeler of this name: the data does not say who judged."""

REQUIRED = frozenset({"question", "answer_0", "answer_1", "score_0", "score_1"})


def convert_row(value: Mapping[str, Any]) -> Imported:
    """The question is the prompt; a candidate is its quotes (as a tool's message) and the answer that cites them."""
    fields = Fields(_join_pair(value) if "pair" in value else value)
    question = Fields(fields.object("question"))
    prompt = ask(question.text("full_text"))
    first, second = (_read_side(fields, prompt, side) for side in (0, 1))
    score, other = fields.number("score_0"), fields.number("score_1")
    if score * other > 0 or (score == 0) != (other == 0):
        detail = f"'score_0' and 'score_1' are {score:g} and {other:g}, which name no winner and no tie"
        raise RowFaultError("unknown_verdict", detail, "write scores that sum to 0")
    winner = 0 if score == 0 else 1 if score > 0 else 2
    ranking = rank([first, second], LABELER, tier_pair(first, second, winner), strength=abs(score))
    pair = pair_id(prompt.prompt_id, first.candidate_id, second.candidate_id)
    source = (question.optional_text("dataset"), question.key("id") if question.has("id") else "", pair[:12])
    notes = (*fields.notes, *question.notes, *note_sides({"answer_0": first, "answer_1": second}))
    records = (("", prompt), ("answer_0", first), ("answer_1", second), ("", LABELER), ("", ranking))
    return Imported(records, notes, "/".join(source))


def _join_pair(value: Mapping[str, Any]) -> dict[str, Any]:
    """The two halves of a row as OpenAI published them, with the columns that the set has on Hugging Face."""
    halves = Fields(value).objects("pair")
    if len(halves) != 2 or halves[0].get("question") != halves[1].get("question"):
        raise RowFaultError("no_shared_prompt", "the row is no pair of answers to one question", "give both the same")
    joined = {f"{column}_{side}": half[column] for side, half in enumerate(halves) for column in half}
    return {**joined, "question": halves[0].get("question")}


def _is_row(value: Mapping[str, Any]) -> bool:
    if "pair" in value:
        return lists_objects(value, "pair", "answer") and lists_objects(value, "pair", "score")
    return all(value.get(column) is not None for column in REQUIRED)


def _read_side(fields: Fields, prompt: Prompt, side: int) -> Candidate:
    quotes = fields.object(f"quotes_{side}") if fields.has(f"quotes_{side}") else {"title": [], "extract": []}
    titles, extracts = Fields(quotes).texts("title"), Fields(quotes).texts("extract")
    if len(titles) != len(extracts):
        detail = f"'quotes_{side}' has {len(titles)} titles and {len(extracts)} extracts"
        raise RowFaultError("uneven_lists", detail, "give each extract its title")
    said = "\n\n".join(
        f"[{number}] {title}\n{extract}"
        for number, (title, extract) in enumerate(zip(titles, extracts, strict=True), start=1)
    )
    shown = (Message(role="tool", content=said, name="quotes"),) if said else ()
    reply = Message(role="assistant", content=fields.text(f"answer_{side}"))
    return Candidate(prompt_id=prompt.prompt_id, completion=(*shown, reply))


FORMAT = Format(
    name="webgpt",
    columns=frozenset(
        {"question", "quotes_0", "answer_0", "score_0", "quotes_1", "answer_1", "score_1", "pair"}
    ),
    required=REQUIRED,
    losses=(
        f"who judged (all rankings are by {LABELER.labeler_id})",
        "which model or person wrote each answer (no samples)",
        "the order in which the two answers were shown",
        "the tokens of question, quotes and answer (their text is kept)",
    ),
    convert=convert_row,
    repeats_prompts=True,
    recognise=_is_row,
)  # fmt: skip
