"""Emulated workers under test, and requests to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from gateway.emulator import EmulatorConfig
from scheduler.sim.engine_config import EngineConfig
from tests.gateway.harness import forced

CHAT = "/v1/chat/completions"
HELLO: list[Any] = [{"role": "user", "content": "Say hello to the world."}]
FAST = EmulatorConfig(models=("emulated", "alias"), speed=200.0)
SLOW = EmulatorConfig(engine=EngineConfig(max_num_seqs=1, scheduling_policy="priority"), speed=0.05)


def fixed(tokens: int) -> dict[str, object]:
    """The field of a request body that fixes the length of its answer."""
    return {"vllm_xargs": forced(tokens)}


@asynccontextmanager
async def long_request(
    session: aiohttp.ClientSession, *, streaming: bool, tokens: int = 1000
) -> AsyncIterator[asyncio.Task[bytes]]:
    """A request that is not answered soon; leaving the context hangs up."""

    async def ask() -> bytes:
        body = {"messages": HELLO, "stream": streaming, **fixed(tokens)}
        async with session.post(CHAT, json=body) as response:
            return await response.read()

    task = asyncio.create_task(ask())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
