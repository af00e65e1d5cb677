"""Told: what is known of a request when it has ended, for its access record."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.forecasting.request_forecast import RequestForecast


@dataclass(frozen=True, slots=True)
class Told:
    """Who asked, who answered, and what was expected."""

    key: str = ""
    """Name of the client's key, or its pseudonym; "" for none."""
    worker: str = ""
    """URL of the worker that had the request last; "" before the first."""
    forecast: RequestForecast | None = None


UNTOLD = Told()
"""Of a request of which nothing is known."""
