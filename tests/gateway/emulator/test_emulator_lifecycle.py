"""The emulated worker when clients hang up, when it is busy, refuses, or is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from scheduler.sim.engine import EngineConfig
from tests.gateway.emulator.test_emulator import FAST, HELLO, SLOW, forced, until

CHAT = "/v1/chat/completions"


@asynccontextmanager
async def asking(
    session: aiohttp.ClientSession, *, streaming: bool, tokens: int = 1000
) -> AsyncIterator[asyncio.Task[bytes]]:
    """A request that nobody answers soon; leaving hangs up."""

    async def ask() -> bytes:
        body = {"messages": HELLO, "stream": streaming, **forced(tokens)}
        async with session.post(CHAT, json=body) as response:
            return await response.read()

    task = asyncio.create_task(ask())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("streaming", [True, False])
async def test_hanging_up_aborts_what_runs_and_what_waits(streaming: bool) -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        engine = emulator.engine
        async with aiohttp.ClientSession(emulator.url) as session:
            async with asking(session, streaming=streaming):
                await until(lambda: engine.running == 1)
                async with asking(session, streaming=streaming):
                    await until(lambda: engine.waiting == 1)
                await until(lambda: engine.waiting == 0)
                assert engine.running == 1
            await until(lambda: engine.running == 0)
        assert engine.kv_usage == 0


async def test_a_thousand_hang_ups_leave_the_engine_empty() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(emulator.url, connector=connector) as session:
            body = {"messages": HELLO, "stream": True, **forced(1000)}
            tasks = [asyncio.create_task(session.post(CHAT, json=body)) for _ in range(1000)]
            responses = await asyncio.gather(*tasks)
            await until(lambda: emulator.engine.running + emulator.engine.waiting == 1000)
            for response in responses:
                response.close()
            await until(lambda: emulator.engine.running + emulator.engine.waiting == 0)
        assert emulator.engine.kv_usage == 0


async def test_priority_orders_the_queue_by_body_or_header() -> None:
    config = EmulatorConfig(engine=SLOW.engine, speed=5.0)
    order: list[str] = []
    with EmbeddedEmulator(config) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:

            async def ask(name: str, fields: dict[str, Any], headers: dict[str, str]) -> None:
                body = {"messages": HELLO, **forced(2), **fields}
                async with session.post(CHAT, json=body, headers=headers) as response:
                    assert response.status == 200
                order.append(name)

            async with asking(session, streaming=True, tokens=60) as first:
                await until(lambda: emulator.engine.running == 1)
                tasks = []
                for name, fields, headers in (
                    ("late", {"priority": 5}, {}),
                    ("soon", {"priority": -1}, {}),
                    ("now", {"priority": 9}, {"X-Vllm-Priority": "-7"}),
                ):
                    tasks.append(asyncio.create_task(ask(name, fields, headers)))
                await until(lambda: emulator.engine.waiting == 3)
                await asyncio.gather(first, *tasks)
    assert order == ["now", "soon", "late"]


async def test_a_stream_takes_the_time_the_engine_says() -> None:
    # Steps shorter than a timer can sleep: were each one slept for itself, they would add up to
    # 0.4 s and more. The best of three runs, for other programs may hold the machine up.
    config = EmulatorConfig(costs=StepCosts(0.001, 0, 0, 0), speed=2.0)
    times = []
    with EmbeddedEmulator(config) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for _ in range(3):
                body = {"messages": HELLO, "stream": True, **forced(400)}
                started = time.monotonic()
                async with session.post(CHAT, json=body) as response:
                    assert response.content_type == "text/event-stream"
                    await response.read()
                times.append(time.monotonic() - started)
    assert 400 * 0.001 / 2.0 <= min(times) < 0.35


async def test_headers_come_before_the_first_token() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session, asking(session, streaming=False):
            await until(lambda: emulator.engine.running == 1)
            body = {"messages": HELLO, "stream": True}
            async with session.post(CHAT, json=body) as response:
                assert response.status == 200
                assert emulator.engine.waiting == 1


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(FAST) as running:
        yield running


MESSAGE = {"role": "user", "content": "x"}


@pytest.mark.parametrize(
    ("path", "body", "status", "kind", "param"),
    [
        (CHAT, b"{", 400, "Bad Request", "body.1"),
        (CHAT, b"\xff", 400, "Bad Request", None),
        (CHAT, b"[]", 400, "Bad Request", "body"),
        (CHAT, {}, 400, "Bad Request", "body.messages"),
        (CHAT, {"messages": "x"}, 400, "Bad Request", "body.messages"),
        (
            CHAT,
            {"messages": [MESSAGE], "max_tokens": "many"},
            400,
            "Bad Request",
            "body.max_tokens",
        ),
        (CHAT, {"messages": [MESSAGE], "priority": 2**70}, 400, "Bad Request", "body.priority"),
        (CHAT, {"messages": [MESSAGE], "model": "other"}, 404, "NotFoundError", "model"),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 0}, 400, "BadRequestError", "max_tokens"),
        (CHAT, {"messages": [MESSAGE], "max_tokens": 9999}, 400, "BadRequestError", "max_tokens"),
        (CHAT, {"messages": [MESSAGE], "n": 0}, 400, "BadRequestError", None),
        (CHAT, {"messages": [MESSAGE], "n": 2, "temperature": 0}, 400, "BadRequestError", None),
        (CHAT, {"messages": [MESSAGE], **forced(0)}, 400, "BadRequestError", "vllm_xargs"),
        (
            CHAT,
            {"messages": [MESSAGE], "stream_options": {"include_usage": True}},
            400,
            "BadRequestError",
            "stream_options",
        ),
        (
            CHAT,
            {"messages": [{"role": "user", "content": "x" * 40_000}]},
            400,
            "BadRequestError",
            "input_tokens",
        ),
        ("/v1/completions", {"prompt": [[1], "x"]}, 400, "Bad Request", "body.prompt.0"),
        ("/v1/completions", {"prompt": ""}, 400, "BadRequestError", "prompt"),
        ("/v1/embeddings", {"input": [1] * 9000}, 400, "BadRequestError", "input_tokens"),
    ],
)
async def test_wrong_requests_get_an_error_in_openais_shape(
    emulator: EmbeddedEmulator, path: str, body: Any, status: int, kind: str, param: str | None
) -> None:
    async with aiohttp.ClientSession(emulator.url) as session:
        sent = {"data": body} if isinstance(body, bytes) else {"json": body}
        headers = {"Content-Type": "application/json"}
        async with session.post(path, headers=headers, **sent) as response:
            assert response.status == status
            error = (await response.json())["error"]
    assert (error["type"], error["param"], error["code"]) == (kind, param, status)
    assert error["message"]


async def test_unknown_paths_and_methods_are_refused_as_fastapi_does(
    emulator: EmbeddedEmulator,
) -> None:
    async with aiohttp.ClientSession(emulator.url) as session:
        for path, detail in (("/v1/nothing", "Not Found"), ("/health", "Method Not Allowed")):
            async with session.post(path, json={}) as response:
                assert await response.json() == {"detail": detail}


async def test_only_json_is_accepted(emulator: EmbeddedEmulator) -> None:
    async with (
        aiohttp.ClientSession(emulator.url) as session,
        session.post(CHAT, data=b"{}", headers={"Content-Type": "text/plain"}) as response,
    ):
        assert response.status == 400
        assert "Unsupported Media Type" in await response.text()


async def test_an_api_key_guards_the_api_but_not_health_and_metrics() -> None:
    with EmbeddedEmulator(EmulatorConfig(api_key="secret")) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for headers, status in (({}, 401), ({"Authorization": "Bearer secret"}, 200)):
                async with session.get("/v1/models", headers=headers) as response:
                    assert response.status == status
            for path in ("/health", "/metrics"):
                async with session.get(path) as response:
                    assert response.status == 200


def test_configurations_that_vllm_would_not_start_with_are_refused() -> None:
    with pytest.raises(ValueError, match="exceeds the KV cache"):
        EmulatorConfig(engine=EngineConfig(num_blocks=10))
    with pytest.raises(ValueError, match="model"):
        EmulatorConfig(models=())
    with pytest.raises(ValueError, match="speed"):
        EmbeddedEmulator(EmulatorConfig(speed=0))


async def test_leaving_the_embedded_emulator_hangs_up_on_its_clients() -> None:
    async with aiohttp.ClientSession() as session:
        with EmbeddedEmulator(SLOW) as emulator:
            body = {"messages": HELLO, "stream": True, **forced(1000)}
            response = await session.post(emulator.url + CHAT, json=body)
            await until(lambda: emulator.engine.running == 1)
            started = time.monotonic()
        assert time.monotonic() - started < 5
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            await session.post(emulator.url + CHAT, json=body)


@pytest.mark.parametrize("busy", [False, True])
async def test_the_command_ends_with_status_0_on_sigterm(busy: bool) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = (
        "import argparse, sys; from gateway.emulator.command import *;"
        "parser = argparse.ArgumentParser(); add_emulate_arguments(parser);"
        "sys.exit(run_emulate(parser.parse_args()))"
    )
    flags = ("--port", str(port), "--speed", "0.1", "--served-model-name", "a", "b")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *flags, cwd=os.getcwd(), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _until_healthy(session)
            if busy:
                async with asking(session, streaming=True):
                    process.send_signal(signal.SIGTERM)
                    assert await asyncio.wait_for(process.wait(), 10) == 0
            else:
                process.send_signal(signal.SIGTERM)
                assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _until_healthy(session: aiohttp.ClientSession) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            async with session.get("/health") as response:
                assert response.status == 200
                return
        except aiohttp.ClientError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
