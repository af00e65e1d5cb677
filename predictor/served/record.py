"""Served: what is kept of a finished request, and how it is written down.

The dataclass is the one definition; the Arrow schema and the JSON line follow from its types.
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
"""Finish reasons of answers that ended by themselves; any other cuts the length off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedRecord:
    """One finished request. Times are Unix seconds, lengths tokens; None: unknown or absent.

    ``tenant`` and the hashes are opaque: they tell that two requests are alike, and nothing else.
    ``censored``: the answer was cut at a limit or broken off, so that its own length is at least
    ``output_tokens``, which counts all ``sequences`` together. ``tier`` made the forecast:
    ``fast``, ``refined``, or ``recent`` (the model's recent lengths, no predictor).
    ``predicted_mean`` and ``predicted_quantiles`` (at ``calibrate.QUANTILES``) are those the
    scheduler saw, of one sequence; ``location`` and ``scale`` are the boosters' own, in log
    tokens. ``inputs`` is the boosters' row (``fast.inputs.COLUMNS``), valid for artefacts with the
    same ``feature_hash``; ``artefact`` is the ``artefact_id`` of the artefact that forecast.
    ``text`` is empty unless the operator asks for it.
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
    """The Arrow type of a field's type, and whether it may be null."""
    if get_origin(kind) is UnionType:
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return _arrow(inner)[0], True
    if get_origin(kind) is Literal:
        return pa.string(), False
    if get_origin(kind) is tuple:
        return pa.list_(pa.float64()), False
    return _ARROW[kind], False


SCHEMA: pa.Schema = _schema().with_metadata(
    {"lengthwise": "served log 1", "quantile_levels": json.dumps(QUANTILES)}
)
"""The served log as an Arrow table; a field that is not nullable is present in every record."""

_NAMES = tuple(name for name, _ in _types() if name != "inputs")


def line(record: ServedRecord) -> bytes:
    """The record as a line of JSON. Numbers that are not finite become null, as does NaN in
    ``inputs``; inputs keep 7 digits, what single precision holds."""
    plain = {name: _plain(getattr(record, name)) for name in _NAMES}
    if record.inputs is None:
        return _encode(plain) + b"\n"
    values = np.asarray(record.inputs, dtype=np.float32).tolist()
    row = ",".join(["%.7g"] * len(values)) % tuple(values)
    row = row.replace("-inf", "null").replace("inf", "null").replace("nan", "null")
    return _encode(plain)[:-1] + b',"inputs":[' + row.encode() + b"]}\n"


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def _encode(plain: dict[str, object]) -> bytes:
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")
