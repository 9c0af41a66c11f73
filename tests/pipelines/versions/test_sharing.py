"""A grouped query over all turns has the same rows and columns when files that turns share are aggregated once."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.versions.catalog import Catalog
from pipelines.versions.names import TableName, parse_query
from pipelines.versions.sharing import find_shared, rewrite_query
from pipelines.versions.sql import open_query

NAMES = TableName("all_turns.raw", "samples by segment"), TableName("all_turns.raw", "samples holders")


def ask(root: Path, query: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    with open_query(root, query) as answer:
        return answer.columns, list(answer.list_rows())


def rewrite(text: str) -> str | None:
    with duckdb.connect() as connection:
        query = parse_query(connection, text)
        return rewrite_query(connection, query, *NAMES) if find_shared(query) else None


SHARED = [
    "SELECT revision, policy, count(*), avg(n_tokens) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision AS turn_tag, count(*) AS n FROM {} GROUP BY revision ORDER BY n DESC, turn_tag",
    "SELECT policy, sum(n_tokens) FROM {} GROUP BY policy ORDER BY sum(n_tokens) DESC",
    "SELECT revision, policy, min(candidate_id), bool_or(n_tokens > 20) FROM {} GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT revision, turn % 2 AS odd, round(avg(n_tokens) / 2, 3) + 1 FROM {} GROUP BY ALL ORDER BY ALL LIMIT 3",
    "SELECT revision, count(*) FILTER (n_tokens > 15) AS long, count(n_tokens) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT policy, count(*) AS n FROM {} AS s WHERE s.n_tokens > 5 GROUP BY ALL HAVING count(*) > 2 ORDER BY n, 1",
    "SELECT s.revision, s.policy, count(*) FROM {} AS s GROUP BY s.policy, s.revision ORDER BY 1, 2, 3",
    "SELECT revision, CASE WHEN n_tokens > 12 THEN 'long' ELSE 'short' END, count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, sum(n_tokens) * 1.0 / count(*) FROM {} WHERE n_tokens BETWEEN 2 AND 100 GROUP BY ALL ORDER BY 1",
    "SELECT revision, checkpoint, count(checkpoint) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, policy, count(*) FROM {} WHERE n_tokens > 1000 GROUP BY ALL",
]  # fmt: skip
LEFT = [
    "SELECT count(*) FROM {}", "SELECT count(*) FROM {} WHERE n_tokens > 1000 GROUP BY ALL",
    "SELECT revision, n_tokens FROM {} ORDER BY ALL",
    "SELECT DISTINCT revision, policy FROM {} ORDER BY ALL",
    "SELECT revision, count(DISTINCT policy) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, median(n_tokens), count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, list(n_tokens ORDER BY n_tokens) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT policy, count(*) FILTER (revision = 'turn-1'), count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT upper(revision), count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT policy, count(*) FROM {} WHERE revision = 'turn-2' GROUP BY ALL ORDER BY ALL",
    "SELECT policy, max(revision), count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, sum(count(*)) OVER () FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, count(*) FROM {} GROUP BY ROLLUP (revision) ORDER BY ALL",
    "SELECT revision, policy, count(*) FROM {} GROUP BY revision, policy, turn ORDER BY ALL",
    "SELECT policy, count(*) FROM {} WHERE n_tokens > (SELECT 5) GROUP BY ALL ORDER BY ALL",
    "SELECT revision, count(*) FROM {} GROUP BY ALL HAVING revision > 'turn-1' ORDER BY ALL",
    "SELECT revision, policy, count(*) FROM {} GROUP BY 1, 2 QUALIFY row_number() OVER (ORDER BY policy, revision) = 1",
    "WITH a AS (SELECT 1) SELECT revision, count(*) FROM {} GROUP BY ALL ORDER BY ALL",
    "SELECT revision, count(*) FROM {} JOIN turns ON tag = revision GROUP BY ALL ORDER BY ALL",
    "SELECT revision, policy, sum(n_tokens) FROM {} GROUP BY ALL UNION ALL SELECT 'x', 'y', 1 ORDER BY ALL",
]  # fmt: skip


@pytest.mark.parametrize("text", SHARED + LEFT)
def test_rows_and_columns_are_those_of_the_plain_query(judged_project: Path, text: str) -> None:
    plain = ask(judged_project, text.format("(FROM all_turns.samples)"))
    assert ask(judged_project, text.format("all_turns.samples")) == plain
    assert ask(judged_project, text.format('"all_turns.raw".samples')) == plain


@pytest.mark.parametrize("text", SHARED)
def test_such_queries_are_rewritten(text: str) -> None:
    assert "finalize(combine_aggr(" in str(rewrite(text.format("all_turns.samples")))


@pytest.mark.parametrize("text", LEFT)
def test_others_are_left_as_they_are(text: str) -> None:
    assert rewrite(text.format("all_turns.samples")) is None
    assert rewrite(SHARED[0].format('"turn-1".samples')) is None
    assert rewrite("EXPLAIN " + SHARED[0].format("all_turns.samples")) is None


def test_curated_tables_are_not_for_it(judged_project: Path) -> None:
    catalog = Catalog(judged_project)
    assert catalog.define_segments(TableName("all_turns", "candidates")) is None
    assert catalog.define_segments(TableName("all_turns.raw", "candidates")) is not None
    assert catalog.define_segments(TableName("all_turns", "nothing")) is None
    found = ask(judged_project, "SELECT revision, count(*) FROM all_turns.candidates GROUP BY ALL ORDER BY ALL")
    assert found[1] == [("turn-1", 5), ("turn-2", 8)]
    found = ask(judged_project, 'SELECT revision, count(*) FROM "all_turns.raw".candidates GROUP BY ALL ORDER BY ALL')
    assert found[1] == [("turn-1", 7), ("turn-2", 9)]


def test_views_of_all_turns_are_not_for_it(judged_project: Path) -> None:
    found = ask(judged_project, "SELECT revision, count(*) FROM all_turns.texts GROUP BY ALL ORDER BY ALL")
    assert found[1] == [("turn-1", 3), ("turn-2", 4)]
