"""Tells the story of a model: what it was made from, which rows it saw and whence these came, and what came of it."""

from typing import Any

from pipelines.versions.lineage.nodes import Node, Story
from pipelines.versions.lineage.shelves import Shelves
from pipelines.versions.revisions import DataFile
from pipelines.versions.safety.lineage import LINEAGE, read_json
from pipelines.versions.safety.links import list_files
from pipelines.versions.scans import list_texts

ORIGINS = """
WITH seen AS (SELECT DISTINCT row_id, table_name FROM read_parquet({seen}) WHERE model = ?),
found AS (
    SELECT row_id, string_agg(DISTINCT source, ' and ' ORDER BY source) AS source,
        string_agg(DISTINCT licence, ' and ' ORDER BY licence) AS licence
    FROM read_parquet({origins}, union_by_name = true, hive_partitioning = false) SEMI JOIN seen USING (row_id)
    GROUP BY row_id
)
SELECT table_name, coalesce(source, 'no source of its own'), licence, count(*)
FROM seen LEFT JOIN found USING (row_id) GROUP BY ALL ORDER BY ALL
"""
PROMPT_ORIGINS = """
WITH seen AS (SELECT DISTINCT row_id FROM read_parquet({seen}) WHERE model = ? AND table_name = 'preferences'),
asked AS (
    SELECT pair_id, any_value(prompt_id) AS prompt_id FROM read_parquet({preferences}, union_by_name = true)
    SEMI JOIN seen ON seen.row_id = pair_id GROUP BY pair_id
),
found AS (
    SELECT row_id AS prompt_id, string_agg(DISTINCT source, ' and ' ORDER BY source) AS source,
        string_agg(DISTINCT licence, ' and ' ORDER BY licence) AS licence
    FROM read_parquet({origins}, union_by_name = true, hive_partitioning = false)
    WHERE table_name = 'prompts' GROUP BY row_id
)
SELECT 'prompts of preferences', coalesce(source, 'unknown'), licence, count(*)
FROM asked LEFT JOIN found USING (prompt_id) GROUP BY ALL ORDER BY ALL
"""
PLAIN = """
SELECT table_name, NULL, NULL, count(DISTINCT row_id) FROM read_parquet({seen}) WHERE model = ? GROUP BY 1
"""
LABELERS = """
SELECT labeler_id, kind, count(DISTINCT ranking_id) FROM (
    SELECT DISTINCT ranking_id, labeler_id, prompt_id
    FROM read_parquet({rankings}, union_by_name = true, hive_partitioning = false)
)
JOIN (
    SELECT DISTINCT prompt_id FROM read_parquet({preferences}, union_by_name = true)
    SEMI JOIN (SELECT row_id AS pair_id FROM read_parquet({seen}) WHERE model = ?) USING (pair_id)
) USING (prompt_id)
LEFT JOIN (
    SELECT DISTINCT labeler_id, kind FROM read_parquet({labelers}, union_by_name = true, hive_partitioning = false)
) USING (labeler_id)
GROUP BY ALL ORDER BY ALL
"""


def tell_model(shelves: Shelves, md5: str) -> Story:
    """The story of a model, by the md5 of its weights; a policy of elsewhere has only its samples."""
    places = shelves.models.get(md5, [])
    lineage = _read_lineage(shelves, places)
    facts: dict[str, Any] = {"is": shelves.name_model(md5)}
    facts |= {name: lineage.get(name) for name in ("kind", "n_rows", "seed", "threads")}
    came_from = [
        Node(name, lineage[name], {"is": shelves.name_model(lineage[name])})
        for name in ("parent", "reference")
        if lineage.get(name)
    ]
    came_from += _tell_rows(shelves, md5)
    if lineage.get("params"):
        came_from.append(Node("params", facts=_flatten(lineage["params"])))
    return Story(Node("model", md5, facts), came_from, _tell_uses(shelves, md5, places))


def _read_lineage(shelves: Shelves, places: list[tuple[str, str]]) -> dict[str, Any]:
    """lineage.json of a model, from the first turn that has it at hand."""
    for name, folder in places:
        contents = shelves.contents[name]
        file: DataFile | None = list_files(contents, "models").get(f"{folder}/{LINEAGE}")
        found = read_json(contents, file) if file is not None else None
        if found is not None:
            return found
    return {}


def _tell_rows(shelves: Shelves, md5: str) -> list[Node]:
    """Rows that a model saw, by table and source, and the labelers behind preferences."""
    maker = next((name for name, path in shelves.models.get(md5, []) if not path.startswith("models/start/")), None)
    if maker is None:
        found = shelves.look_up("training_rows", "model", [md5])
        maker = found[0].revisions[0] if found else None
    if maker is None:
        return []
    files = {table: shelves.list_files(table, maker) for table in
             ("training_rows", "origins", "preferences", "rankings", "labelers")}  # fmt: skip
    seen = list_texts(files["training_rows"])
    if not files["training_rows"]:
        return []
    if files["origins"]:
        query = ORIGINS.format(seen=seen, origins=list_texts(files["origins"]))
    else:
        query = PLAIN.format(seen=seen)
    rows = shelves.connection.execute(query, [md5]).fetchall()
    if files["origins"] and files["preferences"]:
        origins, preferences = list_texts(files["origins"]), list_texts(files["preferences"])
        query = PROMPT_ORIGINS.format(seen=seen, origins=origins, preferences=preferences)
        rows += shelves.connection.execute(query, [md5]).fetchall()
    nodes = [
        Node("rows", facts={"table": table, "source": source, "licence": licence, "count": count})
        for table, source, licence, count in rows
    ]
    if all(files[table] for table in ("preferences", "rankings", "labelers")):
        query = LABELERS.format(seen=seen, **{table: list_texts(found) for table, found in files.items()})
        nodes += [
            Node("labeler", facts={"is": labeler, "kind": kind, "rankings_of_its_prompts": count})
            for labeler, kind, count in shelves.connection.execute(query, [md5]).fetchall()
        ]
    return nodes


def _tell_uses(shelves: Shelves, md5: str, places: list[tuple[str, str]]) -> list[Node]:
    """Where a model lies, what was made from it, and how much it wrote."""
    nodes = [Node("lies in", facts={"is": path, "in": name}) for name, path in places]
    children: dict[str, set[str]] = {}
    for name, contents in shelves.contents.items():
        files = list_files(contents, "models")
        for path, file in files.items():
            if not path.endswith(f"/{LINEAGE}") or path.startswith("models/start/"):
                continue
            lineage = read_json(contents, file) or {}
            for role in ("parent", "reference"):
                if lineage.get(role) == md5:
                    children.setdefault(f"{path.removesuffix(f'/{LINEAGE}')} of {name}", set()).add(role)
    nodes += [Node(f"{' and '.join(sorted(roles))} of", facts={"is": child}) for child, roles in children.items()]
    return nodes + _tell_samples(shelves, md5)


def _tell_samples(shelves: Shelves, md5: str) -> list[Node]:
    """How many candidates a policy wrote, by turn and settings."""
    drawn: dict[tuple[Any, ...], set[tuple[str, int]]] = {}
    for each in shelves.look_up("samples", "policy", [md5]):
        settings = (each["turn"], each["checkpoint"], each["temperature"], each["top_p"])
        drawn.setdefault(settings, set()).add((each["candidate_id"], each["sample_index"]))
    return [
        Node("samples", facts={"turn": turn, "checkpoint": checkpoint, "temperature": temperature, "top_p": top_p,
                               "count": len(found)})
        for (turn, checkpoint, temperature, top_p), found in sorted(drawn.items(), key=lambda pair: str(pair[0]))
    ]  # fmt: skip


def _flatten(params: dict[str, Any]) -> dict[str, Any]:
    from pipelines.versions.locks import flatten_keys

    return {key: value for key, value in flatten_keys(params) if value is not None}
