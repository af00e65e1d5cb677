"""Hints: forecasts of requests in OpenAI's shape, within a budget of time."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.config.forecasting import PredictorConfig
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.request_forecast import RequestForecast
from gateway.metrics import Metrics
from gateway.protocol.errors import ApiError
from gateway.protocol.openai import ApiRequest
from gateway.requests.reading import describe
from predictor.fast.inputs import UNFAMILIAR
from predictor.inference.tiered import TieredPredictor

QUANTILES = (0.1, 0.5, 0.8, 0.9, 0.95)
"""Levels of the quantiles in an answer."""

MOST_BYTES = 4 * 2**20
"""Bytes of a call's body."""

MOST_REQUESTS = 64
"""Requests in a call: the fast tier forecasts so many together."""

_ENDPOINTS = {"messages": "chat/completions", "prompt": "completions", "input": "responses"}
"""Field that only one API has -> the endpoint of that API."""


@dataclass(frozen=True, slots=True)
class Hint:
    """The forecast of one request's output tokens, cut at its own limit."""

    quantiles: tuple[float, ...]
    """The tokens at each of ``QUANTILES``."""
    mean: float
    tier: str
    """fast: the predictor. recent: the predictor was late or failed; lengths of any request."""
    unfamiliar: bool
    """Whether the predictor has not seen requests of this kind or script."""

    def fields(self) -> dict[str, Any]:
        """The hint as JSON."""
        levels = {str(level): value for level, value in zip(QUANTILES, self.quantiles, strict=True)}
        return {
            "quantiles": levels,
            "mean": self.mean,
            "tier": self.tier,
            "unfamiliar": self.unfamiliar,
        }


class Hints:
    """Forecasts for others; ``budget_ms`` bounds a call, whatever the predictor does."""

    def __init__(
        self, predictor: TieredPredictor | None, metrics: Metrics, budget_ms: float
    ) -> None:
        settings = PredictorConfig(budget_ms=budget_ms)
        self._forecaster = Forecaster(predictor, metrics, settings)
        self.metrics = metrics
        self.ready = predictor is not None

    async def of(self, bodies: Sequence[Any]) -> list[Hint]:
        """The hint of each request, as parsed JSON.

        Raises:
            ApiError: 400 or 413, naming the request at fault and the remedy.
        """
        if not bodies:
            raise _refused("requests is empty; give at least one request", "requests")
        if len(bodies) > MOST_REQUESTS:
            text = f"requests has {len(bodies)} entries; give at most {MOST_REQUESTS} in a call"
            raise _refused(text, "requests", 413, "body_too_large")
        requests = [_request(body, number) for number, body in enumerate(bodies)]
        forecasts = await asyncio.gather(*map(self._forecast, requests))
        return [_hint(forecast) for forecast in forecasts]

    async def _forecast(self, request: ApiRequest) -> RequestForecast:
        return await self._forecaster.forecast(request, describe(request).prompt, math.inf)


def parsed(body: bytes) -> Any:
    """A body as JSON.

    Raises:
        ApiError: 400 or 413.
    """
    if len(body) > MOST_BYTES:
        text = f"the body has {len(body)} bytes; give at most {MOST_BYTES} in a call"
        raise _refused(text, None, 413, "body_too_large")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _refused(f"the body is not JSON: {error}", None, 400, "invalid_json") from error


def _request(body: Any, number: int) -> ApiRequest:
    where = f"requests[{number}]"
    if not isinstance(body, dict):
        raise _refused(f"{where} is no object; give a request as the API takes it", where)
    endpoint = next((one for name, one in _ENDPOINTS.items() if name in body), None)
    if endpoint is None:
        raise _refused(f"{where} has none of messages, prompt and input; give one", where)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise _refused(f"{where}.model is {model!r}; give the model's name", f"{where}.model")
    return ApiRequest(endpoint, model, b"", body)


def _hint(forecast: RequestForecast) -> Hint:
    length = forecast.length
    unfamiliar = any(
        float(one.raw_forecast.inputs[0, UNFAMILIAR]) > 0 for one in forecast.predictions
    )
    values = tuple(float(length.quantile(level)) for level in QUANTILES)
    return Hint(values, round(length.mean, 2), forecast.tier, unfamiliar)


def _refused(
    text: str, param: str | None, status: int = 400, code: str = "invalid_json"
) -> ApiError:
    return ApiError(status, text[0].upper() + text[1:] + ".", code=code, param=param)
