"""Prints, as Markdown, how many rows of Alpaca files break each noise rule, with three short examples of each.

    python benchmarks/noise_table.py alpaca_en_0-3252.json alpaca_en_51009-52002.json

Every rule is asked, also those that are off in params.yaml. A row is named by its number in the whole of Alpaca: its
place in the file, after the first number in the file's name (0 without one).
"""

import argparse
import json
import re
from pathlib import Path

import polars as pl

from curation.noise import RULES, find_noise
from curation.rouge import drop_similar
from pipelines.sources.importing import join_instruction
from pipelines.stage import read_yaml
from schemas.noise_rules import TextRules
from schemas.params import parse_params

ROOT = Path(__file__).parents[1]
EXCERPT_CHARACTERS = 60
FROM_THE_END = {"placeholder", "bare_link", "truncated", "unfinished_sentence", "trailing_colon", "url_share"}
NEVER_SHOWN = {"personal_data"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    rows = pl.concat([read_rows(file) for file in parser.parse_args().files])
    params = parse_params(read_yaml(ROOT / "params.yaml"))
    prompts, outputs = rows.select("row_id", text="prompt"), rows.select("row_id", "prompt", text="output")
    print(f"{rows.height:,} rows\n")
    print("| rule | on | of prompts | of outputs | row numbers and excerpts |\n|---|---|---|---|---|")
    asked = judge_all(prompts, params.prompts.rules)
    similar = drop_similar(prompts, params.prompts.rules.similar_prompt.max_rouge).select("row_id")
    asked = pl.concat([asked, similar.join(prompts, on="row_id").with_columns(reason=pl.lit("similar_prompt"))])
    said = judge_all(outputs, params.curate_demonstrations.rules)
    for reason in [*RULES, "similar_prompt"]:
        sides = [found.filter(pl.col("reason") == reason) for found in (asked, said)]
        on = [name_switch(rules, reason) for rules in (params.prompts.rules, params.curate_demonstrations.rules)]
        counts = [f"{side.height:,}" if switch else "" for side, switch in zip(sides, on, strict=True)]
        cells = [f"`{reason}`", " / ".join(switch or "–" for switch in on), *counts]
        print(f"| {' | '.join(cells)} | {show_examples(reason, pl.concat(sides))} |")
    print_recall(rows, asked, said)


def read_rows(file: Path) -> pl.DataFrame:
    """row_id (zero-padded, so that it sorts as a number), prompt, input and output of each row."""
    first = int((re.findall(r"\d+", file.stem) or ["0"])[0])
    rows = [
        {"row_id": f"{first + place:06}", "prompt": join_instruction(row["instruction"], row["input"]),
         "input": row["input"], "output": row["output"]}
        for place, row in enumerate(json.loads(file.read_text(encoding="utf-8")))
    ]  # fmt: skip
    return pl.DataFrame(rows)


def judge_all(rows: pl.DataFrame, rules: TextRules) -> pl.DataFrame:
    """(row_id, text, reason) by every rule with the thresholds of params.yaml, enabled or not."""
    every = {
        name: getattr(rules, name).model_copy(update={"enabled": True})
        for name in type(rules).model_fields
        if name in RULES
    }
    found = find_noise(rows, rules.model_copy(update=every))
    return found.join(rows, on="row_id").select("row_id", "text", "reason").sort("row_id")


def name_switch(rules: TextRules, reason: str) -> str:
    """on or off, empty where the rule is not one of theirs."""
    return "" if reason not in type(rules).model_fields else "on" if getattr(rules, reason).enabled else "off"


def show_examples(reason: str, found: pl.DataFrame) -> str:
    """Three rows spread over those found."""
    places = sorted({0, found.height // 2, found.height - 1}) if found.height else []
    shown = []
    for row_id, text in (found.select("row_id", "text").row(place) for place in places):
        text = re.sub(r"\s+", " ", text).strip()
        cut = text[-EXCERPT_CHARACTERS:] if reason in FROM_THE_END else text[:EXCERPT_CHARACTERS]
        excerpt = re.sub(r"([|`<>*_\[\]])", r"\\\1", cut)
        shown.append(f"{int(row_id)}" + ("" if reason in NEVER_SHOWN or not excerpt else f" “{excerpt}”"))
    return "; ".join(shown)


def print_recall(rows: pl.DataFrame, asked: pl.DataFrame, said: pl.DataFrame) -> None:
    """Empty outputs and placeholder inputs as told by other means, and how many of them the rules found."""
    empty = {row_id for row_id, output in rows.select("row_id", "output").iter_rows() if not output.strip()}
    words = {row_id: re.sub(r"[\W_]+", "", text).lower() for row_id, text in rows.select("row_id", "input").iter_rows()}
    stands_for_none = {
        "noinput",
        "noinputs",
        "na",
        "none",
        "noinputrequired",
        "noinputneeded",
        "noinputprovided",
        "nan",
    }
    placeholders = {row_id for row_id, word in words.items() if word in stands_for_none}
    for what, wanted, found, reason in (
        ("empty outputs", empty, said, "empty"), ("placeholder inputs", placeholders, asked, "placeholder")
    ):  # fmt: skip
        met = wanted & set(found.filter(pl.col("reason") == reason)["row_id"])
        print(f"\nOf {len(wanted)} {what}, {len(met)} are found.")


if __name__ == "__main__":
    main()
