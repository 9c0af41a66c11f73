"""Turns prompts into demonstrations as a flawed teacher writes them: wrong form, junk rows, repeats."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.sandbox.answers import write_answer
from pipelines.sandbox.flaws import draw_flaws
from pipelines.sandbox.shingles import measure_overlap
from pipelines.sandbox.tasks import parse_task
from schemas.params import Sandbox

NEAR_OVERLAP = 0.85
"""Near-duplicates are made a little closer than the threshold at which curation looks for them."""

JUNK: dict[str, Callable[[str, str], str]] = {
    "junk_empty": lambda prompt, answer: "",
    "junk_placeholder": lambda prompt, answer: "[insert answer here]",
    "junk_symbols": lambda prompt, answer: "@@## $$%% ^^&& **!! ~~~ ||| {}{} <>",
    "junk_mojibake": lambda prompt, answer: "Â".join(answer.replace("a", "Ã¢").replace("e", "Ã©").split(" ")),
    "junk_truncated": lambda prompt, answer: answer[: len(answer) // 3].rstrip() + "-",
    "junk_echo": lambda prompt, answer: prompt,
    "junk_boilerplate": lambda prompt, answer: f"As an AI language model, I do not have opinions. {answer}",
    "junk_spam": lambda prompt, answer: "Buy now at http://cheap-boats.example and http://win-a-goat.example today!!!",
    "junk_repetition": lambda prompt, answer: " ".join([" ".join(answer.split()[:3])] * 10),
}
"""Ways in which a row is no demonstration at all, by flaw name: (prompt, right answer) -> completion."""

CHANGED_WORDS = ("indeed", "then", "too", "really", "again", "friend")


@dataclass(frozen=True)
class Demonstrated:
    """One row of the teacher; `flaw` says what is wrong with it (flaws joined by "+"), for tests and recall only."""

    prompt: str
    completion: str
    flaw: str | None
    origin_id: str


def write_demonstrations(prompts: Sequence[str], *, params: Sandbox, seed: int) -> list[Demonstrated]:
    """A demonstration for each prompt, and junk rows, exact and near repeats, shuffled.

    Every row's prompt is one of `prompts`. What is written for a prompt does not depend on the others.
    """
    rows = [(prompt, *_demonstrate(prompt, params, seed)) for prompt in prompts]
    rng = random.Random(f"teacher/{params.seed}/{seed}")
    good = [row for row in rows if parse_task(row[0])]
    rows += [_spoil(row[0], rng) for row in _draw(rng, good, len(prompts) * params.junk_share)]
    rows += [_repeat(row, rng) for row in _draw(rng, good, len(prompts) * params.duplicate_share)]
    near = [_repeat_nearly(row, rng) for row in rng.sample(good, len(good))]
    rows += [row for row in near if row][: round(len(prompts) * params.near_duplicate_share)]
    rng.shuffle(rows)
    return [Demonstrated(*row, origin_id=f"{seed}-{number:05d}") for number, row in enumerate(rows)]


Row = tuple[str, str, str | None]


def _draw(rng: random.Random, rows: Sequence[Row], n: float) -> list[Row]:
    return rng.sample(rows, min(round(n), len(rows)))


def _demonstrate(prompt: str, params: Sandbox, seed: int) -> tuple[str, str | None]:
    task = parse_task(prompt)
    if task is None:
        return "I do not know what you mean.", "junk_prompt"
    rng = random.Random(f"teacher/{params.seed}/{seed}/{prompt}")
    flaws = draw_flaws(task, rng, form_share=params.form_flaw_share, content_share=params.content_flaw_share)
    return write_answer(task, rng, flaws), "+".join(sorted(flaws)) or None


def _spoil(prompt: str, rng: random.Random) -> Row:
    task = parse_task(prompt)
    assert task is not None  # junk rows are made of prompts of the sandbox only
    name = rng.choice(sorted(JUNK))
    return prompt, JUNK[name](prompt, write_answer(task, rng)), name


def _repeat(row: Row, rng: random.Random) -> Row:
    """The same row: verbatim, or with other case or spaces."""
    prompt, completion, _ = row
    return prompt, rng.choice((completion, completion.lower(), completion.replace(" ", "  "))), "duplicate"


def _repeat_nearly(row: Row, rng: random.Random) -> Row | None:
    """The same row with a word more, or another last word; None when it is too short to stay close."""
    prompt, completion, _ = row
    word = rng.choice(CHANGED_WORDS)
    bare, end = completion.rstrip(".!?"), completion[len(completion.rstrip(".!?")) :]
    head, _, last = bare.rpartition(" ")
    for changed in rng.sample((f"{bare} {word}{end}", f"{head} {word} {last}{end}", f"{head} {word}{end}"), 3):
        if measure_overlap(f"{prompt} {completion}", f"{prompt} {changed}") >= NEAR_OVERLAP:
            return prompt, changed, "near_duplicate"
    return None
