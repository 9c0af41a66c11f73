"""Turns findings of benchmark prompts in training rows into what the page shows: where, how many, the shared words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import polars as pl

from pipelines.reporting.examples import FINDINGS, Example, find_pairs
from pipelines.reporting.funnel import Reason
from pipelines.reporting.inputs import Inputs
from pipelines.reporting.reasons import describe_reason
from pipelines.reporting.texts import ELLIPSIS, Shown, Texts, join_messages, replace_controls

_REASON = re.compile(r"(benchmark_\w*?)_?in_(prompt|completion|chosen|rejected)$")
_SHARED_WORDS = 3  # in a row; fewer are anybody's
_LEAD_CHARACTERS = 60  # shown before the first shared words
_MOST_WORDS = 2_000  # of a text that are compared


@dataclass(frozen=True)
class Leaks:
    """Benchmark prompts found in one field (prompt, completion, chosen, rejected) of one table's rows."""

    table: str
    field: str
    reasons: list[Reason]


def build_contamination(inputs: Inputs, texts: Texts) -> list[Leaks]:
    """Leaks by table and field, dropped rows and pairs that stay alike; empty where nothing was found."""
    leaks: dict[tuple[str, str], list[Reason]] = {}
    for (table, reason), rows in _list_findings(inputs):
        field = _REASON.search(reason)
        if field:
            picked = rows.sort("value", "row_id", descending=[True, False], nulls_last=True)
            some = picked.head(inputs.params.n_dropped).to_dicts()
            pairs = _find_sides(some, inputs)
            examples = [_show_leak(row, field[2], texts, pairs, inputs.params.max_characters) for row in some]
            reasons = leaks.setdefault((table, field[2]), [])
            reasons.append(Reason(reason, describe_reason(reason), rows.height, examples))
    return [Leaks(table, field, sorted(rows, key=lambda r: (-r.n, r.name))) for (table, field), rows in leaks.items()]


def _list_findings(inputs: Inputs) -> Iterator[tuple[tuple[str, str], pl.DataFrame]]:
    columns = ["table_name", "row_id", "reason", "value", "threshold", "matched_id"]
    stay = inputs.tables[FINDINGS].rename({"pair_id": "row_id"}).with_columns(table_name=pl.lit("preferences"))
    found = pl.concat([inputs.tables["dropped"].select(columns), stay.select(columns)])
    found = found.filter(pl.col("reason").str.starts_with("benchmark_")).sort("table_name", "reason", "row_id")
    for (table, reason), rows in found.group_by("table_name", "reason", maintain_order=True):
        yield (str(table), str(reason)), rows


def _find_sides(rows: list[dict[str, Any]], inputs: Inputs) -> dict[str, tuple[str, str, str]]:
    """(prompt, chosen, rejected) ids of the pairs among the rows; of a pair that is no preference as they come."""
    known = inputs.tables["preferences"].filter(pl.col("pair_id").is_in([row["row_id"] for row in rows]))
    named = {row[0]: row[1:] for row in known.select("pair_id", "prompt_id", "chosen_id", "rejected_id").iter_rows()}
    return find_pairs([row for row in rows if row["row_id"] not in named], inputs) | named


def _show_leak(
    row: Mapping[str, Any], field: str, texts: Texts, pairs: Mapping[str, tuple[str, str, str]], max_characters: int
) -> Example:
    ours = _read_field(row, field, texts, pairs)
    theirs = _read_text("prompts", row["matched_id"], texts)
    named = row["row_id"], "", row["value"], row["threshold"]
    if ours is None or theirs is None:
        return Example(*named, [], row["matched_id"], [], private=True)
    our_words, their_words = mark_shared(ours, theirs, max_characters)
    return Example(*named, [(field, our_words)], row["matched_id"], [("benchmark prompt", their_words)])


def _read_field(
    row: Mapping[str, Any], field: str, texts: Texts, pairs: Mapping[str, tuple[str, str, str]]
) -> str | None:
    """The whole text of a row's field; None where it may not be shown, empty where it is not known."""
    if row["table_name"] == "demonstrations":
        demonstration = texts.row("demonstrations", row["row_id"]) or {}
        if field == "prompt":
            return _read_text("prompts", demonstration.get("prompt_id"), texts)
        return _read_text("demonstrations", row["row_id"], texts)
    prompt, chosen, rejected = pairs.get(row["row_id"], (None, None, None))
    if field == "prompt":
        return _read_text("prompts", prompt, texts)
    return _read_text("candidates", chosen if field == "chosen" else rejected, texts)


def _read_text(table: str, row_id: str | None, texts: Texts) -> str | None:
    shown = texts.prompt(row_id) if table == "prompts" else texts.completion(table, row_id)
    if shown.hidden:
        return None
    row = texts.row(table, row_id)
    return join_messages(row["messages" if table == "prompts" else "completion"]) if row else ""


def mark_shared(text: str, other: str, max_characters: int) -> tuple[Shown, Shown]:
    """Both texts from shortly before the first words that they share, runs of three and more shared words marked."""
    ours, theirs = (re.findall(r"\S+\s*", replace_controls(t.strip()))[:_MOST_WORDS] for t in (text, other))
    folded = [[re.sub(r"\W", "", word).lower() for word in words] for words in (ours, theirs)]
    blocks = SequenceMatcher(a=folded[0], b=folded[1], autojunk=False).get_matching_blocks()
    least = min(_SHARED_WORDS, len(ours), len(theirs))
    long = [block for block in blocks if block.size >= max(least, 1)]
    return (
        _cut(ours, [(block.a, block.a + block.size) for block in long], max_characters),
        _cut(theirs, [(block.b, block.b + block.size) for block in long], max_characters),
    )


def _cut(words: list[str], marked: list[tuple[int, int]], max_characters: int) -> Shown:
    pieces, at = [], 0
    for first, last in marked:
        pieces += [("".join(words[at:first]), False), ("".join(words[first:last]), True)]
        at = last
    pieces.append(("".join(words[at:]), False))
    lead, flag = pieces[0]
    if marked and len(lead) > _LEAD_CHARACTERS:
        pieces[0] = (ELLIPSIS + lead[-_LEAD_CHARACTERS:], flag)
    shown, left = [], max_characters
    for piece, flag in pieces:
        shown.append((piece if len(piece) <= left else piece[:left].rstrip() + ELLIPSIS, flag))
        left -= len(piece)
        if left <= 0:
            break
    return Shown(tuple((piece, flag) for piece, flag in shown if piece))
