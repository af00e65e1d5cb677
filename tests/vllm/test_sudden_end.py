"""A real vLLM ends without warning: what that costs, what is left, and how it comes back."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.gateway.harness import forced, gateway, until
from tests.vllm.engine import VllmServer, alive

pytestmark = pytest.mark.vllm

MESSAGES = [{"role": "user", "content": "What is the weather like?"}]


def body(tokens: int, *, stream: bool) -> dict[str, Any]:
    return {
        "model": "tiny",
        "messages": MESSAGES,
        "stream": stream,
        "vllm_xargs": forced(tokens),
    }


async def test_a_killed_vllm_costs_only_the_streams_it_had_begun(
    vllm_server: VllmServer, cramped_server: Callable[..., VllmServer]
) -> None:
    survivor, victim = vllm_server, cramped_server()
    address = victim.url + "/v1/chat/completions"
    outcomes: list[str] = []

    async def ask(session: aiohttp.ClientSession, i: int) -> None:
        request = body(100 + i, stream=i % 2 == 0)
        async with session.post(running.url + "/v1/chat/completions", json=request) as response:
            text = await response.text()
        assert response.status == 200, text
        broken = '"error": {' in text
        assert not broken or text.startswith('data: {"id"'), text
        outcomes.append("broken" if broken else "answered")

    async with (
        gateway(survivor.url, victim.url) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        worker = running.scheduler.workers[victim.url]
        tasks = [asyncio.create_task(ask(session, i)) for i in range(100)]
        await until(lambda: len(outcomes) >= 5, "answers have begun to come")
        had_begun = worker.sequences
        await asyncio.to_thread(victim.kill)
        await until(lambda: not worker.healthy, "the loss is known")
        await asyncio.to_thread(victim.start)
        await asyncio.gather(*tasks)
        await until(lambda: worker.healthy, "it is back")
        assert len(outcomes) == 100
        assert outcomes.count("broken") <= had_begun
        assert running.metric("requests_total", outcome="ok") == outcomes.count("answered")
        await asyncio.gather(*(ask(session, i) for i in range(8)))
        assert outcomes[100:] == ["answered"] * 8
        async with session.post(address, json=body(7, stream=False)) as response:
            assert (await response.json())["usage"]["completion_tokens"] == 7


async def test_a_killed_server_leaves_nothing_behind(
    cramped_server: Callable[..., VllmServer],
) -> None:
    server = cramped_server()
    group, url = server.pid, server.url
    assert len(alive(group)) > 1
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/v1/chat/completions", json=body(1000, stream=True)) as reply,
    ):
        assert (await reply.content.readline()).startswith(b"data: {")
        server.kill()
        assert alive(group) == []
        with pytest.raises(aiohttp.ClientError):
            await reply.read()
    with contextlib.closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0
