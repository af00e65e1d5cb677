"""Load for tests and benchmarks: requests sent at given times, timed by their clients."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from scheduler.records import RequestRecord

Clock = Callable[[], float]
"""Returns seconds since some moment; never goes back."""

ENDLESS_TOKENS = 3900
"""Too many to be generated before a client hangs up, and within a context of 4,096 tokens."""

_READ_EVERY_S = 0.05
"""Interval at which the clock is read again; it may pass slower than real time."""


@dataclass(slots=True)
class HangUps:
    """How requests ended, some of which were given up."""

    answered: int = 0
    left: int = 0
    sent: int = 0
    """Requests that were sent; the others were given up before they had a connection."""


async def hang_up_at_random(
    url: str, bodies: Sequence[dict[str, Any]], *, seed: int, longest_s: float
) -> HangUps:
    """Send all bodies at once; a random third hangs up after a random time up to ``longest_s``.

    These requests ask for answers too long to end before. They leave the queue, the wait for the
    first byte, or the stream.
    """
    chance = random.Random(seed)
    counts = HangUps()
    tracing = aiohttp.TraceConfig()

    async def count_sent(*_: Any) -> None:
        counts.sent += 1

    tracing.on_request_headers_sent.append(count_sent)
    connector = aiohttp.TCPConnector(limit=0)

    async def send(body: dict[str, Any], patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                async with session.post(url + "/v1/chat/completions", json=body) as response:
                    await response.read()
                    assert response.status == 200, await response.text()
            counts.answered += 1
        except TimeoutError:
            counts.left += 1

    async with aiohttp.ClientSession(connector=connector, trace_configs=[tracing]) as session:
        leaving = set(chance.sample(range(len(bodies)), len(bodies) // 3))
        async with asyncio.TaskGroup() as group:
            for index, body in enumerate(bodies):
                if index in leaving:
                    endless = {**body, "vllm_xargs": {"target_tokens": ENDLESS_TOKENS}}
                    group.create_task(send(endless, chance.uniform(0, longest_s)))
                else:
                    group.create_task(send(body, None))
    return counts


async def stream_one(
    session: aiohttp.ClientSession,
    url: str,
    body: dict[str, Any],
    clock: Clock = time.monotonic,
) -> RequestRecord:
    """Send one streaming chat request; returns the times and token counts of the client."""
    record = RequestRecord(arrival=clock())
    body = {**body, "stream": True, "stream_options": {"include_usage": True}}
    async with session.post(url + "/v1/chat/completions", json=body) as response:
        assert response.status == 200, await response.text()
        async for line in response.content:
            if not line.startswith(b"data: {"):
                continue
            if b'"usage":{' in line:
                usage = json.loads(line[6:])["usage"]
                record.prompt_tokens = usage["prompt_tokens"]
                record.output_tokens = usage["completion_tokens"]
            record.last_token = clock()
            if record.first_token is None:
                record.first_token = record.last_token
    record.finished = clock()
    assert record.output_tokens > 0, "the stream ended without usage"
    return record


async def stream_all(
    url: str,
    bodies: Sequence[dict[str, Any]],
    arrivals: Sequence[float],
    clock: Clock = time.monotonic,
) -> list[RequestRecord]:
    """Send each body at its arrival (seconds from now, ascending); returns the records in order.

    ``clock`` counts the seconds; it may pass slower than real time.
    """
    # Shorter than a server keeps idle connections (uvicorn: 5 s), which would break a request.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        start, tasks = clock(), []
        for body, arrival in zip(bodies, arrivals, strict=True):
            while (left := start + arrival - clock()) > 0:  # noqa: ASYNC110 - no event to wait for
                await asyncio.sleep(min(left, _READ_EVERY_S))
            tasks.append(asyncio.create_task(stream_one(session, url, body, clock)))
        return await asyncio.gather(*tasks)
