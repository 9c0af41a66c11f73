"""Turns a frame's columns into the `features` of a Hugging Face dataset card."""

from collections.abc import Mapping
from typing import Any

import polars as pl

DTYPES = {pl.String: "string", pl.Int64: "int64", pl.Float64: "float64", pl.Boolean: "bool"}


def describe_features(schema: Mapping[str, pl.DataType]) -> list[dict[str, Any]]:
    """One entry a column, lists and structs nested, as the `datasets` library writes them."""
    return [{"name": name, **_describe_type(dtype)} for name, dtype in schema.items()]


def _describe_type(dtype: pl.DataType) -> dict[str, Any]:
    if isinstance(dtype, pl.List):
        inner = _describe_type(dtype.inner)  # type: ignore[arg-type]
        return {"list": inner.get("struct") or inner.get("dtype") or inner}
    if isinstance(dtype, pl.Struct):
        return {"struct": describe_features({f.name: f.dtype for f in dtype.fields})}  # type: ignore[misc]
    if isinstance(dtype, pl.Datetime):
        return {"dtype": f"timestamp[{dtype.time_unit}, tz={dtype.time_zone}]"}
    return {"dtype": DTYPES[type(dtype)]}
