"""Answers of status 200 that answer nothing: another worker is tried, and the last one passes."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from gateway.workers.cooldown import FAILURES
from tests.gateway.harness import chat, gateway
from tests.gateway.scripted import ANSWER, CHUNK, STREAM_HEAD, Script, answer, chunked, scripted

END = chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
STREAM = (
    STREAM_HEAD
    + chunked(CHUNK)
    + chunked(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n')
    + END
)
HTML = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n"
    b"<html>"
)
ERROR_EVENT = b'data: {"error":{"message":"the engine died","code":500}}\n\n'
REDIRECT = answer(b"", "307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/elsewhere")

WHOLE = {
    "a page": HTML,
    "nothing": answer(b""),
    "no JSON": answer(b"{choices"),
    "a list": answer(b"[]"),
    "an error": answer(b'{"error":{"message":"the engine died","code":500}}'),
    "a redirect": REDIRECT,
}
STREAMED = {
    "an error first": STREAM_HEAD + chunked(ERROR_EVENT) + END,
    "no event": STREAM_HEAD + b"0\r\n\r\n",
    "the end at once": STREAM_HEAD + END,
    "a page": HTML,
}


def writing(data: bytes, otherwise: bytes | None = None) -> Script:
    """A worker that answers so; a stream with ``otherwise``, if there is one."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        streams = b'"stream": true' in await reader.read(10_000)
        writer.write(otherwise if streams and otherwise else data)

    return script


@pytest.mark.parametrize(
    ("data", "stream"),
    [(data, False) for data in WHOLE.values()] + [(data, True) for data in STREAMED.values()],
    ids=[*WHOLE, *(f"stream: {name}" for name in STREAMED)],
)
async def test_another_worker_is_tried_and_the_worker_is_to_blame(
    session: aiohttp.ClientSession, data: bytes, stream: bool
) -> None:
    async with (
        scripted(writing(data)) as bad,
        scripted(writing(answer(ANSWER), STREAM)) as good,
        gateway(bad.url, good.url) as running,
    ):

        async def ask() -> None:
            url = running.url + "/v1/chat/completions"
            async with session.post(url, json=chat(stream=stream)) as response:
                assert response.status == 200
                body = await response.read()
                assert b"finish_reason" in body
                assert b"engine" not in body

        for _ in range(3 * FAILURES):  # two at a time: one would always go to the same worker
            await asyncio.gather(ask(), ask())
        assert 0 < bad.served <= 2 * FAILURES
        assert good.served == 6 * FAILURES


@pytest.mark.parametrize(
    ("data", "stream", "shown"),
    [
        (HTML, False, b"<html>"),
        (answer(b""), False, b""),
        (answer(b"{choices"), False, b"{choices"),
        (STREAMED["an error first"], True, ERROR_EVENT + b"data: [DONE]\n\n"),
    ],
)
async def test_the_only_workers_answer_passes_as_it_came(
    session: aiohttp.ClientSession, data: bytes, stream: bool, shown: bytes
) -> None:
    async with scripted(writing(data)) as worker, gateway(worker.url) as running:
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=stream)) as response:
            assert (response.status, await response.read()) == (200, shown)
        assert worker.served == 1


async def test_an_error_of_the_request_in_a_stream_is_tried_nowhere_else(
    session: aiohttp.ClientSession,
) -> None:
    event = b'data: {"error":{"message":"too long","code":400}}\n\n'
    script = writing(STREAM_HEAD + chunked(event) + END)
    async with (
        scripted(script) as one,
        scripted(script) as two,
        gateway(one.url, two.url) as running,
    ):
        url = running.url + "/v1/chat/completions"
        async with session.post(url, json=chat(stream=True)) as response:
            assert b"too long" in await response.read()
        assert one.served + two.served == 1
