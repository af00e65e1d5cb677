"""Answers that get on in other ways than by tokens that are known: they are not cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count, repeat

import aiohttp
import pytest

from tests.gateway.harness import gateway
from tests.gateway.requests.answers import DONE, STOP, ask
from tests.gateway.scripted import CHUNK, STREAM_HEAD, Script, chunked, scripted

PLAIN = b"data: 12 % done\n\n"
OTHER = b'data: {"kind": "progress", "step": 3}\n\n'
LISTED = b"data: [1, 2]\n\n"


BOUNDS = {"token_timeout_s": 0.6}


def spaced(*events: bytes, gaps_s: Iterable[float]) -> Script:
    """A stream of these events, each after a pause."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for event, gap_s in zip(events, gaps_s, strict=False):
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
        scripted(spaced(*events, gaps_s=repeat(0.15))) as worker,
        gateway(worker.url, requests=BOUNDS) as running,
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
    events = (CHUNK, CHUNK, STOP, DONE)
    async with scripted(spaced(*events, gaps_s=(0.0, 1.5, 0.0, 0.0))) as worker:

        async def grow(_: bytes) -> None:
            worker.metrics = (
                "vllm:num_requests_running 3\nvllm:num_requests_waiting 1\n"
                "vllm:kv_cache_usage_perc 0.97\nvllm:num_preemptions_total 1\n"
                f"vllm:generation_tokens_total {next(readings)}\n"
            ).encode()

        worker.before_probe = grow
        async with gateway(worker.url, requests=BOUNDS, health=soon) as running:
            assert await ask(session, running, stream=True) == (200, b"".join(events))
