"""Leaving: announced, drained, and at last each request that is left ends with its reason."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI

from gateway.app import create_app
from gateway.clients.server import server_protocols
from gateway.config.settings import Config
from gateway.serve.server import DrainingServer
from gateway.serve.signals import EndSignals
from gateway.supervisor import Supervisor
from tests.gateway import raw
from tests.gateway.harness import PATIENCE_S, chat, post, until
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, answer, chunked, scripted

LATE_S = 5.0
"""Seconds within which something that should happen at once must happen on a busy machine."""


@dataclass(slots=True)
class Served:
    """A gateway in the hands of the server that ``lengthwise serve`` uses."""

    url: str
    app: FastAPI
    server: DrainingServer
    signals: EndSignals
    task: asyncio.Task[int]

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.signals.received(number)

    async def ended(self, limit_s: float = LATE_S) -> int:
        """The exit code."""
        return await asyncio.wait_for(asyncio.shield(self.task), limit_s)

    def outcomes(self) -> dict[str, float]:
        """Requests ended, by outcome."""
        found: dict[str, float] = {}
        for family in self.app.state.metrics.requests.collect():
            for sample in family.samples:
                outcome = sample.labels["outcome"]
                found[outcome] = found.get(outcome, 0) + sample.value
        return found


@asynccontextmanager
async def served(worker: str, **shutdown: float) -> AsyncIterator[Served]:
    config = Config.model_validate(
        {
            "workers": [{"url": worker}],
            "shutdown": {"lame_duck_s": 0, **shutdown},
            "predictor": {"enabled": False},
        }
    )
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_app(config, None)
    ends: list[int] = []
    signals = EndSignals(ends.append)
    connections = app.state.connections
    protocols = server_protocols(connections)
    settings: dict[str, Any] = {"log_config": None, "access_log": False, **protocols}
    server = DrainingServer(
        *(uvicorn.Config(app, **settings), connections, "", signals, app.state.leaving),
        settings=config.shutdown,
    )
    task = asyncio.create_task(server.run([listener]))
    await until(lambda: server.started or task.done(), "the server has started")
    yield Served(url, app, server, signals, task)
    if not task.done():
        signals.received(signal.SIGTERM)
        signals.received(signal.SIGTERM)
    await asyncio.wait_for(task, PATIENCE_S)


class Held:
    """A script of a worker that streams one event, or nothing, and then waits."""

    def __init__(self, *, streams: bool) -> None:
        self.streams, self.release = streams, asyncio.Event()

    async def __call__(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.streams:
            writer.write(STREAM_HEAD + chunked(CHUNK))
            await writer.drain()
        await self.release.wait()
        if not self.streams:
            writer.write(answer(ANSWER))


async def _ready(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with session.get(url + "/ready") as response:
        return response.status, (await response.json())["status"]


async def test_at_first_ready_says_503_and_new_requests_are_still_served(
    session: aiohttp.ClientSession,
) -> None:
    work = Held(streams=False)
    work.release.set()
    async with scripted(work) as worker, served(worker.url, lame_duck_s=60) as gateway:
        assert await _ready(session, gateway.url) == (200, "ready")
        gateway.signal()
        assert await _ready(session, gateway.url) == (503, "draining")
        assert (await post(session, gateway.url, chat()))[0] == 200
        gateway.signal()
        assert await gateway.ended() == 0


async def test_ctrl_c_does_not_wait_for_balancers() -> None:
    async with scripted(Held(streams=False)) as w, served(w.url, lame_duck_s=60) as gateway:
        gateway.signal(signal.SIGINT)
        assert await gateway.ended() == 0


async def test_while_it_drains_accepted_requests_end_and_new_ones_hear_why(
    session: aiohttp.ClientSession,
) -> None:
    work = Held(streams=False)
    async with scripted(work) as worker, served(worker.url) as gateway:
        accepted = asyncio.create_task(post(session, gateway.url, chat()))
        await until(lambda: worker.served == 1, "the request has come to the worker")
        gateway.signal()
        await until(lambda: gateway.app.state.leaving.stage > 1, "it drains")
        body = json.dumps(chat()).encode()
        asked = raw.request(b"POST", "/v1/chat/completions", body=body)
        refused = await raw.ask(gateway.url, asked)
        assert refused.status == 503
        assert (b"connection", b"close") in refused.headers
        assert json.loads(refused.body)["error"]["code"] == "shutting_down"
        assert await _ready(session, gateway.url) == (503, "draining")
        work.release.set()
        assert (await accepted)[0] == 200
        assert await gateway.ended() == 0
        assert gateway.outcomes() == {"ok": 1, "shutting_down": 1}


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("again", [True, False])
async def test_what_is_left_ends_with_its_reason_and_no_trace(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, streams: bool, again: bool
) -> None:
    work = Held(streams=streams)
    limit = 600 if again else 0.05
    async with scripted(work) as worker, served(worker.url, drain_timeout_s=limit) as gateway:
        asked = session.post(gateway.url + "/v1/chat/completions", json=chat(stream=streams))
        reading = asyncio.create_task(_read(asked))
        await until(lambda: worker.served == 1, "the request has come to the worker")
        if streams:
            await until(lambda: bool(gateway.app.state.leaving.running), "it is accepted")
        gateway.signal()
        if again:
            gateway.signal()
        status, text = await reading
        assert await gateway.ended() == 1
        assert "shutting_down" in text
        if status == 200:
            assert text.startswith("data: ")
            assert text.rstrip().endswith("}")
        else:
            assert status == 503
        assert gateway.outcomes() == {"shutting_down": 1}
        work.release.set()
    assert "Traceback" not in caplog.text


async def _read(asked: Any) -> tuple[int, str]:
    async with asked as response:
        return response.status, await response.text()


async def test_neither_a_slow_body_nor_an_idle_connection_holds_the_drain(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.serve.server.BODY_S", 0.1)
    async with scripted(Held(streams=False)) as worker, served(worker.url) as gateway:
        idle, closing = await raw.connected(gateway.url)
        closing.write(raw.request(b"GET", "/health"))
        await raw.read_answer(idle)
        reader, writer = await raw.connected(gateway.url)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n"
        writer.write(head + b"{")
        await until(lambda: gateway.app.state.leaving.running == 1, "it is accepted")
        _, half_writer = await raw.connected(gateway.url)
        half_writer.write(b"GET /hea")
        gateway.signal()
        refused = await raw.read_answer(reader)
        assert refused.status == 503
        assert json.loads(refused.body)["error"]["code"] == "shutting_down"
        assert await gateway.ended() == 1
        assert await idle.read() == b""
        for one in (closing, writer, half_writer):
            one.close()


async def test_a_client_that_reads_slowly_gets_all_of_its_answer() -> None:
    text = b'{"choices":[{"finish_reason":"stop"}],"pad":"' + b"x" * 20_000_000 + b'"}'

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(text))

    async with scripted(script) as worker, served(worker.url) as gateway:
        reader, writer = await raw.connected(gateway.url)
        body = json.dumps(chat()).encode()
        writer.write(raw.request(b"POST", "/v1/chat/completions", body=body))
        await until(lambda: gateway.outcomes() == {"ok": 1}, "the answer is complete")
        gateway.signal()
        await asyncio.sleep(0)
        assert not gateway.task.done()
        assert (await raw.read_answer(reader)).body == text
        writer.close()
        assert await gateway.ended() == 0


async def test_the_second_signal_sets_a_limit_and_the_third_ends_the_process_at_once() -> None:
    ends: list[int] = []
    signals = EndSignals(ends.append)
    with signals.instead(lambda number: None):
        signals.received(signal.SIGTERM)
        signals.received(signal.SIGTERM)
        assert ends == []
        signals.received(signal.SIGINT)
        assert ends == [128 + signal.SIGINT]
        await until(lambda: ends == [128 + signal.SIGINT, 1], "the limit is over")


async def test_a_gateway_that_does_not_listen_any_more_ends_with_a_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with scripted(Held(streams=False)) as w, served(w.url) as gateway:
        gateway.server.servers[0].close()
        assert await gateway.ended() == 1
    assert "does not listen on its port" in caplog.text


async def test_a_supervisor_that_fails_ends_the_gateway_with_a_message(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(self: Supervisor, name: str, loop: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(Supervisor, "keep", fail)
    async with scripted(Held(streams=False)) as w, served(w.url) as gateway:
        assert await gateway.ended() == 1
    assert "the supervisor of the background task" in caplog.text
