"""The record of a finished request, its Arrow schema and its JSON line.

The dataclass is the only definition; schema and JSON line follow from its types.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa

from predictor.arrays import Single
from predictor.raw_forecast import QUANTILES

Tier = Literal["fast", "refined", "recent"]

FINISHED_ITSELF = ("stop", "tool_calls", "function_call", "content_filter")
"""Finish reasons of answers that ended by themselves; all other reasons cut an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRecord:
    """One finished request. Times are Unix seconds, lengths tokens; None: unknown or absent.

    ``tenant`` and the hashes are opaque: equal values mean equal requests, nothing else.
    ``censored``: the answer was cut at a limit or broken off, so its full length is at least
    ``output_tokens``. ``output_tokens`` counts all ``sequences`` together.

    ``tier`` is the origin of the forecast: ``fast``, ``refined``, or ``recent`` (the model's recent
    lengths, without a predictor). ``predicted_mean`` and ``predicted_quantiles`` (at
    ``raw_forecast.QUANTILES``) are of one sequence, as the scheduler saw them. ``location`` and
    ``scale`` (log tokens) are the predictor's raw forecast. ``inputs`` are the boosters' inputs
    (``fast.inputs.COLUMNS``), valid for artefacts with the same ``feature_hash``. ``artefact`` is
    the ``artefact_id`` of the model. ``text`` is None unless the operator configures it.

    ``mode`` (``adaptive.mode.name_of``), ``script`` (the one most letters of the text have),
    ``tools`` (number offered), ``json`` (demanded) and ``turns`` say what kind of request it was.
    ``keys`` and ``mode_numbers`` are what the adaptive layer knows a request by (``Asked``).
    """

    id: str
    arrival: float
    finished: float
    model: str
    endpoint: str
    prompt_tokens: int
    output_tokens: int
    finish_reason: str
    censored: bool
    tier: Tier
    dispatched: float | None = None
    first_token: float | None = None
    last_token: float | None = None
    worker: str = ""
    tenant: str = ""
    prompt_hash: str = ""
    template_hash: str = ""
    system_hash: str = ""
    sequences: int = 1
    max_tokens: int | None = None
    temperature: float | None = None
    predicted_mean: float | None = None
    predicted_quantiles: tuple[float, ...] | None = None
    location: float | None = None
    scale: float | None = None
    inputs: Single | None = None
    feature_hash: str = ""
    artefact: str = ""
    text: str | None = None
    mode: str | None = None
    script: str | None = None
    tools: int | None = None
    json: bool | None = None
    turns: int | None = None
    keys: tuple[int, ...] | None = None
    mode_numbers: tuple[float, ...] | None = None


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

_NAMES = tuple(name for name, _ in _types() if name != "inputs")


def json_line(record: ServedRecord) -> bytes:
    """The record as a line of JSON.

    A number that is not finite becomes null. ``inputs`` have 9 digits, so that they are read back
    exactly: a forecast of the replayed log can hang on the last bit.
    """
    values = {name: _finite(getattr(record, name)) for name in _NAMES}
    if record.inputs is None:
        return _encode(values) + b"\n"
    inputs = np.asarray(record.inputs, dtype=np.float32).tolist()
    row = ",".join(["%.9g"] * len(inputs)) % tuple(inputs)
    row = row.replace("-inf", "null").replace("inf", "null").replace("nan", "null")
    return _encode(values)[:-1] + b',"inputs":[' + row.encode() + b"]}\n"


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _encode(values: dict[str, object]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")
