"""Traces at a receiver of OTLP that is a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import PATIENCE_S, chat, forced, gateway

REQUESTS = 100
STEPS = Counter(("receive", "forecast", "queue", "attempt"))

Received = Callable[[], Coroutine[Any, Any, list[dict[str, Any]]]]


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[str, Received]]:
    """Its URL, and what ends it and gives the spans that it has got."""
    command = (sys.executable, "-m", "tests.gateway.tracing.otlp_receiver")
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None

    async def received() -> list[dict[str, Any]]:
        out, _ = await process.communicate(b"")
        return [json.loads(line) for line in out.splitlines()]

    try:
        async with asyncio.timeout(PATIENCE_S):
            url = (await process.stdout.readline()).decode().strip()
        yield url, received
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_traces_of_a_hundred_requests_arrive_whole(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with receiver() as (url, received):
        async with gateway(emulator.url, traces={"endpoint": url, "service_name": "g"}) as running:

            async def ask(number: int) -> None:
                body = chat(vllm_xargs=forced(3), stream=number % 2 == 0)
                headers = {"x-request-id": f"request-{number}"}
                address = running.url + "/v1/chat/completions"
                async with session.post(address, json=body, headers=headers) as one:
                    assert one.status == 200
                    await one.read()

            await asyncio.gather(*map(ask, range(REQUESTS)))
        spans = await received()
    assert {span["service"] for span in spans} == {"g"}
    assert len({span["id"] for span in spans}) == len(spans), "a span has come twice"
    traces = defaultdict(list)
    for span in spans:
        traces[span["trace"]].append(span)
    seen = set()
    for trace in traces.values():
        [root] = [span for span in trace if not span["parent"]]
        assert root["name"] == "chat emulated"
        assert root["texts"]["lengthwise.outcome"] == "ok"
        seen.add(root["texts"]["lengthwise.request_id"])
        number = int(root["texts"]["lengthwise.request_id"].removeprefix("request-"))
        steps = [span for span in trace if span is not root]
        wanted = STEPS + Counter(["stream"] if number % 2 == 0 else [])
        assert Counter(step["name"] for step in steps) == wanted
        for step in steps:
            assert step["parent"] == root["id"]
            assert root["begun"] <= step["begun"] <= step["ended"] <= root["ended"]
    assert seen == {f"request-{number}" for number in range(REQUESTS)}
    assert len(traces) == REQUESTS
