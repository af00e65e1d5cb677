"""A served log as requests: recorded lengths and arrivals, and the recorded forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa

from gateway.simulate.inputs.source import RequestSource
from predictor.data.records import DataError
from predictor.served_log import logged_forecast
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


def served_log_source(path: Path, table: pa.Table) -> RequestSource:
    """The requests of a served log.

    A request for n answers becomes n requests. A request without a forecast gets the distribution
    of its model's lengths in this log. A record without a prompt is left out.

    Raises:
        DataError: no record is usable.
    """
    records = table.select(list(COLUMNS)).sort_by("arrival").to_pylist()
    usable = [record for record in records if record["prompt_tokens"] > 0]
    if not usable:
        raise DataError(
            f"{path} holds no record with a prompt ({len(records)} records in all); run the "
            "gateway with learning.folder set to collect some"
        )
    requests, times = _requests(usable)

    def request(index: int, rng: Random) -> Request:
        return requests[index]

    title = f"{path.name}: {len(requests):,} requests of a served log, with their forecasts"
    if len(usable) < len(records):
        title += f" ({len(records) - len(usable)} records without a prompt left out)"
    return RequestSource(title, len(requests), request, times)


def _requests(records: list[dict[str, Any]]) -> tuple[list[Request], list[float]]:
    """The requests and their arrivals in seconds: one for each answer of a record."""
    forecasts = recorded_forecasts(records)
    requests: list[Request] = []
    times: list[float] = []
    for record, length in zip(records, forecasts, strict=True):
        request = Request(
            prompt_tokens=record["prompt_tokens"],
            output_tokens=_answer_tokens(record),
            length=length,
            model=record["model"],
            tenant=record["tenant"],
        )
        requests += repeat(request, record["sequences"])
        times += repeat(record["arrival"], record["sequences"])
    return requests, times


def recorded_forecasts(records: Sequence[Mapping[str, Any]]) -> list[LengthDistribution]:
    """The forecast in each record; one without gets the distribution of its model's lengths.

    So does one whose forecast cannot be true (``logged_forecast.are_sound``). Of a record the
    columns ``model``, ``output_tokens``, ``sequences``, ``predicted_mean`` and
    ``predicted_quantiles`` count.
    """
    by_model = _lengths_by_model(records)
    quantiles = pa.array([one["predicted_quantiles"] for one in records], pa.list_(pa.float64()))
    means = np.array([one["predicted_mean"] for one in records], dtype=np.float64)
    usable = logged_forecast.are_sound(quantiles, means) & ~np.isnan(means)
    return [
        _logged_forecast(record) if sound else by_model[record["model"]]
        for record, sound in zip(records, usable.tolist(), strict=True)
    ]


def _lengths_by_model(records: Sequence[Mapping[str, Any]]) -> dict[str, LengthDistribution]:
    lengths: dict[str, list[float]] = {}
    for record in records:
        lengths.setdefault(record["model"], []).append(_answer_tokens(record))
    return {model: LengthDistribution.from_samples(counts) for model, counts in lengths.items()}


def _answer_tokens(record: Mapping[str, Any]) -> int:
    """Mean tokens of the record's answers, rounded down."""
    return int(record["output_tokens"] // record["sequences"])


def _logged_forecast(record: Mapping[str, Any]) -> LengthDistribution:
    """The forecast in the record; its tail is one atom that makes the mean the logged mean."""
    quantiles, mean = record["predicted_quantiles"], record["predicted_mean"]
    atoms = logged_forecast.atoms(np.array([quantiles]), np.array([mean]))
    return LengthDistribution.weighted(atoms[0].tolist(), logged_forecast.MASS)
