"""The Arrow schema of the served log, by the types of a record's fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pyarrow as pa

from predictor.arrays import Single
from predictor.raw_forecast import QUANTILES
from predictor.served_log.record import ServedRecord

_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    float: pa.float64(),
    int: pa.int64(),
    bool: pa.bool_(),
    Single: pa.list_(pa.float32()),
}


def _schema() -> pa.Schema:
    return pa.schema([pa.field(name, *_arrow(kind)) for name, kind in _types()])


def _types() -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(ServedRecord)
    return ((field.name, hints[field.name]) for field in fields(ServedRecord))


def _arrow(kind: Any) -> tuple[pa.DataType, bool]:
    """The Arrow type for the type of a field, and whether the field may be null."""
    if get_origin(kind) is UnionType:
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return _arrow(inner)[0], True
    if get_origin(kind) is Literal:
        return pa.string(), False
    if get_origin(kind) is tuple:
        return pa.list_(_ARROW[get_args(kind)[0]]), False
    return _ARROW[kind], False


SCHEMA: pa.Schema = _schema().with_metadata(
    {"lengthwise": "served log 1", "quantile_levels": json.dumps(QUANTILES)}
)
"""The Arrow schema of the served log; a field that is not nullable is in every record."""
