"""Workers that freeze: each request there ends by name, and its slot is free at once."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.config.workers import WorkerConfig
from tests.gateway.harness import Gateway, chat, gateway, until
from tests.gateway.requests.answers import DONE, STOP, ask, streams, whole
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, ScriptedWorker, chunked, scripted

FREEZES = {"interval_s": 0.05, "timeout_s": 0.1, "failures": 2}
"""Probes that find a frozen worker within half a second."""


async def never(_: bytes) -> None:
    """Answer no probe."""
    await asyncio.Event().wait()


async def silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Take the request, and answer nothing."""
    await asyncio.Event().wait()


async def stall(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stream two tokens, and then nothing."""
    writer.write(STREAM_HEAD + chunked(CHUNK) + chunked(CHUNK))
    await writer.drain()
    await asyncio.Event().wait()


async def freeze(running: Gateway, worker: ScriptedWorker) -> None:
    """Stop answering probes; returns once the gateway knows."""
    worker.before_probe = never
    workers = running.scheduler.workers
    await until(lambda: not workers[worker.url].healthy, "the worker is down")


async def test_begun_streams_of_a_frozen_worker_end_with_an_error_and_free_their_slots(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(stall) as worker,
        gateway(worker.url, health=FREEZES, worker={"max_num_seqs": 50}) as running,
    ):
        asked = [asyncio.create_task(ask(session, running, stream=True)) for _ in range(50)]
        answering = running.app.state.fleet[worker.url].backend.exchanges
        await until(lambda: len(answering) == running.in_flight == 50, "all streams run")
        await freeze(running, worker)
        async with asyncio.timeout(2):
            for status, body in await asyncio.gather(*asked):
                assert status == 200
                assert b"worker_failed" in body.removeprefix(CHUNK * 2)
            await running.until_idle()
        assert running.metric("requests_total", outcome="worker_failed") == 50
        worker.before_probe, worker.script = None, streams(CHUNK, STOP, DONE)
        assert (await ask(session, running, stream=True))[0] == 200


async def test_requests_that_a_frozen_worker_has_not_begun_are_answered_by_another(
    session: aiohttp.ClientSession,
) -> None:
    async with (
        scripted(silence) as worker,
        scripted(streams(CHUNK, STOP, DONE)) as other,
        gateway(worker.url, other.url, health=FREEZES) as running,
    ):
        asked = [asyncio.create_task(ask(session, running, stream=True)) for _ in range(10)]
        await until(lambda: worker.served > 0, "the worker has some of them")
        await freeze(running, worker)
        async with asyncio.timeout(2):
            assert await asyncio.gather(*asked) == [(200, CHUNK + STOP + DONE)] * 10
        assert running.metric("worker_failures_total", worker=worker.url) > 0


async def test_a_frozen_worker_that_leaves_ends_its_requests(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(stall) as worker, gateway(worker.url, health=FREEZES) as running:
        asked = asyncio.create_task(ask(session, running, stream=True))
        await until(lambda: running.in_flight == 1, "the stream runs")
        worker.before_probe = never
        running.app.state.fleet.set_members([])
        async with asyncio.timeout(2):
            assert b"worker_failed" in (await asked)[1]
            await until(lambda: not running.app.state.fleet.members, "the worker has left")


async def test_a_request_beside_the_queue_is_ended_too(session: aiohttp.ClientSession) -> None:
    async with (
        scripted(silence) as worker,
        gateway(worker.url, health=FREEZES, queue={"no_worker_grace_s": 0.1}) as running,
    ):

        async def tokenize() -> int:
            async with session.post(running.url + "/tokenize", json=chat()) as response:
                return response.status

        asked = asyncio.create_task(tokenize())
        await until(lambda: worker.served == 1, "the request is there")
        await freeze(running, worker)
        async with asyncio.timeout(2):
            assert await asked == 503


async def test_a_request_beside_the_queue_that_a_leaving_worker_breaks_is_tried_elsewhere(
    session: aiohttp.ClientSession,
) -> None:
    broken = asyncio.Event()

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await broken.wait()
        writer.transport.abort()

    async with (
        scripted(breaks) as worker,
        scripted(whole(ANSWER)) as other,
        gateway(worker.url) as running,
    ):
        asked = asyncio.create_task(session.post(running.url + "/tokenize", json=chat()))
        await until(lambda: worker.served == 1, "the request is there")
        running.app.state.fleet.set_members([WorkerConfig(url=other.url)])
        await until(lambda: worker.url not in running.scheduler.workers, "the worker leaves")
        broken.set()
        async with asyncio.timeout(5), await asked as response:
            assert (response.status, await response.read()) == (200, ANSWER)


@pytest.mark.parametrize("status", ["429 Too Many Requests", "401 Unauthorized"])
async def test_streams_of_a_worker_that_refuses_a_probe_go_on(
    session: aiohttp.ClientSession, status: str
) -> None:
    refused = asyncio.Event()

    async def until_refused(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunked(CHUNK))
        await writer.drain()
        await refused.wait()
        writer.write(chunked(STOP) + chunked(DONE) + b"0\r\n\r\n")

    async with scripted(until_refused) as worker, gateway(worker.url, health=FREEZES) as running:
        asked = asyncio.create_task(ask(session, running, stream=True))
        await until(lambda: worker.served == 1, "the stream runs")
        worker.statuses[b"/health"] = status
        workers = running.scheduler.workers
        await until(lambda: not workers[worker.url].healthy, "the worker is out of use")
        refused.set()
        assert await asked == (200, CHUNK + STOP + DONE)
