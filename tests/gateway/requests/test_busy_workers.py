"""Workers that refuse requests: others are tried first, and who refuses fast gets no flood."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import aiohttp
import pytest

from gateway.emulator import EmbeddedEmulator
from scheduler.worker_spec import WorkerSpec
from tests.gateway.harness import chat, gateway, post, until
from tests.gateway.scripted import (
    ANSWER,
    BUSY,
    CHUNK,
    STREAM_HEAD,
    Script,
    answer,
    chunked,
    refusing,
    scripted,
)


def refusing_while(busy: Callable[[], bool]) -> Script:
    """A worker that refuses while ``busy`` and answers at other times."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BUSY, "503 Service Unavailable") if busy() else answer(ANSWER))

    return script


@pytest.mark.parametrize(
    "status",
    [
        "429 Too Many Requests",
        "503 Service Unavailable",
        "500 Internal Server Error",
        "401 Unauthorized",
        "404 Not Found",
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_request_is_answered_by_another_worker_and_few_are_refused(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession, status: str, stream: bool
) -> None:
    async def ask() -> int:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=stream, max_tokens=2)) as response:
            await response.read()
            return response.status

    async with (
        scripted(refusing(status)) as busy,
        gateway(busy.url, emulator.url, worker={"max_num_seqs": 4}) as running,
    ):
        for _ in range(5):
            assert await ask() == 200
        assert set(await asyncio.gather(*(ask() for _ in range(100)))) == {200}
        assert 0 < busy.served <= 20  # one more with each cooldown that passes meanwhile
        assert running.metric("worker_refusals_total", worker=busy.url) == busy.served
        assert running.metric("requests_total", outcome="ok") == 105


async def test_what_a_worker_asks_for_is_seen_in_ready(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with (
        scripted(refusing("429 Too Many Requests", "55")) as busy,
        gateway(busy.url, emulator.url) as running,
    ):
        await asyncio.gather(*(post(session, running.url, chat(max_tokens=1)) for _ in range(4)))
        async with session.get(running.url + "/ready") as response:
            first, second = (await response.json())["workers"]
        assert (first["cooling"], second["cooling"]) == (True, False)
        assert running.metric("worker_cooling", worker=busy.url) == 1
        assert running.app.state.fleet[busy.url].cooldown.left(monotonic()) > 50


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("retries", [0, 2])
async def test_the_last_refusal_goes_to_the_client_as_it_came(
    session: aiohttp.ClientSession, retries: int, stream: bool
) -> None:
    script = refusing("429 Too Many Requests", "17")
    settings = {"retries": retries}
    async with (
        scripted(script) as one,
        scripted(script) as two,
        gateway(one.url, two.url, requests=settings) as running,
    ):
        for asked in range(1, 4):
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat(stream=stream)) as response:
                assert (response.status, await response.read()) == (429, BUSY)
                assert response.headers["Retry-After"] == "17"
            # At least one worker is tried, also while all cool down.
            assert one.served + two.served == asked + (1 if retries else 0)
        assert running.metric("requests_total", outcome="worker_4xx") == 3


async def test_a_worker_that_takes_requests_again_gets_all_its_slots(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    busy = True
    async with (
        scripted(refusing_while(lambda: busy)) as worker,
        gateway(worker.url, emulator.url, worker={"max_num_seqs": 8}) as running,
    ):
        await asyncio.gather(*(post(session, running.url, chat(max_tokens=1)) for _ in range(4)))
        busy = False

        def spec() -> WorkerSpec:
            return running.scheduler.workers[worker.url].spec

        assert spec().last_resort
        await until(lambda: not spec().last_resort, "the cooldown is over")
        assert (spec().slots, spec().engine_queue) == (1, 0)
        refused = worker.served

        async def ask() -> None:
            while worker.served == refused:
                await post(session, running.url, chat(max_tokens=1))

        await asyncio.gather(*(ask() for _ in range(4)))
        await running.until_idle()
        assert spec().slots == 8


async def test_a_request_past_the_queue_is_tried_on_another_worker_too(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async with (
        scripted(refusing("503 Service Unavailable")) as busy,
        gateway(busy.url, emulator.url) as running,
    ):
        for _ in range(6):
            url = running.url + "/tokenize"
            body = {"model": "emulated", "prompt": "Hi"}
            async with session.post(url, json=body) as response:
                assert response.status == 200
                assert (await response.json())["count"] > 0
        assert busy.served == 1


async def test_a_worker_that_breaks_connections_at_once_gets_no_flood(
    emulator: EmbeddedEmulator, session: aiohttp.ClientSession
) -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with scripted(reset) as broken, gateway(broken.url, emulator.url) as running:
        for _ in range(20):
            asked = (post(session, running.url, chat(max_tokens=20)) for _ in range(4))
            assert {status for status, _ in await asyncio.gather(*asked)} == {200}
        assert broken.served <= 12


async def test_an_early_stream_ends_with_the_refusal(session: aiohttp.ClientSession) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until(lambda: begun, "the client's stream has begun")
        writer.write(answer(BUSY, "503 Service Unavailable"))

    begun = False
    early = {"stream_comments_s": 0.05}
    async with scripted(slow) as worker, gateway(worker.url, queue=early) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            begun = True
            assert (response.status, response.content_type) == (200, "text/event-stream")
            assert b"overloaded" in await response.read()


async def test_a_stream_that_begins_is_an_answer(session: aiohttp.ClientSession) -> None:
    released = False

    async def streams(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if worker.served == 1:
            writer.write(answer(BUSY, "503 Service Unavailable"))
            return
        writer.write(STREAM_HEAD + chunked(CHUNK))
        await until(lambda: released, "the client has looked")
        writer.write(chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n")

    async with scripted(streams) as worker, gateway(worker.url) as running:
        assert (await post(session, running.url, chat()))[0] == 503
        cooldown = running.app.state.fleet[worker.url].cooldown
        await until(lambda: not running.app.state.fleet[worker.url].cooling, "the cooldown is over")
        assert cooldown.on_trial(cooldown.until)
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            await response.content.readany()
            assert not cooldown.on_trial(cooldown.until)
            released = True
            await response.read()


async def test_a_request_that_is_not_refused_ends_the_trial(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = asyncio.Event()

    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if worker.served > 1:
            await released.wait()
        writer.write(answer(ANSWER) if worker.served > 1 else answer(BUSY, "429 Too Many Requests"))

    monkeypatch.setattr("gateway.workers.cooling.TRIAL_S", 0.05)
    many = {"max_num_seqs": 8}
    async with scripted(slow) as worker, gateway(worker.url, worker=many) as running:
        assert (await post(session, running.url, chat()))[0] == 429
        await until(lambda: not running.app.state.fleet[worker.url].cooling, "the cooldown is over")
        async with session.get(running.url + "/ready") as response:
            assert (await response.json())["workers"][0]["on_trial"]
        tasks = [asyncio.create_task(post(session, running.url, chat())) for _ in range(4)]
        await until(lambda: worker.served == 5, "all requests are at the worker, none answered")
        async with session.get(running.url + "/ready") as response:
            assert not (await response.json())["workers"][0]["on_trial"]
        released.set()
        assert {status for status, _ in await asyncio.gather(*tasks)} == {200}
