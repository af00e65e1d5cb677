"""Replaying answers through the adaptive layer, and what its forecasts were worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from predictor.adaptive import AdaptiveLayer
from predictor.evaluation import scores
from predictor.prompt import Prompt
from scheduler.length import LengthDistribution
from tests.bench.adaptive_data import Said, World

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Request:
    """One request: who answers (by number), as which model it is named, prompt, and the answer."""

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
    """What was forecast of each request, in order, and what came."""

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
        """1 where the central 80 % held the answer."""
        actual = np.array(self.actual)
        held = (actual >= np.array(self.low)) & (actual <= np.array(self.high))
        return np.asarray(held, dtype=np.float64)

    def miss(self) -> Floats:
        """Absolute errors of the median, in tokens."""
        return np.asarray(np.abs(np.array(self.median) - np.array(self.actual)))


def prompt_of(world: World, request: Request) -> Prompt:
    """The request as the gateway would see it."""
    text = (
        request.wrapped.format(world.texts[request.prompt])
        if request.wrapped != "{}"
        else (world.texts[request.prompt])
    )
    return Prompt(world.models[request.named], text, system=request.system, tenant=request.tenant)


def replay(
    world: World,
    said: Said,
    requests: Iterable[Request],
    adaptive: AdaptiveLayer | None = None,
    *,
    scored: int | None = None,
) -> Log:
    """Forecast each request, then learn its answer; without ``adaptive`` as the predictor says.

    Only requests named as model ``scored`` are logged, if it is given.
    """
    log = Log()
    for request in requests:
        raw_forecast = said.of(request.named, request.prompt)
        length = forecast = None
        if adaptive is not None:
            forecast = adaptive.adapt([prompt_of(world, request)], raw_forecast)[0]
            length = forecast.length
        if scored is None or request.named == scored:
            log.add(length or raw_forecast.distributions([None])[0], request.tokens)
        if adaptive is not None and forecast is not None:
            adaptive.learn(forecast, request.tokens, censored=request.cut)
    return log
