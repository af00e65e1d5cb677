"""A worker's refusal is what the client gets, unless another worker answers, however it comes."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.requests.refusals import MOST_BYTES
from tests.gateway.harness import chat, gateway, until
from tests.gateway.scripted import ANSWER, BUSY, Script, answer, refusing, scripted


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = answer(BUSY, "503 Service Unavailable\r\nRetry-After: 7")
    writer.write(head[:-5])
    while await reader.read(1000):
        pass  # until the gateway closes the connection


async def _too_long(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"x" * (MOST_BYTES + 1), "503 Service Unavailable\r\nRetry-After: 7"))


@pytest.mark.parametrize(("path", "first"), [("/v1/chat/completions", 0), ("/tokenize", 1)])
async def test_a_refusal_is_not_hidden_by_a_worker_that_breaks_later(
    session: aiohttp.ClientSession, path: str, first: int
) -> None:
    refuses = refusing("429 Too Many Requests", "17")
    async with scripted(refuses) as busy, scripted(_hang_up) as broken:
        order = (busy.url, broken.url) if first == 0 else (broken.url, busy.url)
        async with gateway(*order, requests={"retries": 1}) as running:
            async with session.post(running.url + path, json=chat()) as response:
                assert (response.status, await response.read()) == (429, BUSY)
                assert response.headers["Retry-After"] == "17"
            assert (busy.served, broken.served) == (1, 1)


async def test_a_refusal_is_not_hidden_when_no_worker_is_left(
    session: aiohttp.ClientSession,
) -> None:
    async def refuses(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BUSY, "429 Too Many Requests"))

    async def breaks(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one.healthy = two.healthy = False
        await until(lambda: not running.app.state.fleet[one.url].healthy, "the first is down")
        writer.transport.abort()

    short = {"no_worker_grace_s": 0.2}
    async with (
        scripted(refuses) as one,
        scripted(breaks) as two,
        gateway(one.url, two.url, queue=short) as running,
    ):
        async with session.post(running.url + "/v1/chat/completions", json=chat()) as response:
            assert (response.status, await response.read()) == (429, BUSY)
        assert (one.served, two.served) == (1, 1)


async def test_a_refusal_whose_body_stalls_is_noted_at_once_and_tried_elsewhere(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def good(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(ANSWER))

    async def ask() -> int:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(max_tokens=1)) as response:
            return response.status

    monkeypatch.setattr("gateway.requests.refusals.READ_S", 1.0)
    async with (
        scripted(_stalls) as busy,
        scripted(good) as other,
        gateway(busy.url, other.url) as running,
    ):
        first = asyncio.create_task(ask())
        await until(lambda: running.app.state.fleet[busy.url].cooling, "the refusal is noted")
        assert not first.done()
        assert await ask() == 200
        async with asyncio.timeout(8):  # sooner than a worker that says nothing is judged to hang
            assert await first == 200
        assert busy.served == 1


@pytest.mark.parametrize("script", [_stalls, _too_long])
async def test_a_refusal_whose_body_is_cut_is_told_in_the_shape_of_the_api(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch, script: Script
) -> None:
    monkeypatch.setattr("gateway.requests.refusals.READ_S", 0.2)
    async with scripted(script) as busy, gateway(busy.url) as running:
        async with session.post(running.url + "/v1/chat/completions", json=chat()) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "7")
            assert (await response.json())["error"]["code"] == "worker_5xx"
        async with session.post(running.url + "/v1/messages", json=chat()) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "7")
            assert (await response.json())["error"]["type"] == "overloaded_error"
        assert running.metric("requests_total", outcome="worker_5xx") == 2


async def test_a_refusal_in_a_stream_that_has_begun_tells_when_to_ask_again(
    session: aiohttp.ClientSession,
) -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await until(lambda: begun, "the client's stream has begun")
        writer.write(answer(BUSY, "429 Too Many Requests\r\nRetry-After: 17"))

    begun = False
    early = {"stream_comments_s": 0.05}
    async with scripted(slow) as worker, gateway(worker.url, queue=early) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            begun = True
            text = await response.text()
    assert "overloaded (Retry-After: 17 s)" in text
    assert '"code": "worker_4xx"' in text
