"""A stream that waits tells its place in the queue to a client that asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest

from gateway.requests import early_stream
from tests.gateway.harness import Gateway, chat, gateway, until
from tests.gateway.scripted import CHUNK, STREAM_HEAD, ScriptedWorker, chunked, scripted

DONE = b"data: [DONE]\n\n"
STREAM = STREAM_HEAD + chunked(CHUNK + DONE) + b"0\r\n\r\n"
ASK = {"x-lengthwise-position": "1"}


@asynccontextmanager
async def busy(
    session: aiohttp.ClientSession,
    waiting: int,
    body: dict[str, Any] | None = None,
    *,
    policy: str = "fcfs",
    **settings: Any,
) -> AsyncIterator[tuple[Gateway, ScriptedWorker, Callable[[], None]]]:
    """A gateway with a worker that has a request, and so many that wait; the last ends them."""
    free, body = asyncio.Event(), body or chat(stream=True)
    scheduling = {"engine_queue": 0, "policy": policy}

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await free.wait()
        writer.write(STREAM)

    async with (
        scripted(script) as worker,
        gateway(
            worker.url, worker={"max_num_seqs": 1}, scheduling=scheduling, **settings
        ) as running,
        AsyncExitStack() as stack,
    ):
        url = running.url + "/v1/chat/completions"
        for number in range(waiting + 1):
            task = asyncio.ensure_future(stack.enter_async_context(session.post(url, json=body)))
            stack.callback(task.cancel)
            await until(lambda: running.in_flight == 1, "one runs")
            await until(lambda n=number: running.scheduler.waiting == n, "it waits")  # type: ignore[misc]
        yield running, worker, free.set
        free.set()
        await running.until_idle()


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
async def test_a_waiting_stream_tells_its_place_at_once_and_then_answers(
    session: aiohttp.ClientSession, path: str
) -> None:
    async with busy(session, 2) as (running, worker, release):
        url = f"{running.url}/v1/{path}"
        async with session.post(url, json=chat(stream=True), headers=ASK) as response:
            assert (response.status, response.content_type) == (200, "text/event-stream")
            told = await response.content.readuntil(b"\n\n")
            assert told.startswith(b": position=3")
            release()
            events = (await response.read()).split(b"\n\n")
            data = [event for event in events if not event.startswith(b":")]
            assert b"\n\n".join(data) == CHUNK + DONE
        assert all(b"x-lengthwise-position" not in head.lower() for head in worker.requests)


async def test_the_place_and_the_start_are_told_again(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_stream, "PLACE_S", 0.01)
    async with busy(session, 1) as (running, _, release):
        running.app.state.dispatcher.starts.per_s = lambda _: 10.0
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True), headers=ASK) as response:
            for _ in range(2):
                told = (await response.content.readuntil(b"\n\n")).decode().split()
                assert told[:2] == [":", "position=2"]
                name, seconds = told[2].split("=")
                assert name == "starts_in_s"
                assert float(seconds) > 0
            release()
            await response.read()


@pytest.mark.parametrize(
    ("headers", "stream", "setting"),
    [({}, True, "asked"), (ASK, False, "asked"), (ASK, True, "never")],
)
async def test_nobody_else_is_told(
    session: aiohttp.ClientSession, headers: dict[str, str], stream: bool, setting: str
) -> None:
    async with busy(session, 0, log={"debug_headers": setting}) as (running, _, release):
        url = running.url + "/v1/chat/completions"
        asked = asyncio.create_task(
            session.post(url, json=chat(stream=stream), headers=headers).__aenter__()
        )
        await until(lambda: running.scheduler.waiting == 1, "it waits")
        release()
        response = await asked
        assert b"position" not in await response.read()
        response.close()


async def test_a_request_that_need_not_wait_is_told_nothing(
    session: aiohttp.ClientSession,
) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)

    async with scripted(script) as worker, gateway(worker.url) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True), headers=ASK) as response:
            assert await response.read() == CHUNK + DONE


async def test_the_client_of_openai_reads_past_the_comments(
    session: aiohttp.ClientSession,
) -> None:
    async with busy(session, 1) as (running, _, release), running.openai() as client:
        body = chat()
        stream = await client.chat.completions.create(
            model=body["model"], messages=body["messages"], stream=True, extra_headers=ASK
        )
        release()
        chunks = [chunk async for chunk in stream]
        assert [len(one.choices) for one in chunks] == [1]
