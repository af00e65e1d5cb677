"""Requests that offer another protocol are served as plain ones, with their bodies."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.gateway.harness import chat, gateway
from tests.gateway.raw import ask, connected, read_answer, request
from tests.gateway.scripted import answer, scripted

BODY = json.dumps(chat()).encode()
H2C = (b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAEAAEAAAAIAAAAA")
WEBSOCKET = (b"connection: upgrade", b"upgrade: websocket", b"sec-websocket-key: eA==")
CLOSING = (b"connection: close, upgrade", b"upgrade: h2c")
CHAT = "/v1/chat/completions"


class Echo:
    """Answers with the body that it got."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.bodies.append(await reader.readuntil(b"}]}"))
        writer.write(answer(b"{}"))


def in_chunks(body: bytes) -> bytes:
    """The body in two chunks."""
    parts = body[:9], body[9:]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("offer", [H2C, WEBSOCKET, CLOSING], ids=["h2c", "websocket", "closing"])
@pytest.mark.parametrize("cut", [1, 60, 10_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_request_with_an_offer_keeps_its_body(
    offer: tuple[bytes, ...], cut: int, chunked: bool
) -> None:
    data = request(b"POST", CHAT, *offer, body=BODY)
    if chunked:
        data = request(b"POST", CHAT, *offer, b"transfer-encoding: chunked") + in_chunks(BODY)
    echo = Echo()
    async with scripted(echo) as worker, gateway(worker.url, scheduling=PLAIN) as running:
        reader, writer = await connected(running.url)
        for start in range(0, len(data), cut):
            writer.write(data[start : start + cut])
            await writer.drain()
            await asyncio.sleep(0)  # the server may read what has come so far
        assert (await read_answer(reader)).status == 200
        writer.close()
        assert echo.bodies == [BODY]
        assert b"upgrade" not in worker.requests[-1].lower()
        assert b"http2-settings" not in worker.requests[-1].lower()


PLAIN = {"send_priority": False}


async def test_requests_with_offers_follow_each_other_on_one_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = request(b"POST", CHAT, *H2C, body=BODY)
    echo = Echo()
    async with scripted(echo) as worker, gateway(worker.url, scheduling=PLAIN) as running:
        reader, writer = await connected(running.url)
        with caplog.at_level(logging.WARNING):
            writer.write(one * 2 + request(b"GET", "/health", *H2C) + one)
            found = [(await read_answer(reader)).status for _ in range(4)]
        writer.close()
        assert found == [200] * 4
        assert echo.bodies == [BODY] * 3
    assert "pgrade" not in caplog.text


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request(b"CONNECT", "example.org:443"), 400),
        (request(b"CONNECT", CHAT), 405),
        (request(b"TRACE", CHAT), 405),
    ],
)
async def test_tunnels_and_traces_are_refused(data: bytes, status: int) -> None:
    async with scripted(Echo()) as worker, gateway(worker.url) as running:
        assert (await ask(running.url, data)).status == status
        assert worker.served == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        (b"TRACE", "/health", 405, b"GET, HEAD"),
        (b"TRACE", "/nothing", 405, b""),
        (b"GET", "/v1/chat/completions", 405, b"OPTIONS, POST"),
        (b"DELETE", "/tokenize", 405, b"OPTIONS, POST"),
        (b"POST", "/v1/models", 405, b"GET, HEAD"),
        (b"PROPFIND", "/v1/chat/completions", 501, None),
        (b"POST", "/v1/files", 404, None),
    ],
)
async def test_what_a_path_does_not_serve_ends_here(
    method: bytes, path: str, status: int, allow: bytes | None
) -> None:
    async with scripted(Echo()) as worker, gateway(worker.url) as running:
        got = await ask(running.url, request(method, path))
        assert (got.status, dict(got.headers).get(b"allow")) == (status, allow)
        assert worker.served == 0
