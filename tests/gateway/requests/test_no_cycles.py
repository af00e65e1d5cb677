"""A request that has ended is freed at once: nothing of it waits for Python's collector."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from gateway.requests.relay import Relay
from gateway.requests.time_limits import TimeLimits
from tests.gateway.harness import Gateway, chat, forced, gateway, hang_up, post, until

Ask = Callable[[aiohttp.ClientSession, Gateway], Awaitable[None]]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Without the collector; what earlier tests have left is gone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _left() -> int:
    return sum(type(one) in (Relay, TimeLimits) for one in gc.get_objects())


async def _whole(session: aiohttp.ClientSession, running: Gateway) -> None:
    assert (await post(session, running.url, chat(vllm_xargs=forced(3))))[0] == 200


async def _stream(session: aiohttp.ClientSession, running: Gateway) -> None:
    body: dict[str, Any] = chat(vllm_xargs=forced(3), stream=True)
    async with session.post(running.url + "/v1/chat/completions", json=body) as response:
        assert (await response.read()).endswith(b"[DONE]\n\n")


async def _unknown_model(session: aiohttp.ClientSession, running: Gateway) -> None:
    assert (await post(session, running.url, chat("nobody")))[0] == 404


async def _hang_up(session: aiohttp.ClientSession, running: Gateway) -> None:
    asked = asyncio.create_task(post(session, running.url, chat(vllm_xargs=forced(3000))))
    await until(lambda: running.in_flight == 1, "it runs")
    await hang_up(asked)


@pytest.mark.parametrize("ask", [_whole, _stream, _unknown_model, _hang_up])
async def test_nothing_of_a_request_is_left_for_the_collector(
    session: aiohttp.ClientSession, emulator: EmbeddedEmulator, no_collector: None, ask: Ask
) -> None:
    async with gateway(emulator.url) as running:
        for _ in range(5):
            await ask(session, running)
        await until(lambda: running.in_flight == 0 and _left() == 0, "all are freed")
