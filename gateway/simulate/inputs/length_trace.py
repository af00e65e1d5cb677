"""A trace of lengths without prompts: the forecasts are drawn with a given error."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

import pyarrow as pa

from gateway.simulate.inputs.source import RequestSource
from predictor.data.records import DataError
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

COLUMNS = ("input_tokens", "output_tokens")
SIGMA = 0.55
"""Standard deviation of a forecast's error in log tokens: about the error of the refined tier."""

_ATOMS = 20
_MASS = (1 / _ATOMS,) * _ATOMS
_NORMAL = tuple(NormalDist().inv_cdf((atom + 0.5) / _ATOMS) for atom in range(_ATOMS))


def length_trace_source(path: Path, table: pa.Table, *, sigma: float = SIGMA) -> RequestSource:
    """Requests of a table with ``COLUMNS`` and, optionally, ``t`` (seconds) and ``client``.

    Each forecast is log-normal with standard deviation ``sigma`` in log tokens. The median of the
    forecast is the true length times a random error of the same ``sigma``, so the forecasts are
    calibrated.

    Raises:
        DataError: a value is missing or impossible.
    """
    prompts, outputs = (_token_counts(path, table, name) for name in COLUMNS)
    columns = table.column_names
    clients = [str(name) for name in table["client"].to_pylist()] if "client" in columns else []
    times = ascending_times(path, table, "t") if "t" in columns else []

    def request(index: int, rng: Random) -> Request:
        return Request(
            max(1, prompts[index]),
            outputs[index],
            draw_forecast(outputs[index], sigma, rng),
            tenant=clients[index] if clients else "",
        )

    title = f"{path.name}: {len(prompts):,} requests, forecasts drawn with an error of {sigma:g}"
    return RequestSource(f"{title} in log tokens", len(prompts), request, times)


def draw_forecast(output_tokens: int, sigma: float, rng: Random) -> LengthDistribution:
    """A forecast of ``output_tokens`` by a forecaster whose error is ``sigma`` in log tokens."""
    if output_tokens < 1 or not sigma > 0:
        return LengthDistribution.point(max(1, output_tokens))
    location = math.log(output_tokens) + rng.gauss(0.0, sigma)
    return LengthDistribution(tuple(math.exp(location + sigma * z) for z in _NORMAL), _MASS)


def ascending_times(path: Path, table: pa.Table, column: str) -> list[float]:
    """The times in a column, in seconds; an empty list if every value is missing.

    Raises:
        DataError: only some values are missing, or the times do not ascend.
    """
    times = [math.nan if time is None else float(time) for time in table[column].to_pylist()]
    if all(math.isnan(time) for time in times):
        return []
    previous = -math.inf
    for row, time in enumerate(times, 1):
        if not (math.isfinite(time) and time >= previous):
            raise DataError(
                f"{path}, row {row}, column {column}: {time} is not a time after {previous}; give "
                f"seconds, and sort the rows by {column}"
            )
        previous = time
    return times


def _token_counts(path: Path, table: pa.Table, column: str) -> list[int]:
    values: list[Any] = table[column].to_pylist()
    for row, value in enumerate(values, 1):
        if not isinstance(value, int | float) or not value >= 0 or value != int(value):
            raise DataError(
                f"{path}, row {row}, column {column}: {value!r} is not a token count; give a whole "
                "number of at least 0"
            )
    return [int(value) for value in values]
