"""InFlightRequest: one request between its forecast and its end."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.forecasting.prompt_parts import PromptParts
from gateway.forecasting.request_forecast import RequestForecast
from gateway.requests.relay import Relay
from predictor import Prompt
from scheduler.job import Job


@dataclass(slots=True, eq=False)
class InFlightRequest:
    """One request: the client's, as ``relay``; the predictor's, as ``prompt``; and its job.

    ``parts`` is what the prompt is made of.
    """

    relay: Relay
    job: Job
    prompt: Prompt
    parts: PromptParts
    forecast: RequestForecast
    key: str = ""
    """Name of the client's key for operators, or its pseudonym; "" for none."""
    worker: str = ""
    """URL of the worker that had the request last; "" before the first."""
