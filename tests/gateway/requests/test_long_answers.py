"""Answers of any length: what is held in memory is bounded."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.gateway.harness import chat, gateway, post
from tests.gateway.requests.answers import ask
from tests.gateway.scripted import STREAM_HEAD, Script, chunked, scripted

PART = b'"' + b"x" * 2**16 + b'"'


def endless(head: bytes = STREAM_HEAD.replace(b"text/event-stream", b"application/json")) -> Script:
    """An answer in chunks that never ends."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(chunked(PART))
            await writer.drain()

    return script


def long(parts: int, *, ends: bool = True) -> Script:
    """An answer of so many parts, which may break off."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % (len(PART) * (parts + (not ends))))
        for _part in range(parts):
            writer.write(PART)
            await writer.drain()

    return script


async def test_generated_text_beyond_the_bound_is_refused_with_its_reason(
    session: aiohttp.ClientSession,
) -> None:
    bounds = {"max_answer_bytes": 2**20}
    async with scripted(endless()) as worker, gateway(worker.url, requests=bounds) as running:
        async with asyncio.timeout(5):
            status, body = await post(session, running.url, chat())
        assert (status, body["error"]["code"]) == (502, "answer_too_large")
        assert "requests.max_answer_bytes" in body["error"]["message"]
        assert worker.served == 1
        await running.until_idle()
        assert running.metric("requests_total", outcome="answer_too_large") == 1


async def test_a_long_answer_without_generated_text_passes_in_parts(
    session: aiohttp.ClientSession,
) -> None:
    bounds = {"max_answer_bytes": 2**16}
    async with scripted(long(100)) as worker, gateway(worker.url, requests=bounds) as running:
        assert await ask(session, running, "audio/transcriptions") == (200, PART * 100)


async def test_a_long_answer_that_breaks_off_breaks_off_for_the_client(
    session: aiohttp.ClientSession,
) -> None:
    async with scripted(long(100, ends=False)) as worker, gateway(worker.url) as running:
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(session, running, "audio/transcriptions")
        await running.until_idle()
        assert running.metric("requests_total", outcome="worker_failed") == 1
