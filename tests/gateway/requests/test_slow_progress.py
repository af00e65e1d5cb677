"""Answers that get on in other ways than by tokens that are known: they are not cut."""

from __future__ import annotations

import asyncio
from itertools import count

import aiohttp
import pytest

from tests.gateway.harness import gateway
from tests.gateway.requests.answers import DONE, STOP, ask
from tests.gateway.requests.test_time_limits import SHORT
from tests.gateway.scripted import CHUNK, STREAM_HEAD, Script, chunked, scripted

PLAIN = b"data: 12 % done\n\n"
OTHER = b'data: {"kind": "progress", "step": 3}\n\n'
LISTED = b"data: [1, 2]\n\n"


def spaced(*events: bytes, gap_s: float) -> Script:
    """A stream of these events, each after a pause."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for event in events:
            await asyncio.sleep(gap_s)
            writer.write(chunked(event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    return script


@pytest.mark.parametrize("event", [PLAIN, OTHER, LISTED], ids=["text", "json", "list"])
async def test_events_of_no_known_kind_are_progress(
    session: aiohttp.ClientSession, event: bytes
) -> None:
    events = [CHUNK, *[event] * 6, STOP, DONE]
    async with (
        scripted(spaced(*events, gap_s=0.06)) as worker,
        gateway(worker.url, requests=SHORT) as running,
    ):
        assert await ask(session, running, stream=True) == (200, b"".join(events))
        await running.until_idle()
        assert running.metric("requests_total", outcome="ok") == 1


async def test_a_stream_whose_memory_the_engine_has_taken_may_pause_for_longer(
    session: aiohttp.ClientSession,
) -> None:
    """Its worker's metrics show a preemption, and that other sequences grow."""
    readings = count(1)
    soon = {"interval_s": 0.05, "scrape_s": 0.05}
    async with scripted(spaced(CHUNK, CHUNK, STOP, DONE, gap_s=0.7)) as worker:

        async def grow(_: bytes) -> None:
            worker.metrics = (
                "vllm:num_requests_running 3\nvllm:num_requests_waiting 1\n"
                "vllm:kv_cache_usage_perc 0.97\nvllm:num_preemptions_total 1\n"
                f"vllm:generation_tokens_total {next(readings)}\n"
            ).encode()

        worker.before_probe = grow
        bounds = {**SHORT, "first_token_timeout_s": 5.0}
        async with gateway(worker.url, requests=bounds, health=soon) as running:
            status, body = await ask(session, running, stream=True)
            assert (status, body) == (200, CHUNK + CHUNK + STOP + DONE)
