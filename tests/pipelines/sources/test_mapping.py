"""A mapping is refused where a part of it would be ignored, and where it names a column that is not there."""

from typing import get_type_hints

import pytest

from pipelines import cli
from pipelines.sources.faults import IngestError
from pipelines.sources.mapping import MANY, ONE, check_columns, parse_mapping


def test_fields_keep_their_columns_in_order() -> None:
    options = ["prompt=q", "candidate=b", "candidate=a", "rank=rb", "rank=ra"]
    assert parse_mapping(options) == {"candidate": ("b", "a"), "prompt": ("q",), "rank": ("rb", "ra")}
    assert parse_mapping(["prompt=a=b"]) == {"prompt": ("a=b",)}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["prompt"], "FIELD=COLUMN"),
        (["prompt="], "FIELD=COLUMN"),
        (["promt=q"], "did you mean prompt"),
        (["prompt=q", "prompt=r"], "mapped twice"),
        (["completion=a"], "add --map prompt"),
        (["prompt=q", "messages=m"], "map one of them"),
        (["prompt=q", "completion=a", "chosen=c", "rejected=r"], "completion and chosen cannot stand together"),
        (["prompt=q", "chosen=c"], "without rejected"),
        (["prompt=q", "candidate=a", "candidate=b", "rank=ra"], "1 rank and 2 candidate"),
        (["prompt=q", "policy=m"], "1 policy and 0 candidate"),
        (["prompt=q", "candidate=a", "candidate=b", "best=w", "score=x", "score=y"], "score and best"),
        (["prompt=q", "candidate=a", "best=w"], "needs two candidates"),
        (["prompt=q", "candidate=a", "rank=r"], "rank needs two candidates.*answers into one row"),
        (["prompt=q", "candidate=a", "score=s"], "score needs two candidates"),
        (["prompt=q", "best=w"], "without candidate"),
        (["prompt=q", "labeler=w"], "labeler says nothing"),
        (["prompt=q", "completion=a", "strength=s"], "strength says nothing"),
        (["messages=m", "input=i"], "input says nothing without prompt"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(options: list[str], words: str) -> None:
    with pytest.raises(IngestError, match=words):
        parse_mapping(options)


def test_help_names_every_field() -> None:
    option = get_type_hints(cli.ingest, include_extras=True)["mapping"].__metadata__[0]
    named = option.help.rpartition("Fields: ")[2].removesuffix(".").split(", ")
    assert sorted(named) == sorted([*ONE, *MANY])


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    mapping = parse_mapping(["prompt=question", "completion=answer"])
    check_columns("f.csv", mapping, [{"question": "q"}, {"answer": "a"}])
    with pytest.raises(
        IngestError, match=r"f.csv: no column 'answer'.*did you mean 'answers'\? There are 'answers', 'qu"
    ):
        check_columns("f.csv", mapping, [{"question": "q", "answers": "a"}])
