"""What a name needs is known without asking DuckDB: the statements of curation/sql say it, and say it right."""

import duckdb
import pytest

from curation.statements import VIEWS, read_sql
from pipelines.versions.catalog import KEYS, list_inputs
from pipelines.versions.names import parse_query
from schemas.tables import TABLES


@pytest.mark.parametrize("view", VIEWS)
def test_the_comment_of_a_view_names_what_it_reads(view: str) -> None:
    with duckdb.connect() as connection:
        query = parse_query(connection, read_sql(view))
    assert {name.table for name in query.tables} - query.with_names == set(list_inputs(read_sql(view)))


def test_content_tables_are_those_with_a_curated_view() -> None:
    curated = {view.removeprefix("curated_") for view in VIEWS if view.startswith("curated_")}
    assert set(KEYS) == curated - {"rankings", "comparisons"}
    assert all(TABLES[table].key == (key,) for table, key in KEYS.items())
