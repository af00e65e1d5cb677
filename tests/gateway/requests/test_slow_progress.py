"""Answers that get on in other ways than by tokens that are known: they are not cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count, repeat

import aiohttp
import pytest

from tests.gateway.harness import gateway, hang_up
from tests.gateway.requests.answers import DONE, STOP, ask
from tests.gateway.requests.test_frozen_workers import silence
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


@pytest.mark.parametrize("running", [0, 1])
async def test_a_request_that_an_idle_engine_cannot_have_is_given_up(
    session: aiohttp.ClientSession, running: int
) -> None:
    """A whole answer may take long, but not at an engine that has nothing to do."""
    bounds = {"first_token_timeout_s": 0.4, "retries": 0}
    soon = {"interval_s": 0.05, "scrape_s": 0.05}
    async with scripted(silence) as worker:
        worker.metrics = f"vllm:num_requests_running {running}\n".encode()
        async with gateway(worker.url, requests=bounds, health=soon) as gate:
            asked = asyncio.create_task(ask(session, gate, max_tokens=30_000))
            done, _ = await asyncio.wait([asked], timeout=20 if running == 0 else 1.5)
            assert bool(done) is (running == 0)
            if done:
                status, body = await asked
                assert (status, b"first_token_timeout" in body) == (504, True)
                assert gate.app.state.fleet[worker.url].healthy
            else:
                await hang_up(asked)
