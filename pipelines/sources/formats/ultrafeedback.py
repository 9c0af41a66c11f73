"""Turns rows of UltraFeedback (a prompt, models' answers, GPT-4's ratings of each) into ratings and rankings."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields, lists_objects
from pipelines.sources.importing import Format, Imported, answer, ask, note_sides
from pipelines.sources.tiers import rank, tier_scores
from schemas.records import Candidate, Labeler, Rating, Record, Sample

ASPECTS = ("helpfulness", "honesty", "instruction_following", "truthfulness")
JUDGE = Labeler(labeler_id="ultrafeedback/gpt-4", kind="llm", vendor="OpenAI")
UNRATED = "N/A"
FALSE_SCORE = 10.0
DOUBTFUL_MEAN = 4.0
"""A bug turned an `overall_score` of 1 into 10 (github.com/OpenBMB/UltraFeedback/issues/8). Its authors' own mending
(fix_overall_score_issue.py) trusts a 10 only where the aspects' mean is above this."""


def convert_row(value: Mapping[str, Any]) -> Imported:
    """One prompt; a candidate, a sample and ratings for each completion; a ranking by the mean of the aspects."""
    fields = Fields(value)
    prompt = ask(fields.text("instruction"))
    records: list[tuple[str, Record]] = [("", prompt), ("", JUDGE)]
    sides: dict[str, Candidate] = {}
    means: list[tuple[Candidate, float]] = []
    for number, completion in enumerate(fields.objects("completions"), start=1):
        given = Fields(completion)
        candidate = answer(prompt, given.text("response"))
        ratings = _rate_aspects(given, candidate)
        mean = sum(rating.value for rating in ratings) / len(ratings) if ratings else None
        ratings += _rate_overall(given, candidate, mean)
        sample = Sample(candidate_id=candidate.candidate_id, policy=given.text("model"))
        records += [(f"completion{number}", candidate), ("", sample), *(("", rating) for rating in ratings)]
        sides[f"completion{number}"] = candidate
        means += [(candidate, mean)] if mean is not None else []
        fields.notes += given.notes
    if not sides:
        raise RowFaultError("no_completions", "'completions' is an empty list", "give the prompt an answer")
    tiers, notes = tier_scores(means, best="highest")
    if len(means) > 1:
        ranking = rank(list(sides.values()), JUDGE, tiers, batch="mean_of_ratings")
        records.append(("", ranking))
    return Imported(tuple(records), _count_notes([*fields.notes, *notes, *note_sides(sides)]))


def _rate_aspects(given: Fields, candidate: Candidate) -> list[Rating]:
    """GPT-4's rating of each aspect, 1 to 5, with the types of hallucination or help it named as flags."""
    ratings = []
    annotations = given.object("annotations") if given.has("annotations") else {}
    for aspect in ASPECTS:
        annotation = annotations.get(aspect)
        if isinstance(annotation, list) and len(annotation) == 1:  # the first release lists them
            annotation = annotation[0]
        said = annotation if isinstance(annotation, dict) else {}
        if said.get("Rating") in (None, UNRATED):
            given.notes.append(Note("unrated_aspect", f"{aspect} has no rating"))
            continue
        types = re.findall(r"\d+", str(said.get("Type")))  # a list of numbers, written as one in some copies, or "None"
        flags = tuple(f"type_{kind}" for kind in types) or None
        ratings.append(
            Rating(
                candidate_id=candidate.candidate_id, labeler_id=JUDGE.labeler_id, aspect=aspect,
                value=Fields(said).number("Rating"), min=1.0, max=5.0, flags=flags,
            )
        )  # fmt: skip
    return ratings


def _rate_overall(given: Fields, candidate: Candidate, mean: float | None) -> list[Rating]:
    """The critique's score, 1 to 10, flagged where it is most likely a false 10."""
    score = given.optional_number("overall_score")
    if score is None:
        return []
    doubtful = score == FALSE_SCORE and mean is not None and mean <= DOUBTFUL_MEAN
    if doubtful:
        given.notes.append(Note("false_overall_score", f"an overall_score of 10 where the aspects' mean is {mean:.2f}"))
    flags = ("false_overall_score",) if doubtful else None
    return [
        Rating(
            candidate_id=candidate.candidate_id, labeler_id=JUDGE.labeler_id, aspect="overall_score", value=score,
            min=1.0, max=10.0, flags=flags,
        )
    ]  # fmt: skip


def _count_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Each kind of note once a row: what it says of the first, and how many more there are."""
    by_name: dict[str, list[Note]] = {}
    for note in notes:
        by_name.setdefault(note.note, []).append(note)
    return tuple(
        Note(name, some[0].detail if len(some) == 1 else f"{some[0].detail}; and {len(some) - 1} more")
        for name, some in by_name.items()
    )


FORMAT = Format(
    name="ultrafeedback",
    columns=frozenset({"instruction", "completions", "models"}),
    required=frozenset({"instruction", "completions"}),
    losses=(
        "the system prompt that each answer was written under (custom_system_prompt, principle): answers are ranked as"
        " answers to the bare instruction",
        "rationales of the ratings, and critiques",
        "GPT-4 rated the answers and ranked none: the ranking (batch mean_of_ratings) orders them by the mean of their"
        " aspects; overall_score is kept as a rating and orders nothing",
    ),
    convert=convert_row,
    recognise=lambda value: (
        isinstance(value.get("instruction"), str) and lists_objects(value, "completions", "response")
    ),
)
