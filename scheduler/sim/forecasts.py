"""Forecasts of one run: made at arrival, better ones while a request waits, learned from answers.

The simulator knows no predictor. The caller passes a ``Forecaster`` for each run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from scheduler.length import LengthDistribution
from scheduler.sim.request import Request


class Forecaster(Protocol):
    """The gateway's forecasts of the requests of one run, by job id, in virtual time."""

    def forecast(self, job_id: str, request: Request) -> LengthDistribution:
        """The distribution of the output tokens at the request's arrival."""

    def refine(self, job_id: str) -> LengthDistribution | None:
        """A better forecast for a request that waits; None if there is none."""

    def learn(self, job_id: str, tokens: int, *, censored: bool) -> None:
        """Learn from a complete answer; ``censored``: the answer was cut at ``tokens``."""


MakeForecaster = Callable[[], Forecaster]
"""Makes the forecaster of one run, which has seen no answer yet."""


class FixedForecasts:
    """The forecasts that came with the requests."""

    def forecast(self, job_id: str, request: Request) -> LengthDistribution:
        """The request's own forecast."""
        return request.length

    def refine(self, job_id: str) -> LengthDistribution | None:
        """None: there is no better forecast."""
        return None

    def learn(self, job_id: str, tokens: int, *, censored: bool) -> None:
        """Learn nothing."""
