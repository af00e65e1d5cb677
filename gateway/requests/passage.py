"""Passage: a request between its forecast and its end."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.forecasting.forecaster import Guess
from gateway.requests.exchange import Exchange
from predictor import Prompt
from scheduler.job import Job


@dataclass(slots=True)
class Passage:
    """A request between its forecast and its end."""

    exchange: Exchange
    job: Job
    prompt: Prompt
    guess: Guess
    worker: str = ""
