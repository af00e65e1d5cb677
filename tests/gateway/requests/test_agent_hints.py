"""Dynamo's hints: the forecast and the order in ``nvext``, where the client has set none."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from gateway.protocol.openai import LARGE
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.scripted import answer, scripted

HINTED = {"agent_hints": True, "engine_queue": 0}


async def _seen(session: aiohttp.ClientSession, *asked: Any, **scheduling: Any) -> list[Any]:
    """The bodies that a worker of one slot gets, all sent at once."""
    bodies: list[Any] = []
    everybody = asyncio.Event()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = worker.requests[-1].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        bodies.append(json.loads(await reader.readexactly(length)))
        await everybody.wait()
        writer.write(answer(b'{"usage": {"prompt_tokens": 3, "completion_tokens": 4}}'))

    slots: dict[str, Any] = {"worker": {"max_num_seqs": 1}, "scheduling": {**HINTED, **scheduling}}
    async with scripted(read) as worker, gateway(worker.url, **slots) as running:
        tasks = [asyncio.create_task(post(session, running.url, body)) for body in asked]
        waiting = len(asked) - 1
        await until(lambda: running.scheduler.waiting == waiting and bool(bodies), "others wait")
        everybody.set()
        assert all(status == 200 for status, _ in await asyncio.gather(*tasks))
    return bodies


async def test_a_worker_is_told_the_expected_tokens_and_the_order(
    session: aiohttp.ClientSession,
) -> None:
    """Also by a request that has waited, and kept but an outline of its body."""
    asked = (chat(max_tokens=4), chat(max_tokens=4))
    for body in await _seen(session, *asked):
        hints = body["nvext"]["agent_hints"]
        assert 1 <= hints["osl"] <= 4
        assert hints["priority"] == -body["priority"]


async def test_by_default_nothing_is_added(session: aiohttp.ClientSession) -> None:
    (body,) = await _seen(session, chat(), agent_hints=False)
    assert "nvext" not in body


async def test_without_priorities_the_expected_tokens_alone_are_told(
    session: aiohttp.ClientSession,
) -> None:
    (body,) = await _seen(session, chat(), send_priority=False)
    assert body["nvext"]["agent_hints"].keys() == {"osl"}


@pytest.mark.parametrize("padding", [0, LARGE])
async def test_what_the_client_has_set_stays(session: aiohttp.ClientSession, padding: int) -> None:
    own = {"annotations": ["timing"], "agent_hints": {"osl": 77, "speculative_prefill": True}}
    asked = chat(nvext=own, user="x" * padding)
    for body in await _seen(session, asked, asked):
        hints = body["nvext"]["agent_hints"]
        assert body["nvext"]["annotations"] == ["timing"]
        assert (hints["osl"], hints["speculative_prefill"]) == (77, True)
        assert hints["priority"] == -body["priority"]


@pytest.mark.parametrize("odd", ["text", {"agent_hints": [1]}])
async def test_what_has_another_type_is_left_to_the_worker(
    session: aiohttp.ClientSession, odd: Any
) -> None:
    (body,) = await _seen(session, chat(nvext=odd))
    assert body["nvext"] == odd
