"""Turns the tools and the tool calls of a row into the JSON text of our tables."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.sources.faults import RowFaultError
from pipelines.sources.json_rows import name_type

MEND = 'write the calls as [{"type": "function", "function": {"name": ..., "arguments": ...}}]'


def read_tools(values: Mapping[str, Any]) -> str | None:
    """The tools that a row offers, or the functions of OpenAI's older files; None where there are none."""
    for column in ("tools", "functions"):
        tools = values.get(column)
        if tools not in (None, [], "", "[]"):
            if not isinstance(tools, list | str):
                detail = f"{column!r} is {name_type(tools)}, not an array"
                raise RowFaultError("wrong_type", detail, "write the tools as [{...}]")
            return _respell(tools) if isinstance(tools, str) else _spell(tools)
    return None


def read_calls(calls: Any, where: str) -> str | None:
    """The calls of a message, a list or its JSON text; None where there are none.

    Raises:
        RowFaultError: they are no list of objects that each name what they call: chat templates would fail at them.
    """
    given = _parse(calls, where) if isinstance(calls, str) else calls
    if given in (None, [], ""):
        return None
    if not isinstance(given, list) or not all(isinstance(call, dict) for call in given):
        raise RowFaultError("wrong_type", f"the tool calls of {where} are no list of objects", MEND)
    for call in given:
        function = call.get("function", call)
        if not isinstance(function, dict) or not isinstance(function.get("name", ""), str):
            raise RowFaultError("wrong_type", f"a tool call of {where} names no function", MEND)
    return _spell(given)


def read_spoken_call(spoken: Any, where: str) -> str | None:
    """A function's name and arguments, an object or its JSON text, as older files have them; or a list of such.

    Raises:
        RowFaultError: there is no such object.
    """
    given = _parse(spoken, where) if isinstance(spoken, str) else spoken
    calls = given if isinstance(given, list) else [given]
    whole = (call if isinstance(call, dict) and "function" in call else _wrap(call) for call in calls)
    return read_calls(list(whole), where)


def _wrap(function: Any) -> dict[str, Any]:
    return {"type": "function", "function": function}


def _parse(text: str, where: str) -> Any:
    if not text.strip():
        return None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        _spell(value).encode()
    except (ValueError, RecursionError):
        raise RowFaultError("wrong_type", f"the tool calls of {where} are no valid JSON", MEND) from None
    return value


def _respell(text: str) -> str:
    """JSON spelled as our tables spell it, so that an export of it comes back as the same row; other text as it is."""
    try:
        spelled = _spell(json.loads(text, parse_constant=_refuse_constant))
        spelled.encode()
    except (ValueError, RecursionError):
        return text
    return spelled


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _spell(value: Any) -> str:
    """Members keep their order, which chat templates show."""
    return json.dumps(value, ensure_ascii=False)
