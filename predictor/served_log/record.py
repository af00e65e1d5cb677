"""The record of a finished request, and its JSON line.

The dataclass is the only definition; JSON line and Arrow schema (``schema``) follow from its types.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from predictor.arrays import Single

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
    ``tools`` (number offered), ``json`` (demanded), ``turns``, ``streamed`` and ``images`` (number)
    say what kind of request it was. ``key`` is the name of the client's API key, or its pseudonym.
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
    streamed: bool | None = None
    images: int | None = None
    key: str | None = None


_NAMES = tuple(field.name for field in fields(ServedRecord) if field.name != "inputs")


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
