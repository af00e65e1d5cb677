"""Forecasts of the requests that Serve's handles carry: bodies of OpenAI's API as objects.

Nothing here imports Ray.
"""

from __future__ import annotations

import asyncio
import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config.settings import Config
from gateway.forecasting.forecaster import Forecaster
from gateway.forecasting.reload import load_predictor
from gateway.metrics import Metrics
from gateway.protocol.openai import ApiRequest
from gateway.requests.reading import describe
from predictor.adaptive import AdaptiveLayer
from scheduler.job import LONGEST, Job

log = logging.getLogger("lengthwise")

ENDPOINTS = {"messages": "chat/completions", "prompt": "completions"}
"""Field of a body -> the endpoint that it is written for."""


def body_of(args: Sequence[object]) -> Mapping[str, Any] | None:
    """The body among a call's arguments: a mapping or a pydantic model; None if there is none."""
    for arg in args:
        fields = _fields(arg)
        if fields is not None and any(name in fields for name in ENDPOINTS):
            return fields
    return None


def _fields(arg: object) -> Mapping[str, Any] | None:
    if isinstance(arg, Mapping):
        return arg
    dump = getattr(arg, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) else None


class Forecasts:
    """Makes the scheduler's jobs. Until the predictor is loaded, lengths are a guess for all."""

    def __init__(self, config: Config, model: str) -> None:
        self._config, self._model = config, model
        self._forecaster = Forecaster(None, Metrics(config.slo), config.predictor)
        self._loading: asyncio.Task[None] | None = None

    def load(self) -> None:
        """Load the predictor beside the event loop."""
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._load())

    async def _load(self) -> None:
        self._forecaster.use(await load_predictor(self._config, AdaptiveLayer()))

    async def loaded(self) -> None:
        """Wait until the predictor is loaded."""
        self.load()
        assert self._loading is not None
        await asyncio.shield(self._loading)

    async def job(self, args: Sequence[object], arrival: float) -> Job:
        """The job of a call with these arguments, which came at ``arrival`` (the loop's clock).

        Arguments without a body get one token: nothing is known of them, and they do not wait
        behind generated text.
        """
        try:
            return await self._of_body(body_of(args) or {}, arrival)
        except Exception:  # Serve would keep a request for ever whose router fails
            log.exception("a request's body cannot be read: it goes without a forecast")
            return await self._of_body({}, arrival)

    async def _of_body(self, body: Mapping[str, Any], arrival: float) -> Job:
        endpoint = next((ENDPOINTS[name] for name in ENDPOINTS if name in body), "")
        request = ApiRequest(endpoint, self._model, b"", dict(body))
        described = describe(request)
        forecast = await self._forecaster.forecast(request, described.prompt, math.inf)
        return Job(
            id=uuid.uuid4().hex,
            model=self._model,
            arrival=arrival,
            prompt_tokens=self._forecaster.prompt_tokens(self._model, described.parts),
            length=forecast.length,
            sequences=request.sequences.total,
            prompts=described.parts.prompts,
            most_tokens=min(request.max_tokens or LONGEST, LONGEST),
            streams=False,
        )
