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
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.emulator.api import EmulatorApi
from gateway.emulator.context import Context
from gateway.emulator.errors import VllmError
from gateway.emulator.json_text import JsonReply
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
        ValueError: there is no model, the speed is not above 0, or the context does not fit the KV
            cache (vLLM would not start either).
    """

    models: tuple[str, ...] = ("emulated",)
    engine: EngineConfig = field(default_factory=EngineConfig)
    costs: StepCosts = field(default_factory=StepCosts)
    speed: float = 1.0
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("models: give the name of at least one model")
        if not self.speed > 0:
            raise ValueError(f"speed must be positive, got {self.speed}")
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
    api = EmulatorApi(Context(config.models, worker, lengths or published_lengths))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        running = asyncio.create_task(worker.run())
        yield
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    guards = [Middleware(BearerAuth, config.api_key)] if config.api_key else []
    app = Starlette(
        routes=api.routes(),
        lifespan=lifespan,
        exception_handlers={
            VllmError: _error_reply,
            HTTPException: _route_error_reply,
            Exception: _defect_reply,
        },
        middleware=[*guards, _CORS],
    )
    app.state.engine = engine
    return app


_CORS = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])
"""Lets pages of every origin read the answers, as vLLM does by default."""


class BearerAuth:
    """Requires the API key under /v1, as vLLM does; /health and /metrics stay open."""

    def __init__(self, app: ASGIApp, api_key: str) -> None:
        self.app = app
        self._key = api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        guarded = scope["type"] == "http" and scope["path"].startswith("/v1")
        if guarded and scope["method"] != "OPTIONS":
            given = dict(scope["headers"]).get(b"authorization", b"")
            kind, _, key = given.partition(b" ")
            if kind.lower() != b"bearer" or not secrets.compare_digest(key, self._key):
                await JsonReply({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self.app(scope, receive, send)


async def _error_reply(request: Request, error: Exception) -> Response:
    assert isinstance(error, VllmError)
    anthropic = request.url.path.startswith("/v1/messages")
    return JsonReply(error.anthropic_body() if anthropic else error.body(), error.status)


async def _defect_reply(request: Request, error: Exception) -> Response:
    # Starlette raises the error again afterwards, so the log has its trace.
    message = f"The emulated worker failed: {type(error).__name__}. Its log says where."
    return await _error_reply(request, VllmError(message, status=500, kind="InternalServerError"))


async def _route_error_reply(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # vLLM answers unknown paths and methods in FastAPI's shape, not in OpenAI's.
    return JsonReply({"detail": error.detail}, error.status_code, headers=error.headers)
