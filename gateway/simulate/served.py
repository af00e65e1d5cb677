"""A served log as requests: their lengths, arrivals and the forecasts made at the time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa

from gateway.simulate.source import Source
from predictor.data.records import DataError
from predictor.outlook import QUANTILES
from scheduler.length import LengthDistribution
from scheduler.sim.request import Request

COLUMNS = (
    "arrival",
    "model",
    "tenant",
    "prompt_tokens",
    "output_tokens",
    "sequences",
    "predicted_mean",
    "predicted_quantiles",
)
_TAIL = 1 - QUANTILES[-1]
_MASS = (QUANTILES[0] * 1.5, *([0.05] * (len(QUANTILES) - 2)), 0.025)


def read_served(path: Path, table: pa.Table) -> Source:
    """Requests of a served log.

    A request for n answers counts as n requests. One without a forecast gets its model's lengths
    in the log; one without a prompt is left out.

    Raises:
        DataError: no record is usable.
    """
    rows = table.select(list(COLUMNS)).sort_by("arrival").to_pylist()
    usable = [row for row in rows if row["prompt_tokens"] > 0]
    if not usable:
        raise DataError(
            f"{path} holds no record with a prompt ({len(rows)} in all); let the gateway serve "
            "for a while with learning.folder set"
        )
    usual = _usual(usable)
    requests: list[Request] = []
    times: list[float] = []
    for row in usable:
        one = _request(row, usual)
        requests += repeat(one, row["sequences"])
        times += repeat(row["arrival"], row["sequences"])

    def request(at: int, rng: Random) -> Request:
        return requests[at]

    title = f"{path.name}: {len(requests):,} requests served, with the forecasts they had"
    if len(usable) < len(rows):
        title += f" ({len(rows) - len(usable)} records without a prompt left out)"
    return Source(title, len(requests), request, times)


def _request(row: Mapping[str, Any], usual: Mapping[str, LengthDistribution]) -> Request:
    return Request(
        prompt_tokens=row["prompt_tokens"],
        output_tokens=row["output_tokens"] // row["sequences"],
        length=_forecast(row) or usual[row["model"]],
        model=row["model"],
        tenant=row["tenant"],
    )


def _usual(rows: list[dict[str, Any]]) -> dict[str, LengthDistribution]:
    lengths: dict[str, list[float]] = {}
    for row in rows:
        lengths.setdefault(row["model"], []).append(row["output_tokens"] // row["sequences"])
    return {model: LengthDistribution.from_samples(found) for model, found in lengths.items()}


def _forecast(row: Mapping[str, Any]) -> LengthDistribution | None:
    """The distribution whose quantiles and mean were logged; its tail is one atom."""
    quantiles, mean = row["predicted_quantiles"], row["predicted_mean"]
    if not quantiles or mean is None:
        return None
    body = sum(value * mass for value, mass in zip(quantiles, _MASS, strict=True))
    tail = max(quantiles[-1], (mean - body) / _TAIL)
    return LengthDistribution.weighted(list(chain(quantiles, [tail])), [*_MASS, _TAIL])
