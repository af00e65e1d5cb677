"""The emulated worker as an ASGI application, in a thread, or as a process."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.emulator.answers import Lengths, published_lengths
from gateway.emulator.api import EmulatorApi
from gateway.emulator.requests import VllmError, error_body
from gateway.emulator.worker import EmulatedWorker
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import Engine, EngineConfig


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """One emulated worker: by default an 8B model on a mid-size GPU, 65,536 tokens of KV cache.

    ``speed`` is engine seconds for each second of the clock; with ``api_key`` the paths under /v1
    want it as bearer token.

    Raises:
        ValueError: no model, or a context that does not fit the KV cache (vLLM would not start).
    """

    models: tuple[str, ...] = ("emulated",)
    engine: EngineConfig = field(default_factory=EngineConfig)
    costs: StepCosts = field(default_factory=StepCosts)
    speed: float = 1.0
    api_key: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError("need the name of at least one model")
        capacity = self.engine.num_blocks * self.engine.block_size
        if self.engine.max_model_len > capacity:
            raise ValueError(
                f"max_model_len {self.engine.max_model_len} exceeds the KV cache, {capacity} tokens"
            )


def create_emulator(config: EmulatorConfig, lengths: Lengths | None = None) -> Starlette:
    """The ASGI application; ``app.state.engine`` is its engine.

    ``lengths`` gives the distribution an answer's length is drawn from, for a request's body with
    one prompt and without its token limits; it runs on the event loop. The default knows nothing
    of the request: it is log-normal (``published_lengths``). The engine runs in the ASGI lifespan.
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
        exception_handlers={VllmError: _refuse, HTTPException: _refuse_route},
        middleware=[Middleware(BearerAuth, config.api_key)] if config.api_key else [],
    )
    app.state.engine = engine
    return app


class BearerAuth:
    """Wants the API key on the paths under /v1, as vLLM does: not for health or metrics."""

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


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, VllmError)
    body = error_body(str(error), error.kind, error.status, error.param)
    return JSONResponse(body, error.status)


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # Unknown paths and methods get FastAPI's own shape from vLLM, not OpenAI's.
    return JSONResponse({"detail": error.detail}, error.status_code, headers=error.headers)


class EmbeddedEmulator:
    """A context manager that serves an emulator from a thread, on a free port of 127.0.0.1.

    ``url`` is its address without a path, for instance ``http://127.0.0.1:40123``; empty before it
    is entered. ``engine`` is its engine, which belongs to the thread: read its counters from
    outside, no more. Leaving hangs up on whoever is connected.
    """

    def __init__(
        self, config: EmulatorConfig | None = None, lengths: Lengths | None = None
    ) -> None:
        self.config = config or EmulatorConfig()
        self.app = create_emulator(self.config, lengths)
        self.engine: Engine = self.app.state.engine
        self.url = ""
        self._server = _server(self.app, grace=0.1, log_level="critical")

    def __enter__(self) -> EmbeddedEmulator:
        """Listen; returns when requests are accepted."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        # Connections queue in the backlog from here on, while uvicorn is still starting.
        listener.listen(2048)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # A thread that is not the main one: uvicorn installs no signal handlers there.
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="emulator", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop and wait for the thread."""
        self._server.should_exit = True
        self._thread.join()


def run_emulator(
    config: EmulatorConfig, host: str, port: int, lengths: Lengths | None = None
) -> int:
    """Serve until SIGTERM or SIGINT, then 0; 1 if the port cannot be had.

    Running requests get a second to end.
    """
    server = _server(create_emulator(config, lengths), grace=1, host=host, port=port)
    # uvicorn raises the signal again after its shutdown: with the default handler that would kill
    # the process and the exit status would not be 0.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    try:
        server.run()
    except SystemExit:  # uvicorn's way to say that it could not bind
        return 1
    return 0


def _server(app: ASGIApp, *, grace: float, **options: Any) -> uvicorn.Server:
    settings = {"access_log": False, "lifespan": "on", "ws": "none", "log_level": "info", **options}
    settings["timeout_graceful_shutdown"] = grace  # seconds; with 0 uvicorn reports an error
    return uvicorn.Server(uvicorn.Config(app, **settings))
