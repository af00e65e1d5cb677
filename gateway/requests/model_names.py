"""ModelNames: which model a request means, also one that a worker has loaded a moment ago."""

from __future__ import annotations

import asyncio
import math

from gateway.config.settings import Config
from gateway.protocol.errors import ApiError
from gateway.protocol.openai import ApiRequest
from gateway.requests.rejections import no_healthy_worker
from gateway.workers.fleet import Fleet
from gateway.workers.member import ANY_MODEL
from gateway.workers.newcomers import Newcomers

REFRESH_S = 1.0
"""Seconds between two readings of the workers' models for the sake of unknown names, so that a
client with a wrong name does not become a load on the workers."""


class ModelNames:
    """Finds the model of each request among the workers' models."""

    def __init__(self, config: Config, fleet: Fleet) -> None:
        self._config = config
        self._fleet = fleet
        queue = config.queue
        self._newcomers = Newcomers(fleet, queue.no_worker_grace_s, queue.max_waiting)
        self._next: asyncio.Task[None] | None = None
        self._last = -math.inf

    async def resolve(self, request: ApiRequest) -> str:
        """The request's model; for a body that names none, the one that is served.

        A request without a JSON body that generates nothing means any model. While a worker has not
        been seen yet, the request waits for it as for a lost one.

        Raises:
            ApiError: no worker serves the model (404), some models are not known yet (503), or the
                body names none of several (400).
        """
        if request.model is not None:
            await self.find(request.model, patiently=True)
            return request.model
        if not (request.fields or request.generates):
            return ANY_MODEL
        await self._newcomers.await_model(ANY_MODEL)
        return self._default()

    async def find(self, name: str, *, patiently: bool = False) -> None:
        """Return if a worker serves the model; ask the workers anew if none is known to.

        ``patiently``: wait for workers that have not been seen yet.

        Raises:
            ApiError: no worker serves the model (404), or some models are not known yet (503).
        """
        if name in self._fleet.models():
            return
        await self.refresh()  # an adapter may have been loaded since the last reading
        if patiently:
            await self._newcomers.await_model(name)
        if name in self._fleet.models():
            return
        if not self._fleet.all_known:
            raise no_healthy_worker(name, self._config)
        raise ApiError(
            404,
            f"The model `{name[:200]}` does not exist. "
            f"Served: {', '.join(self._fleet.models()) or 'none'}.",
            code="model_not_found",
            param="model",
        )

    async def refresh(self) -> None:
        """Read the workers' models. Callers share a reading, which begins after their calls."""
        if self._next is None:
            self._next = asyncio.create_task(self._read())
        await asyncio.shield(self._next)

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._last + REFRESH_S - loop.time())  # negative: at once
        self._next, self._last = None, loop.time()
        await self._fleet.read_models()

    def _default(self) -> str:
        model = self._fleet.default_model()
        if model is not None:
            return model
        names = ", ".join(self._fleet.models())
        if not names:
            raise no_healthy_worker(ANY_MODEL, self._config)
        raise ApiError(
            400,
            f"model must name a model: several are served here ({names[:500]}).",
            code="invalid_model",
            param="model",
        )
