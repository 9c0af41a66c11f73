"""Turns what an export holds into its Hugging Face dataset card: README.md with a YAML header."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.sources.exporting.features import describe_features
from pipelines.sources.exporting.tables import Holdings

HUB_LICENCES = frozenset(
    {
        "apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
        "cc-by-nc-4.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "odc-by", "odbl",
        "pddl", "openrail", "bsd-2-clause", "bsd-3-clause", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "mpl-2.0",
    }
)  # fmt: skip
"""Licences that the hub knows by name; any other is `other`, with its own name beside it."""
SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}
WHAT = {
    "demonstrations": "a prompt with a completion to imitate; only messages with `train` count in the loss",
    "preferences": "a prompt with a chosen and a rejected completion; `margin` and `weight` are 0 to 1",
    "rankings": "one labeler's judgement of one prompt's candidates, as tiers, best first",
}
JUDGED = {"demonstrations": ("demonstrations",), "rankings": ("rankings",)}
"""Tables whose drops a table's rows suffer; those of preferences are counted on all that make a preference."""
PREFERENCE_PARTS = ("rankings", "comparisons", "candidates", "preferences")
KINDS = {
    "person": "people", "llm": "language models", "simulated": "simulated labelers: programs, no person judged",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One file of the export: a split of a table, with the bytes it has as a file."""

    table: str
    split: str
    path: str
    frame: pl.DataFrame
    n_bytes: int


def write_card(name: str, parts: Sequence[Part], holdings: Holdings, *, curated: bool) -> str:
    """The card's whole text: no date, no path, so that equal rows give equal bytes."""
    import yaml

    header = yaml.safe_dump(_head_card(name, parts, holdings), sort_keys=False, allow_unicode=True, width=1000)
    body = [f"# {name}", "", *_tell_tables(parts), *_tell_sources(parts, holdings), *_tell_labelers(parts, holdings)]
    return f"---\n{header}---\n\n" + "\n".join([*body, *_tell_curation(parts, holdings, curated=curated)]) + "\n"


def _head_card(name: str, parts: Sequence[Part], holdings: Holdings) -> dict[str, object]:
    rows = sum(part.frame.height for part in parts)
    licences = sorted({licence for part in parts for licence in _list_licences(part.frame)})
    header: dict[str, object] = {"pretty_name": name, **_name_licences(licences)}
    if "demonstrations" in {part.table for part in parts} or "preferences" in {part.table for part in parts}:
        header["task_categories"] = ["text-generation"]
    header["size_categories"] = [next((size for least, size in SIZES.items() if rows < least), "n>10M")]
    if kinds := set(_count_kinds(parts, holdings)):
        header["annotations_creators"] = ["machine-generated"] if kinds <= {"llm", "simulated"} else ["other"]
    header["configs"] = [
        {"config_name": table, "data_files": [{"split": part.split, "path": part.path} for part in group]}
        for table, group in _group_parts(parts)
    ]
    header["dataset_info"] = [_describe_config(table, group) for table, group in _group_parts(parts)]
    return header


def _describe_config(table: str, group: Sequence[Part]) -> dict[str, object]:
    splits = [
        {"name": part.split, "num_bytes": part.frame.to_arrow().nbytes, "num_examples": part.frame.height}
        for part in group
    ]
    return {
        "config_name": table, "features": describe_features(group[0].frame.schema), "splits": splits,
        "download_size": sum(part.n_bytes for part in group),
        "dataset_size": sum(part.frame.to_arrow().nbytes for part in group),
    }  # fmt: skip


def _group_parts(parts: Sequence[Part]) -> list[tuple[str, list[Part]]]:
    return [(table, [p for p in parts if p.table == table]) for table in dict.fromkeys(p.table for p in parts)]


def _list_licences(frame: pl.DataFrame) -> set[str]:
    """Licences of the rows; "" stands for rows of which none is stated."""
    stated = set(frame["licences"].explode().drop_nulls().to_list())
    return stated | ({""} if frame.filter(pl.col("licences").list.len() == 0).height else set())


def _name_licences(licences: Sequence[str]) -> dict[str, object]:
    known = {licence.lower() for licence in licences if licence.lower() in HUB_LICENCES}
    others = [licence for licence in licences if licence and licence.lower() not in HUB_LICENCES]
    names = sorted(known) + (["other"] if others else []) + (["unknown"] if "" in licences else [])
    header: dict[str, object] = {"license": names[0] if len(names) == 1 else names}
    return header | ({"license_name": ", ".join(others)} if others else {})


def _tell_tables(parts: Sequence[Part]) -> list[str]:
    rows = [(f"`{p.table}`", p.split, f"{p.frame.height:,}", WHAT[p.table]) for p in parts]
    return [*_draw_table(("table", "split", "rows", "a row is"), rows), ""]


def _tell_sources(parts: Sequence[Part], holdings: Holdings) -> list[str]:
    """Sources of the rows, with what is known of each; a row of several counts in each."""
    named = pl.concat([part.frame.select("sources") for part in parts]).explode("sources").drop_nulls()
    counts = dict(named.group_by("sources").len().iter_rows())
    facts = holdings["origins"].group_by("source").agg(
        pl.col("licence", "consent", "teacher").drop_nulls().unique().sort()
    )  # fmt: skip
    told = {source: rest for source, *rest in facts.iter_rows()}
    rows = [
        (
            source,
            f"{count:,}",
            *(", ".join(fact) or "not stated" for fact in told[source][:2]),
            ", ".join(told[source][2]),
        )
        for source, count in sorted(counts.items())
    ]
    return ["## Sources", "", *_draw_table(("source", "rows", "licence", "consent", "teacher"), rows), ""]


def _count_kinds(parts: Sequence[Part], holdings: Holdings) -> dict[str, int]:
    """Labelers of the exported judgements, by kind: of the rankings themselves, or of those behind the pairs."""
    prompts = {prompt for part in parts if part.table != "demonstrations" for prompt in part.frame["prompt_id"]}
    judged = holdings["rankings"].filter(pl.col("prompt_id").is_in(prompts))
    labelers = holdings["labelers"].join(judged, on="labeler_id", how="semi")
    return dict(labelers.group_by("kind").len().sort("kind").iter_rows())


def _tell_labelers(parts: Sequence[Part], holdings: Holdings) -> list[str]:
    kinds = _count_kinds(parts, holdings)
    if not kinds:
        return []
    return ["## Labelers", "", *(f"- {count:,} `{kind}` ({KINDS[kind]})" for kind, count in kinds.items()), ""]


def _tell_curation(parts: Sequence[Part], holdings: Holdings, *, curated: bool) -> list[str]:
    if not curated:
        why = "no rule has judged these rows" if holdings.imports_only else "rows that rules drop are among these"
        return ["## Curation", "", f"Not curated: {why}."]
    lines = [
        "## Curation",
        "",
        f"Curated by flywheel, turn {holdings.turn}. A row may be dropped for several reasons.",
        "",
    ]
    for table in dict.fromkeys(part.table for part in parts):
        tables = JUDGED.get(table, PREFERENCE_PARTS)
        dropped = holdings["dropped"].filter(pl.col("table_name").is_in(tables))
        counted = dropped.group_by("table_name", "reason").agg(pl.col("row_id").n_unique()).sort("table_name", "reason")
        rows = [(name, reason, f"{count:,}") for name, reason, count in counted.iter_rows()]
        lines += [f"What was dropped on the way to `{table}`:", ""]
        lines += [*_draw_table(("table", "reason", "rows"), rows), ""] if rows else ["Nothing.", ""]
    return lines[:-1]


def _draw_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    def draw(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return [draw(columns), "|" + "---|" * len(columns), *map(draw, rows)]
