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
from gateway.protocol.json_body import too_complex
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

WARM_S = 1.0
"""Seconds that each of the first forecasts may take."""

_EXAMPLES: tuple[dict[str, Any], ...] = (
    {"model": "m", "messages": [{"role": "user", "content": "Write about 300 words on Rome."}]},
    {"model": "m", "prompt": "def add(a, b):\n", "max_tokens": 64},
    {
        "model": "m",
        "input": "Summarise this text.\n\n" + "Several lines, one after another.\n" * 99,
    },
)
"""Requests of each API, of several kinds and sizes, for the first forecasts."""


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
        self._predictor = predictor
        self.metrics = metrics
        self.ready = False

    async def warm(self) -> None:
        """Make the first forecasts, which take longer than later ones; then it is ready."""
        if self._predictor is None:
            return
        requests = [_request(body, None) for body in _EXAMPLES]
        prompts = [describe(request).prompt for request in requests]
        for number in (1, 2, 8) * 4:
            for prompt in prompts:
                await self._forecaster.warm([prompt] * number, WARM_S)
        self.ready = True

    async def of(self, bodies: Sequence[Any], *, alone: bool = False) -> list[Hint]:
        """The hint of each request, as parsed JSON; ``alone``: the one request is the whole body.

        Raises:
            ApiError: 400 or 413, naming the request at fault and the remedy.
        """
        if not bodies:
            raise refused("requests is empty; give at least one request", "requests")
        if len(bodies) > MOST_REQUESTS:
            text = f"requests has {len(bodies)} entries; give at most {MOST_REQUESTS} in a call"
            raise refused(text, "requests", 413, "body_too_large")
        requests = [
            _request(body, None if alone else f"requests[{number}]")
            for number, body in enumerate(bodies)
        ]
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
        text = f"The body has {len(body)} bytes; give at most {MOST_BYTES} in a call"
        raise refused(text, None, 413, "body_too_large")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        if (excess := too_complex(error)) is not None:
            raise refused(excess, None) from None
        text = f"The body is not JSON: {error}; give it as the API takes it"
        raise refused(text, None) from error


def _request(body: Any, param: str | None) -> ApiRequest:
    """A request as parsed JSON; ``param`` is its place in the body, None if it is all of the body.

    Raises:
        ApiError: 400.
    """
    where, model_at = ("The body", "model") if param is None else (param, f"{param}.model")
    if not isinstance(body, dict):
        raise refused(f"{where} is no object; give a request as the API takes it", param)
    endpoint = next((one for name, one in _ENDPOINTS.items() if name in body), None)
    if endpoint is None:
        raise refused(f"{where} has none of messages, prompt and input; give one", param)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        told = json.dumps(model)[:100]
        raise refused(f"{model_at} is {told}; give the model's name", model_at)
    return ApiRequest(endpoint, model, b"", body)


def _hint(forecast: RequestForecast) -> Hint:
    length = forecast.length
    unfamiliar = any(
        float(one.raw_forecast.inputs[0, UNFAMILIAR]) > 0 for one in forecast.predictions
    )
    values = tuple(float(length.quantile(level)) for level in QUANTILES)
    return Hint(values, round(length.mean, 2), forecast.tier, unfamiliar)


def refused(
    text: str, param: str | None, status: int = 400, code: str = "invalid_json"
) -> ApiError:
    """What refuses a call; ``param`` is the field at fault."""
    return ApiError(status, f"{text}.", code=code, param=param)
