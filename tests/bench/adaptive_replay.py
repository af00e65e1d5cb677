"""Replays answers through the adaptive layer, and scores its forecasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive import AdaptiveLayer
from predictor.evaluation import scores
from predictor.prompt import Prompt
from scheduler.length import LengthDistribution
from tests.bench.adaptive_data import AnswerPool, StaticForecasts

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Request:
    """One request: the model that answers, the model in the request, the prompt, and the answer.

    Models and prompts are indices. ``wrapped`` is a text around the prompt, with {} in its place.
    """

    answering: int
    named: int
    prompt: int
    tokens: int
    cut: bool
    tenant: str = ""
    system: str = ""
    wrapped: str = "{}"


@dataclass(slots=True)
class Log:
    """The forecast of each request, in order, and the length of its answer."""

    mean: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    crps: list[float] = field(default_factory=list)
    actual: list[float] = field(default_factory=list)

    def add(self, length: LengthDistribution, tokens: int) -> None:
        """Score one forecast."""
        self.mean.append(length.mean)
        self.median.append(length.quantile(0.5))
        self.low.append(length.quantile(0.1))
        self.high.append(length.quantile(0.9))
        atoms, actual = np.array([length.tokens]), np.array([float(tokens)])
        self.crps.append(float(scores.crps(atoms, np.array(length.mass), actual)[0]))
        self.actual.append(float(tokens))

    def tau(self, start: int, stop: int) -> float:
        """Kendall's tau-b of the mean forecasts of requests ``start`` to ``stop``."""
        return scores.kendall_tau(
            np.array(self.mean[start:stop]), np.array(self.actual[start:stop])
        )

    def inside(self) -> Floats:
        """1 where the answer was inside the 80 % interval, else 0."""
        actual = np.array(self.actual)
        inside = (actual >= np.array(self.low)) & (actual <= np.array(self.high))
        return np.asarray(inside, dtype=np.float64)

    def absolute_errors(self) -> Floats:
        """Absolute errors of the median in tokens."""
        return np.asarray(np.abs(np.array(self.median) - np.array(self.actual)))


def to_prompt(pool: AnswerPool, request: Request) -> Prompt:
    """The request in the form that the gateway gives to the predictor."""
    text = (
        request.wrapped.format(pool.texts[request.prompt])
        if request.wrapped != "{}"
        else (pool.texts[request.prompt])
    )
    return Prompt(pool.models[request.named], text, system=request.system, tenant=request.tenant)


def replay(
    pool: AnswerPool,
    static: StaticForecasts,
    requests: Iterable[Request],
    adaptive: AdaptiveLayer | None = None,
    *,
    scored: int | None = None,
) -> Log:
    """Forecast each request, then learn its answer; without ``adaptive`` the static forecast.

    With ``scored``, only requests to this model are logged.
    """
    log = Log()
    for request in requests:
        raw_forecast = static.one(request.named, request.prompt)
        length = forecast = None
        if adaptive is not None:
            forecast = adaptive.adapt([to_prompt(pool, request)], raw_forecast)[0]
            length = forecast.length
        if scored is None or request.named == scored:
            log.add(length or raw_forecast.distributions([None])[0], request.tokens)
        if adaptive is not None and forecast is not None:
            adaptive.learn(forecast, request.tokens, censored=request.cut)
    return log
