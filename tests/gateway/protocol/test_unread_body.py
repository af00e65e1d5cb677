"""Who sends a body for ever keeps no connection open."""

from __future__ import annotations

import asyncio
import contextlib
import http.client

import pytest

from tests.gateway.harness import PATIENCE_S, gateway
from tests.gateway.raw import connected, read_answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *((b"POST", "/nonexistent", 404), (b"POST", "/health", 405), (b"GET", "/health", 200)),
        *((b"POST", "/v1/models", 405), (b"GET", "/v1/models", 200), (b"POST", "/sleep", 403)),
        (b"TRACE", "/health", 405),
    ],
)
@pytest.mark.parametrize("length", [b"content-length: 1000", b"transfer-encoding: chunked"])
async def test_an_answer_before_the_end_of_the_body_ends_the_connection(
    method: bytes, path: str, status: int, length: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.protocol.unread_body.PATIENCE_S", 0.05)
    async with gateway() as running:
        reader, writer = await connected(running.url)
        head = method + b" " + path.encode() + b" HTTP/1.1\r\nhost: x\r\n" + length
        writer.write(head + b"\r\n\r\n" + b"3\r\nabc\r\n")
        answer = await read_answer(reader)
        assert (answer.status, dict(answer.headers)[b"connection"]) == (status, b"close")
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("path", ["/nonexistent", "/health", "/sleep"])
async def test_a_body_that_ends_leaves_the_connection_open(path: str) -> None:
    async with gateway() as running:
        reader, writer = await connected(running.url)
        for _ in range(3):
            writer.write(b"POST " + path.encode() + b" HTTP/1.1\r\nhost: x\r\n")
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(b"content-length: 200000\r\n\r\n" + b"x" * 200_000)
            answer = await read_answer(reader)
            assert b"connection" not in dict(answer.headers)
        writer.close()


async def test_a_client_that_sends_all_of_a_body_before_it_reads_gets_the_answer() -> None:
    def upload(url: str) -> int:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        with contextlib.closing(connection) as client:
            client.request("POST", "/v1/chat/completions", b"x" * 30_000_000)
            with client.getresponse() as response:
                return response.status

    async with gateway(requests={"max_body_bytes": 10_000}) as running:
        assert await asyncio.to_thread(upload, running.url) == 413
