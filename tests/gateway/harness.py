"""A gateway on a real socket in the test's own event loop, and what tests ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import uvicorn
from fastapi import FastAPI
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.clients.connections import Connections
from gateway.clients.server import ListeningServer, server_protocols
from gateway.config.listen import Listen
from gateway.config.settings import Config
from gateway.forecasting.learned_state import LearnedState
from predictor import LengthPredictor
from predictor.inference.tiered import TieredPredictor
from scheduler.scheduler import Scheduler

PATIENCE_S = 30.0
"""How long a test waits for what must happen before it fails."""


async def until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once the condition holds; fail the test when it does not in time."""
    deadline = asyncio.get_running_loop().time() + patience_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"never: {what}"
        await asyncio.sleep(0.005)


class _Server(ListeningServer):
    """uvicorn without its fixed waits of 0.1 s, which every test would add up to at its end."""

    stop: asyncio.Event

    async def main_loop(self) -> None:
        """Serve until ``stop`` is set."""
        await self.on_tick(0)
        await self.stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the connections, give requests a second to end, and end the application."""
        for listener in self.servers:
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if tasks := list(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=1)
            for task in late:
                task.cancel()
        await self.lifespan.shutdown()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are pytest's


@contextlib.asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free port of 127.0.0.1; yields its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    connections = getattr(getattr(app, "state", None), "connections", Connections(Listen()))
    config = uvicorn.Config(
        app,
        log_level="error",
        lifespan="on",
        backlog=4096,
        **server_protocols(connections),
    )
    server = _Server(config, connections)
    server.stop = asyncio.Event()
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or task.done(), "the server has started")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.stop.set()
        await task


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway."""

    url: str
    app: FastAPI

    @property
    def scheduler(self) -> Scheduler:
        """Its scheduler."""
        scheduler: Scheduler = self.app.state.dispatcher.scheduler
        return scheduler

    @property
    def in_flight(self) -> int:
        """The number of requests at the workers."""
        return sum(map(len, self.scheduler.workers.values()))

    def openai(self) -> AsyncOpenAI:
        """A client that does not retry: the tests want to see what happened."""
        return AsyncOpenAI(base_url=self.url + "/v1", api_key="none", max_retries=0)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels."""
        text = self.app.state.metrics.render().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"lengthwise_{name}" and labels.items() <= sample.labels.items()
        )

    async def until_idle(self) -> None:
        """Return once nothing waits and nothing runs."""
        await until(lambda: self.scheduler.waiting + self.in_flight == 0, "the scheduler is idle")
        await until(lambda: self.metric("requests_in_flight") == 0, "no request is in flight")


@contextlib.asynccontextmanager
async def gateway(
    *workers: str,
    tiered: TieredPredictor | None = None,
    model: LengthPredictor | None = None,
    **settings: Any,
) -> AsyncIterator[Gateway]:
    """A gateway before the workers at these URLs. Whatever the test did, it must end consistent.

    ``tiered`` is what it predicts with, or ``model``, which then learns into
    ``learning.folder``. ``settings`` are the sections of the configuration; ``worker`` holds
    settings of each worker.
    """
    worker = settings.pop("worker", {})
    settings.setdefault("health", {"interval_s": 0.1})
    settings.setdefault("shadow", {"enabled": "off"})  # a process that most tests have no use for
    config = Config.model_validate(
        {"workers": [{"url": url, **worker} for url in workers], **settings}
    )
    learned = LearnedState.open(config.learning)
    if model is not None:
        tiered = TieredPredictor(model, adaptive=learned.adaptive)
    app = create_app(config, tiered, learned)
    async with listening(app) as url:
        running = Gateway(url, app)
        yield running
        await running.until_idle()
        running.scheduler.check()


async def hang_up(*tasks: asyncio.Task[Any]) -> None:
    """End clients' requests as clients do that close their connections."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def chat(model: str = "emulated", **fields: Any) -> dict[str, Any]:
    """The body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": "Hello"}], **fields}


def forced(tokens: int) -> dict[str, int]:
    """``vllm_xargs`` that make an answer exactly so many tokens long."""
    return {"target_tokens": tokens}


async def post(
    session: aiohttp.ClientSession, url: str, body: dict[str, Any]
) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a chat request."""
    async with session.post(url + "/v1/chat/completions", json=body) as response:
        return response.status, await response.json()
