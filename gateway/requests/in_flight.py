"""InFlightRequest: one request between its forecast and its end."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.forecasting.request_forecast import RequestForecast
from gateway.requests.relay import Relay
from predictor import Prompt
from scheduler.job import Job


@dataclass(slots=True)
class InFlightRequest:
    """One request as its client sent it, as the predictor reads it and as the scheduler sees it."""

    relay: Relay
    job: Job
    prompt: Prompt
    forecast: RequestForecast
    worker: str = ""
    """URL of the worker that had the request last; "" before the first."""
