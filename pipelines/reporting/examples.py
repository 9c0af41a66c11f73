"""Turns rows of the ledger into examples to read: what was dropped, beside what it matched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from pipelines.reporting.inputs import Inputs
from pipelines.reporting.texts import Shown, Texts, mark_differences
from schemas.ids import pair_id

Part = tuple[str, Shown]
"""What a text is (prompt, answer, first side), and the text."""
FINDINGS = "pair_findings"
SIDES = {"comparisons": ("one side", "other side"), "preferences": ("one side", "other side")} | {
    FINDINGS: ("chosen", "rejected")
}
"""Tables whose rows are pairs, and what their sides are called."""


@dataclass(frozen=True)
class Example:
    """One dropped row: the value that decided beside its threshold, its texts, and those of the row it matched."""

    row_id: str
    subject: str
    value: float | None
    threshold: float | None
    parts: list[Part]
    matched_id: str | None
    matched: list[Part]
    private: bool = False
    """True when the row's text is not shown because of personal data."""


def show_dropped(row: Mapping[str, Any], texts: Texts, pairs: Mapping[str, tuple[str, str, str]]) -> Example:
    """An example from a row of `dropped`, or of findings under the table's name; `pairs` as `find_pairs` gives them."""
    table, row_id, matched_id = row["table_name"], row["row_id"], row["matched_id"]
    parts = _show_parts(table, row_id, texts, pairs)
    matched = _show_matched(table, matched_id, texts, pairs) if matched_id else []
    private = any(shown.hidden for _, shown in parts)
    if private:
        parts, matched = [], []
    if [label for label, _ in parts] == [label for label, _ in matched]:
        marked = [mark_differences(shown, other) for (_, shown), (_, other) in zip(parts, matched, strict=True)]
        parts = [(label, ours) for (label, _), (ours, _) in zip(parts, marked, strict=True)]
        matched = [(label, theirs) for (label, _), (_, theirs) in zip(matched, marked, strict=True)]
    subject = _name_labeler(table, row_id, texts)
    if table == FINDINGS and matched_id and not matched and not private:
        subject = f"labeler {matched_id}"
    return Example(row_id, subject, row["value"], row["threshold"], parts, matched_id, matched, private)


def _show_parts(table: str, row_id: str, texts: Texts, pairs: Mapping[str, tuple[str, str, str]]) -> list[Part]:
    if table == "prompts":
        return [("prompt", texts.prompt(row_id))]
    if table in ("demonstrations", "candidates"):
        row = texts.row(table, row_id)
        return [
            ("prompt", texts.prompt(row["prompt_id"] if row else None)),
            ("answer", texts.completion(table, row_id)),
        ]
    if table == "rankings":
        return _show_ranking(texts.row("rankings", row_id), texts)
    if (pair := row_id.rpartition(":")[2]) in pairs:
        prompt, first, second = pairs[pair]
        sides = [texts.completion("candidates", side) for side in (first, second)]
        return [("prompt", texts.prompt(prompt)), *zip(SIDES[table], sides, strict=True)]
    return []


def _show_matched(table: str, row_id: str, texts: Texts, pairs: Mapping[str, tuple[str, str, str]]) -> list[Part]:
    """What a row matched is a row of its own table, or a prompt; nothing where it is a labeler."""
    if table in SIDES and (table != FINDINGS or row_id in pairs):
        return _show_parts(table, row_id, texts, pairs)
    known = next((name for name in (table, "prompts") if texts.row(name, row_id) is not None), None)
    return _show_parts(known, row_id, texts, pairs) if known else []


def _show_ranking(ranking: Mapping[str, Any] | None, texts: Texts) -> list[Part]:
    """A ranking by its prompt and what it put first and last."""
    if ranking is None:
        return []
    tiers = [tier["candidate_ids"] for tier in ranking["tiers"] if tier["candidate_ids"]]
    ends = [("ranked first", tiers[0][0]), ("ranked last", tiers[-1][-1])] if len(tiers) > 1 else []
    shown = [(label, texts.completion("candidates", row_id)) for label, row_id in ends]
    return [("prompt", texts.prompt(ranking["prompt_id"])), *shown]


def _name_labeler(table: str, row_id: str, texts: Texts) -> str:
    if table not in ("rankings", "comparisons"):
        return ""
    ranking = texts.row("rankings", row_id.partition(":")[0])
    return f"labeler {ranking['labeler_id']}" if ranking else ""


def find_pairs(rows: Sequence[Mapping[str, Any]], inputs: Inputs) -> dict[str, tuple[str, str, str]]:
    """(prompt id, first id, second id) by pair id, for the pairs that rows of comparisons and preferences name."""
    mine = [row for row in rows if row["table_name"] in ("comparisons", "preferences")]
    named = [name for row in mine for name in (row["row_id"], row["matched_id"]) if name]
    wanted, found = {name.rpartition(":")[2] for name in named}, {}
    if not wanted:
        return {}
    for prompt, tiers in inputs.tables["rankings"].select("prompt_id", "tiers").iter_rows():
        ids = sorted({row_id for tier in tiers for row_id in tier["candidate_ids"]})
        for first, second in combinations(ids, 2):
            if (name := pair_id(prompt, first, second)) in wanted:
                found[name] = (prompt, first, second)
        if len(found) == len(wanted):
            break
    return found
