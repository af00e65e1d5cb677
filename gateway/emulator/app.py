"""The emulated worker as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.emulator.api import EmulatorApi
from gateway.emulator.errors import VllmError
from gateway.emulator.lengths import Lengths, published_lengths
from gateway.emulator.worker import EmulatedWorker
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import Engine
from scheduler.sim.engine_config import EngineConfig


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """One emulated worker; the default is an 8B model on a mid-size GPU, 65,536 KV tokens.

    ``speed`` is engine seconds per second of the clock. With ``api_key`` the paths under /v1
    require it as a bearer token.

    Raises:
        ValueError: there is no model, or the context does not fit the KV cache (vLLM would not
            start either).
    """

    models: tuple[str, ...] = ("emulated",)
    engine: EngineConfig = field(default_factory=EngineConfig)
    costs: StepCosts = field(default_factory=StepCosts)
    speed: float = 1.0
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("models: give the name of at least one model")
        capacity = self.engine.num_blocks * self.engine.block_size
        context = self.engine.max_model_len
        if context > capacity:
            raise ValueError(f"max_model_len {context} exceeds the KV cache of {capacity} tokens")


def create_emulator(config: EmulatorConfig, lengths: Lengths | None = None) -> Starlette:
    """The ASGI application; ``app.state.engine`` is its engine, which runs in the ASGI lifespan.

    ``lengths`` gives the length distribution of the answer to a request body that has one prompt
    and no token limits. The default, ``published_lengths``, is the same for every request.
    """
    engine = Engine(config.engine, config.costs)
    worker = EmulatedWorker(engine, speed=config.speed)
    api = EmulatorApi(config.models, worker, lengths or published_lengths)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(worker.run())
        yield
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    app = Starlette(
        routes=api.routes(),
        lifespan=lifespan,
        exception_handlers={VllmError: _error_reply, HTTPException: _route_error_reply},
        middleware=[Middleware(BearerAuth, config.api_key)] if config.api_key else [],
    )
    app.state.engine = engine
    return app


class BearerAuth:
    """Requires the API key under /v1, as vLLM does; /health and /metrics stay open."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self._expected = f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and scope["path"].startswith("/v1"):
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not secrets.compare_digest(given, self._expected):
                await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _error_reply(request: Request, error: Exception) -> Response:
    assert isinstance(error, VllmError)
    return JSONResponse(error.body(), error.status)


async def _route_error_reply(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # vLLM answers unknown paths and methods in FastAPI's shape, not in OpenAI's.
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)
