"""Slashes at the end of a path, and HEAD, through a gateway."""

from __future__ import annotations

import asyncio
import json

import pytest

from gateway.emulator import EmbeddedEmulator
from tests.gateway.harness import chat, gateway
from tests.gateway.raw import ask, request
from tests.gateway.scripted import Script, answer, scripted

BODY = json.dumps(chat()).encode()


def saying(raw: bytes) -> Script:
    """Answers every request with these bytes."""

    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return script


@pytest.mark.parametrize("path", ["/v1/chat/completions/", "/v1/completions//?a=b/"])
async def test_a_worker_never_sees_a_slash_at_the_end_of_a_path(path: str) -> None:
    async with scripted(saying(answer(b"{}"))) as worker, gateway(worker.url) as running:
        assert (await ask(running.url, request(b"POST", path, body=BODY))).status == 200
        first, _, query = path.partition("?")
        assert worker.paths == [(first.rstrip("/") + ("?" + query if query else "")).encode()]


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/v1/models"])
@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_own_pages_answer_head_and_paths_with_a_slash(
    emulator: EmbeddedEmulator, path: str, end: str, method: bytes
) -> None:
    async with gateway(emulator.url) as running:
        got = await ask(running.url, request(method, path + end))
    assert got.status == 200
    assert int(dict(got.headers)[b"content-length"]) > 0
    assert bool(got.body) == (method == b"GET")


async def test_the_answer_to_head_tells_the_length_that_the_worker_tells() -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 123\r\nx-worker: 1\r\n\r\n"
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"HEAD", "/v1/responses/resp_1"))
        assert worker.requests[-1].startswith(b"HEAD /v1/responses/resp_1 ")
    assert (got.status, got.body) == (200, b"")
    assert (b"content-length", b"123") in got.headers
    assert (b"x-worker", b"1") in got.headers


async def test_an_answer_without_content_has_no_length() -> None:
    raw = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with scripted(saying(raw)) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"DELETE", "/v1/responses/resp_1"))
    assert got.status == 204
    assert not {b"content-length", b"transfer-encoding"} & dict(got.headers).keys()


async def test_head_may_be_answered_as_an_event_stream() -> None:
    async def streams(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-kept: 1\r\n\r\n")

    async with scripted(streams) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(b"HEAD", "/v1/responses/resp_1"))
        assert got.status == 200
        assert (b"x-kept", b"1") in got.headers
