"""The emulated worker when clients hang up, in the order of its queue, and in its timing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from scheduler.sim.costs import StepCosts
from tests.gateway.emulator.workers import CHAT, HELLO, SLOW, fixed, long_request
from tests.gateway.harness import until


def in_engine(emulator: EmbeddedEmulator) -> int:
    """Requests that run or wait."""
    return emulator.engine.running + emulator.engine.waiting


@pytest.mark.parametrize("streaming", [True, False])
async def test_a_hang_up_aborts_a_running_and_a_waiting_request(streaming: bool) -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        engine = emulator.engine
        async with aiohttp.ClientSession(emulator.url) as session:
            async with long_request(session, streaming=streaming):
                await until(lambda: engine.running == 1, "the first request runs")
                async with long_request(session, streaming=streaming):
                    await until(lambda: engine.waiting == 1, "the second request waits")
                await until(lambda: engine.waiting == 0, "the second request is aborted")
                assert engine.running == 1
            await until(lambda: engine.running == 0, "the first request is aborted")
        assert engine.kv_usage == 0


async def test_a_thousand_hang_ups_leave_the_engine_empty() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(emulator.url, connector=connector) as session:
            body = {"messages": HELLO, "stream": True, **fixed(1000)}
            tasks = [asyncio.create_task(session.post(CHAT, json=body)) for _ in range(1000)]
            responses = await asyncio.gather(*tasks)
            await until(lambda: in_engine(emulator) == 1000, "all requests are in the engine")
            for response in responses:
                response.close()
            await until(lambda: in_engine(emulator) == 0, "all requests are aborted")
        assert emulator.engine.kv_usage == 0


async def test_priority_orders_the_queue_by_body_or_header() -> None:
    config = EmulatorConfig(engine=SLOW.engine, speed=5.0)
    order: list[str] = []
    with EmbeddedEmulator(config) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:

            async def ask(name: str, fields: dict[str, Any], headers: dict[str, str]) -> None:
                body = {"messages": HELLO, **fixed(2), **fields}
                async with session.post(CHAT, json=body, headers=headers) as response:
                    assert response.status == 200
                order.append(name)

            async with long_request(session, streaming=True, tokens=60) as first:
                await until(lambda: emulator.engine.running == 1, "the request runs")
                tasks = []
                for name, fields, headers in (
                    ("late", {"priority": 5}, {}),
                    ("soon", {"priority": -1}, {}),
                    ("now", {"priority": 9}, {"X-Vllm-Priority": "-7"}),
                ):
                    tasks.append(asyncio.create_task(ask(name, fields, headers)))
                await until(lambda: emulator.engine.waiting == 3, "three requests wait")
                await asyncio.gather(first, *tasks)
    assert order == ["now", "soon", "late"]


async def test_a_stream_takes_the_sum_of_its_steps() -> None:
    # A timer cannot sleep as short as these steps: one sleep per step would add up to 0.4 s and
    # more. The best of three runs counts, because other programs may delay a run.
    config = EmulatorConfig(costs=StepCosts(0.001, 0, 0, 0), speed=2.0)
    times = []
    with EmbeddedEmulator(config) as emulator:
        async with aiohttp.ClientSession(emulator.url) as session:
            for _ in range(3):
                body = {"messages": HELLO, "stream": True, **fixed(400)}
                started = time.monotonic()
                async with session.post(CHAT, json=body) as response:
                    assert response.content_type == "text/event-stream"
                    await response.read()
                times.append(time.monotonic() - started)
    assert 400 * 0.001 / 2.0 <= min(times) < 0.35


async def test_headers_come_before_the_first_token() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        async with (
            aiohttp.ClientSession(emulator.url) as session,
            long_request(session, streaming=False),
        ):
            await until(lambda: emulator.engine.running == 1, "the request runs")
            body = {"messages": HELLO, "stream": True}
            async with session.post(CHAT, json=body) as response:
                assert response.status == 200
                assert emulator.engine.waiting == 1


async def test_leaving_the_embedded_emulator_closes_its_connections() -> None:
    async with aiohttp.ClientSession() as session:
        with EmbeddedEmulator(SLOW) as emulator:
            body = {"messages": HELLO, "stream": True, **fixed(1000)}
            response = await session.post(emulator.url + CHAT, json=body)
            await until(lambda: emulator.engine.running == 1, "the request runs")
            started = time.monotonic()
        assert time.monotonic() - started < 5
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        with pytest.raises(aiohttp.ClientError):
            await session.post(emulator.url + CHAT, json=body)
