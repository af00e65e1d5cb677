"""Replica: the gateway's own application as the ASGI application of one Serve replica.

Nothing here imports Ray.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI

from gateway.admin.listener import admin_listening, admin_sockets
from gateway.app import create_app
from gateway.config.errors import ConfigError, Location
from gateway.config.load import load_config
from gateway.config.settings import Config
from gateway.config.workers import WorkerConfig
from gateway.forecasting.learned_state import LearnedState
from gateway.forecasting.reload import load_predictor
from gateway.protocol.asgi import Message, Receive, Scope, Send
from gateway.remote_scheduler.address import SchedulerAddress
from gateway.serve.command import SWITCH_S
from gateway.serve.lasting_objects import leave_out_lasting_objects
from gateway.serve.logs import logging_by
from gateway.serve.loop_errors import LoopErrors
from gateway.serve.redaction import secrets_of
from predictor.threads import one_thread

log = logging.getLogger("lengthwise")

ANYWHERE = "0.0.0.0"
"""Host of the replicas' clients: pages that are for this machine alone stay closed."""


class Replica:
    """The gateway as an ASGI application that is made when it starts, on the node of the replica.

    Args:
        settings: the configuration, as YAML.
        workers: URLs of workers beside those of the configuration.
        scheduler: gives the address of the scheduler that the replica shares with others; None: it
            has its own.
    """

    def __init__(
        self,
        settings: str,
        workers: Sequence[str] = (),
        scheduler: AbstractAsyncContextManager[SchedulerAddress] | None = None,
    ) -> None:
        self._settings, self._workers = settings, tuple(workers)
        self._scheduler = scheduler
        self._app: FastAPI | None = None

    @property
    def broken(self) -> str:
        """Why the gateway cannot go on; "" while it can."""
        broken: str = "" if self._app is None else self._app.state.leaving.broken
        return broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the start and the end of the replica."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            assert self._app is not None, "Serve sends nothing before the start"
            await self._app(scope, receive, _without_request_id(send))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            log.exception("the replica cannot serve")
            kind = "shutdown" if self._app is not None else "startup"
            await send({"type": f"lifespan.{kind}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    @contextlib.asynccontextmanager
    async def _running(self) -> AsyncIterator[None]:
        """The gateway with all its parts, for the length of the block."""
        one_thread()
        sys.setswitchinterval(SWITCH_S)
        config = replica_config(self._settings, self._workers)
        async with contextlib.AsyncExitStack() as stack:
            output = stack.enter_context(logging_by(config.log))
            output.hide(secrets_of(config))
            learned = LearnedState.open(config.learning)
            predictor = await load_predictor(config, learned.adaptive)
            address = None
            if self._scheduler is not None:
                address = await stack.enter_async_context(self._scheduler)
            app = create_app(config, predictor, learned, scheduler=address)
            errors = LoopErrors(app.state.metrics.uncaught_errors.inc)
            asyncio.get_running_loop().set_exception_handler(errors)
            await stack.enter_async_context(app.router.lifespan_context(app))
            sockets = admin_sockets(config.admin)
            await stack.enter_async_context(
                admin_listening(app.state.admin, config.admin, sockets, app.state.viewers.close)
            )
            leave_out_lasting_objects()
            self._app = app
            yield


def replica_config(settings: str, workers: Sequence[str] = ()) -> Config:
    """The configuration of a replica: the text, then the environment of the replica.

    Raises:
        ConfigError: it cannot be used, or no worker is named.
    """
    flags: dict[Location, object] = {("listen", "host"): ANYWHERE}
    with tempfile.TemporaryDirectory() as folder:  # errors name the line of a file
        path = Path(folder) / "lengthwise.yaml"
        path.write_text(settings, "utf-8")
        config = load_config(path, flags=flags)
    added = tuple(WorkerConfig.model_validate({"url": url}) for url in workers)
    config = config.model_copy(update={"workers": (*config.workers, *added)})
    if not config.workers and not config.discovery.finds:
        raise ConfigError(
            "workers: none is given. Give workers=URL, or workers or discovery in config; for a "
            "trial start one: lengthwise emulate --port 8000"
        )
    return config


def _without_request_id(send: Send) -> Send:
    """``send`` without the header that Serve's proxy adds again by itself."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0].lower() != b"x-request-id"]
            message = {**message, "headers": headers}
        await send(message)

    return sent
