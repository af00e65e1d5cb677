"""Load for tests and benchmarks: requests sent as a trace says, timed as their clients see them."""

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
"""Seconds since whenever; it never goes back."""

ENDLESS_TOKENS = 3900
"""More than is written before a client loses patience, and still within a context of 4,096."""

_LOOK_EVERY = 0.05
"""Seconds after which a clock that may have slowed down is read again."""


@dataclass(slots=True)
class HangUps:
    """What became of requests of which some were given up."""

    answered: int = 0
    left: int = 0
    sent: int = 0
    """Requests whose bytes were written: the others ended before their connection stood."""


async def hang_up_at_random(
    url: str, bodies: Sequence[dict[str, Any]], *, seed: int, longest_s: float
) -> HangUps:
    """Send all bodies at once; a random third leaves after a random time up to ``longest_s``.

    They leave the queue, the wait for the first byte or the stream, as chance has it: what they
    ask for is too long to be answered before.
    """
    chance = random.Random(seed)
    counts = HangUps()
    tracing = aiohttp.TraceConfig()

    async def count_sent(*_: Any) -> None:
        counts.sent += 1

    tracing.on_request_headers_sent.append(count_sent)
    connector = aiohttp.TCPConnector(limit=0)

    async def one(body: dict[str, Any], patience: float | None) -> None:
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
            for i, body in enumerate(bodies):
                if i in leaving:
                    endless = {**body, "vllm_xargs": {"target_tokens": ENDLESS_TOKENS}}
                    group.create_task(one(endless, chance.uniform(0, longest_s)))
                else:
                    group.create_task(one(body, None))
    return counts


async def stream_one(
    session: aiohttp.ClientSession,
    url: str,
    body: dict[str, Any],
    clock: Clock = time.monotonic,
) -> RequestRecord:
    """Send one streaming chat request; the times and token counts its client sees."""
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
    """Send each body ``arrivals`` (seconds, ascending) from now; the records in their order.

    Seconds are those of ``clock``, which may pass slower than others.
    """
    # Sooner than a server hangs up (uvicorn: after 5 s), which would break a request on its way.
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=2.0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        begun, tasks = clock(), []
        for body, arrival in zip(bodies, arrivals, strict=True):
            while (left := begun + arrival - clock()) > 0:  # noqa: ASYNC110 - a clock tells nobody
                await asyncio.sleep(min(left, _LOOK_EVERY))
            tasks.append(asyncio.create_task(stream_one(session, url, body, clock)))
        return await asyncio.gather(*tasks)
