"""Turns LLMBar's files (two outputs, which is better, and judges' verdicts in both orders) into rankings."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.sources.faults import Note, RowFaultError
from pipelines.sources.fields import Fields
from pipelines.sources.importing import Convert, Format, Imported, answer, ask, note_sides
from pipelines.sources.tiers import rank, show_order, tier_pair
from schemas.records import Candidate, Labeler, Record

GOLD = Labeler(labeler_id="llmbar/gold", kind="person")
"""The authors, whose labels all agreed on: the truth that judges are measured against."""
SWAPS = {"swap = False": (0, 1), "swap = True": (1, 0)}
"""Which output a judge saw first, of each of its two verdicts."""


def convert_row(value: Mapping[str, Any], judge: str = "unknown") -> Imported:
    """One prompt, two candidates, the gold ranking, and two rankings of the judge where the row has its verdicts."""
    fields = Fields(value)
    prompt = ask(fields.text("input"))
    first, second = (answer(prompt, fields.text(column)) for column in ("output_1", "output_2"))
    label = _read_winner(fields, "label")
    if label is None:
        raise RowFaultError("unknown_verdict", "'label' is null", "write 1 or 2")
    records: list[tuple[str, Record]] = [("", prompt), ("output_1", first), ("output_2", second), ("", GOLD)]
    records.append(("label", rank([first, second], GOLD, tier_pair(first, second, label))))
    if fields.has("results"):
        labeler = Labeler(labeler_id=f"llmbar/{judge}", kind="llm")
        records += [("", labeler), *_read_results(fields, (first, second), labeler)]
    return Imported(tuple(records), (*fields.notes, *note_sides({"output_1": first, "output_2": second})))


def _read_results(fields: Fields, sides: tuple[Candidate, Candidate], labeler: Labeler) -> Iterator[tuple[str, Record]]:
    for number, result in enumerate(map(Fields, fields.objects("results")), start=1):
        for swap, (left, right) in SWAPS.items():
            verdict = Fields(result.object(swap)) if result.has(swap) else Fields({})
            winner = _read_winner(verdict, "winner")
            if winner is None:
                fields.notes.append(Note("missing_verdict", f"result {number} has none for {swap!r}"))
                continue
            shown = show_order((sides[left], sides[right]))
            yield f"results{number}/{swap}", rank(sides, labeler, tier_pair(*sides, winner), shown_order=shown)


def _read_winner(fields: Fields, column: str) -> int | None:
    """1 or 2 for the file's first or second output, in whichever order they were shown; "1" and "2" are written too."""
    winner = fields.optional_number(column)
    if winner not in (None, 1, 2):
        raise RowFaultError("unknown_verdict", f"{column!r} is neither 1 nor 2", "write 1 or 2")
    return None if winner is None else int(winner)


def name_judge(path: Path) -> str:
    """The judge of a file under `evaluators/`, such as `GPT-4/Vanilla`; "unknown" elsewhere."""
    parents = path.absolute().parent.parts
    if "evaluators" in parents:
        return "/".join(parents[parents.index("evaluators") + 1 :]) or "unknown"
    return "unknown"


def bind_file(path: Path, _: Sequence[Mapping[str, Any]]) -> Convert:
    """Rows say nothing of who judged; the folders they lie in do."""
    judge = name_judge(path)
    return lambda value: convert_row(value, judge)


FORMAT = Format(
    name="llmbar",
    columns=frozenset({"input", "output_1", "output_2", "label", "results"}),
    required=frozenset({"input", "output_1", "output_2", "label"}),
    losses=("what a judge wrote beside its verdict", "which of the five subsets a row is of: name it with --source"),
    convert=convert_row,
    bind=bind_file,
)
