"""Turns the layouts that Argilla's records come in (nested, flat, and of its API) into one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.fields import Fields

RESPONSES, USERS, STATUS = ".responses", ".responses.users", ".responses.status"
NO_FIELDS = frozenset({"id", "_server_id", "external_id", "status", "score"})
"""Columns of a flat record that are none of its fields or metadata."""


@dataclass(frozen=True)
class Response:
    """What one user answered to one question. `status` is submitted, draft or discarded; None where it is not said."""

    question: str
    value: Any
    user: str
    status: str | None
    created_at: datetime | None = None


@dataclass(frozen=True)
class ArgillaRecord:
    """A record. Where it was flat, `fields` holds its metadata too: nothing tells them apart."""

    key: str | None
    fields: Mapping[str, Any]
    responses: tuple[Response, ...]


def is_record(value: Mapping[str, Any]) -> bool:
    """True for a record in one of the layouts."""
    nested = isinstance(value.get("fields"), dict) and isinstance(value.get("responses"), dict | list)
    return nested or _is_flat(value)


def _is_flat(value: Mapping[str, Any]) -> bool:
    """True where a question's responses and their users are columns."""
    return any(column.endswith(RESPONSES) and f"{column}.users" in value for column in value)


def read_record(value: Mapping[str, Any]) -> ArgillaRecord:
    """A record in any of the layouts.

    Raises:
        RowFaultError: it is in none, or a part of it is not what it should be.
    """
    row = Fields(value)
    name = next((column for column in ("external_id", "id") if row.has(column)), None)
    key = row.key(name) if name else None
    if "fields" not in value and _is_flat(value):
        fields = {column: said for column, said in value.items() if "." not in column and column not in NO_FIELDS}
        return ArgillaRecord(key, fields, _read_flat(value))
    fields = dict(row.object("fields"))
    if not row.has("responses"):
        return ArgillaRecord(key, fields, ())
    responses = _read_api(row) if isinstance(value["responses"], list) else _read_nested(row)
    return ArgillaRecord(key, fields, responses)


def _read_nested(row: Fields) -> tuple[Response, ...]:
    """`{question: [{value, user_id}]}`, as `to_list` and `to_json` of the SDK write them."""
    responses = []
    questions = row.object("responses")
    for question in questions:
        if questions[question] is None:
            continue
        for said in Fields(questions).objects(question):
            given = Fields(said)
            status = given.optional_text("status") or None
            responses.append(Response(question, said.get("value"), given.key("user_id"), status))
    return tuple(responses)


def _read_flat(value: Mapping[str, Any]) -> tuple[Response, ...]:
    """`question.responses`, `.users` and `.status`: lists of equal length."""
    responses = []
    for column in sorted(column for column in value if column.endswith(RESPONSES)):
        question = column.removesuffix(RESPONSES)
        said, users, status = (value.get(question + ending) for ending in (RESPONSES, USERS, STATUS))
        if said is None:
            continue
        lists = [said, users, [None] * len(said) if status is None and isinstance(said, list) else status]
        if not all(isinstance(each, list) for each in lists) or len({len(each) for each in lists}) > 1:
            detail = f"the responses to {question!r}, their users and status are no lists of one length"
            raise RowFaultError("uneven_lists", detail, "give each response its user and status")
        for answer, user, state in zip(*lists, strict=True):
            given = Fields({"user_id": user, "status": state})
            responses.append(Response(question, answer, given.key("user_id"), given.optional_text("status") or None))
    return tuple(responses)


def _read_api(row: Fields) -> tuple[Response, ...]:
    """`[{values: {question: {value}}, status, user_id, inserted_at}]`, as the API gives them."""
    responses = []
    for said in row.objects("responses"):
        given = Fields(said)
        at = given.optional_instant("updated_at") or given.optional_instant("inserted_at")
        status, user = given.optional_text("status") or None, given.key("user_id")
        values = given.object("values") if given.has("values") else {}
        if not values and status == "discarded":
            responses.append(Response("", None, user, status, at))
        for question in values:
            responses.append(Response(question, Fields(values).object(question).get("value"), user, status, at))
    return tuple(responses)
