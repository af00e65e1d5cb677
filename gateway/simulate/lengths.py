"""A trace of lengths alone: its forecasts are drawn, with a stated error."""

from __future__ import annotations

import math
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

import pyarrow as pa

from gateway.simulate.source import Source
from predictor.data.records import DataError
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

COLUMNS = ("input_tokens", "output_tokens")
SIGMA = 0.55
"""Standard deviation of a forecast's error in log tokens: about what the refined tier reaches."""

_ATOMS = 20
_MASS = (1 / _ATOMS,) * _ATOMS
_NORMAL = tuple(NormalDist().inv_cdf((atom + 0.5) / _ATOMS) for atom in range(_ATOMS))


def read_lengths(path: Path, table: pa.Table, *, sigma: float = SIGMA, model: str = "") -> Source:
    """Requests of a table with the columns of ``COLUMNS`` and perhaps ``t`` (seconds), ``client``.

    A forecast is log-normal with ``sigma``; its median is the true length times an error of the
    same ``sigma``, so that it is calibrated.

    Raises:
        DataError: a value is absent or impossible.
    """
    prompts, outputs = (_counts(path, table, name) for name in COLUMNS)
    clients = [str(c) for c in table["client"].to_pylist()] if _has(table, "client") else []
    times = ascending(path, table, "t") if _has(table, "t") else []

    def request(at: int, rng: Random) -> Request:
        return Request(
            max(1, prompts[at]),
            outputs[at],
            forecast(outputs[at], sigma, rng),
            model,
            clients[at] if clients else "",
        )

    title = f"{path.name}: {len(prompts):,} requests, forecasts drawn with an error of {sigma:g}"
    return Source(f"{title} in log tokens", len(prompts), request, times)


def forecast(output_tokens: int, sigma: float, rng: Random) -> LengthDistribution:
    """What a forecaster whose error is ``sigma`` in log tokens would say of ``output_tokens``."""
    if output_tokens < 1 or not sigma > 0:
        return LengthDistribution.point(max(1, output_tokens))
    location = math.log(output_tokens) + rng.gauss(0.0, sigma)
    return LengthDistribution(tuple(math.exp(location + sigma * z) for z in _NORMAL), _MASS)


def ascending(path: Path, table: pa.Table, column: str) -> list[float]:
    """The times in a column; none if it is empty of them.

    Raises:
        DataError: some are missing, or they do not ascend.
    """
    times = [math.nan if t is None else float(t) for t in table[column].to_pylist()]
    if all(math.isnan(time) for time in times):
        return []
    before = -math.inf
    for row, time in enumerate(times, 1):
        if not (math.isfinite(time) and time >= before):
            raise DataError(
                f"{path}, row {row}, column {column}: {time} is not a time after {before}; sort "
                "the rows by it and give seconds"
            )
        before = time
    return times


def _counts(path: Path, table: pa.Table, column: str) -> list[int]:
    values: list[Any] = table[column].to_pylist()
    for row, value in enumerate(values, 1):
        if not isinstance(value, int | float) or not value >= 0 or value != int(value):
            raise DataError(
                f"{path}, row {row}, column {column}: {value!r} is no count of tokens; give a "
                "whole number"
            )
    return [int(value) for value in values]


def _has(table: pa.Table, column: str) -> bool:
    return column in table.column_names
